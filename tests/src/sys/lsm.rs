// SPDX-License-Identifier: MIT OR Apache-2.0

//! What security modules say about the caller.

use super::errno::{checked, Errno, Result};

/// Where the kernel names the security modules in use.
pub const NAMES: &str = "/sys/kernel/security/lsm";

/// The security modules in use, in the order in which they are asked.
pub fn names() -> std::io::Result<Vec<String>> {
    let text = std::fs::read_to_string(NAMES)?;
    Ok(text.trim().split(',').map(str::to_owned).collect())
}

/// Whether a module gives processes labels of its own, which `/proc/PID/attr/current` tells.
pub fn has_labels(module: &str) -> bool {
    ["apparmor", "selinux", "smack"].contains(&module)
}

/// `lsm_get_self_attr(2)`.
const LSM_GET_SELF_ATTR: libc::c_long = 459;
/// `LSM_ATTR_CURRENT`.
const ATTR_CURRENT: u32 = 100;
/// `LSM_ID_JAULA`.
const ID_JAULA: u64 = 1000;
/// `LSM_ID_SELINUX`.
pub const ID_SELINUX: u64 = 101;
/// The identifier, flags, length of the whole and length of the text (`struct lsm_ctx`).
const HEADER: usize = 32;

/// What jaula says that the caller's current attribute is.
pub fn self_attr() -> Result<String> {
    self_attr_of(ID_JAULA)
}

/// What a module says of it, which has this number.
pub fn self_attr_of(module: u64) -> Result<String> {
    // Aligned as the structure is.
    let mut buffer = [0u64; 32];
    let mut size = std::mem::size_of_val(&buffer) as u32;
    // SAFETY: the call writes no more than `size` bytes to the buffer, and the size it needed to
    // `size`; both outlive it.
    let count = checked(unsafe {
        libc::syscall(
            LSM_GET_SELF_ATTR,
            ATTR_CURRENT,
            buffer.as_mut_ptr(),
            &raw mut size,
            0u32,
        )
    })?;
    let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_ne_bytes()).collect();
    // Other modules may come before.
    let mut at = 0;
    for _ in 0..count {
        let length = buffer[at / 8 + 2] as usize;
        let text = buffer[at / 8 + 3] as usize;
        if buffer[at / 8] == module {
            let text = &bytes[at + HEADER..at + HEADER + text];
            return Ok(String::from_utf8_lossy(text).into_owned());
        }
        at += length;
    }
    Err(Errno::ENOENT)
}
