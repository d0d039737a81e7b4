// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keys and keyrings (keyctl(2)).

use super::errno::{call, Errno, Result};
use std::ffi::CString;

/// A key's number, or one of the names below.
pub type Serial = i32;

/// The caller's session keyring.
pub const SESSION: Serial = -3;
/// The keyring that a user's processes share.
pub const USER: Serial = -4;
/// The session keyring of a user's processes that have none of their own.
pub const USER_SESSION: Serial = -5;
/// The caller's process keyring.
pub const PROCESS: Serial = -2;
/// All that there is to everybody.
pub const ALL: u32 = 0x3f3f_3f3f;

fn text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Errno::EINVAL)
}

fn control(command: i32, arguments: [usize; 4]) -> Result<i64> {
    let [a, b, c, d] = arguments;
    call!(libc::SYS_keyctl, command, a, b, c, d).map(widen)
}

// `long` has 32 bits on 32-bit architectures.
#[allow(clippy::useless_conversion)]
fn widen(number: libc::c_long) -> i64 {
    i64::from(number)
}

fn word(serial: Serial) -> usize {
    serial as isize as usize
}

/// `add_key(2)`: a key that holds a few bytes.
pub fn add(description: &str, ring: Serial) -> Result<Serial> {
    let description = text(description)?;
    call!(
        libc::SYS_add_key,
        c"user".as_ptr(),
        description.as_ptr(),
        c"secret".as_ptr(),
        6usize,
        ring
    )
    .map(|serial| serial as Serial)
}

/// `add_key(2)`: a keyring.
pub fn add_ring(description: &str, ring: Serial) -> Result<Serial> {
    let description = text(description)?;
    call!(
        libc::SYS_add_key,
        c"keyring".as_ptr(),
        description.as_ptr(),
        0usize,
        0usize,
        ring
    )
    .map(|serial| serial as Serial)
}

/// `request_key(2)` with text for a program that makes keys.
pub fn request(description: &str) -> Result<Serial> {
    let description = text(description)?;
    call!(
        libc::SYS_request_key,
        c"user".as_ptr(),
        description.as_ptr(),
        c"please".as_ptr(),
        SESSION
    )
    .map(|serial| serial as Serial)
}

/// Begins a session keyring: a new one, or the one of this name that there is.
pub fn join_session(name: Option<&str>) -> Result<Serial> {
    let name = name.map(text).transpose()?;
    let pointer = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
    control(1, [pointer as usize, 0, 0, 0]).map(|serial| serial as Serial)
}

/// Replaces what a key holds.
pub fn update(key: Serial) -> Result<()> {
    let bytes = c"changed";
    control(2, [word(key), bytes.as_ptr() as usize, 7, 0]).map(drop)
}

/// Makes a key unusable.
pub fn revoke(key: Serial) -> Result<()> {
    control(3, [word(key), 0, 0, 0]).map(drop)
}

/// Sets who may do what with a key.
pub fn set_permissions(key: Serial, permissions: u32) -> Result<()> {
    control(5, [word(key), permissions as usize, 0, 0]).map(drop)
}

/// What a key is.
pub fn describe(key: Serial) -> Result<()> {
    let mut buffer = [0u8; 256];
    let place = buffer.as_mut_ptr() as usize;
    control(6, [word(key), place, buffer.len(), 0]).map(drop)
}

/// Empties a keyring.
pub fn clear(ring: Serial) -> Result<()> {
    control(7, [word(ring), 0, 0, 0]).map(drop)
}

/// Puts a key into a keyring.
pub fn link(key: Serial, ring: Serial) -> Result<()> {
    control(8, [word(key), word(ring), 0, 0]).map(drop)
}

/// Takes a key out of a keyring.
pub fn unlink(key: Serial, ring: Serial) -> Result<()> {
    control(9, [word(key), word(ring), 0, 0]).map(drop)
}

/// Looks for a key in a keyring.
pub fn search(ring: Serial, description: &str) -> Result<Serial> {
    let description = text(description)?;
    let kind = c"user";
    control(
        10,
        [
            word(ring),
            kind.as_ptr() as usize,
            description.as_ptr() as usize,
            0,
        ],
    )
    .map(|serial| serial as Serial)
}

/// What a key holds.
pub fn read(key: Serial) -> Result<()> {
    let mut buffer = [0u8; 64];
    let place = buffer.as_mut_ptr() as usize;
    control(11, [word(key), place, buffer.len(), 0]).map(drop)
}

/// Sets when a key expires, in seconds; 0 for never.
pub fn set_timeout(key: Serial, seconds: usize) -> Result<()> {
    control(15, [word(key), seconds, 0, 0]).map(drop)
}

/// The security label of a key.
pub fn label(key: Serial) -> Result<()> {
    let mut buffer = [0u8; 64];
    let place = buffer.as_mut_ptr() as usize;
    control(17, [word(key), place, buffer.len(), 0]).map(drop)
}

/// Gives the parent the caller's session keyring.
pub fn session_to_parent() -> Result<()> {
    control(18, [0; 4]).map(drop)
}

/// Makes a key vanish.
pub fn invalidate(key: Serial) -> Result<()> {
    control(21, [word(key), 0, 0, 0]).map(drop)
}
