// SPDX-License-Identifier: MIT OR Apache-2.0

//! The raw system calls, and the only `unsafe` code of the crate.
//!
//! Nothing here decides anything: each function makes one call and turns its result into a
//! [`Result`]. What the calls promise is written in `docs/abi.md`.

use std::ffi::c_long;

use nix::errno::Errno;

/// Number of `create_newjail`, the same on every architecture (`docs/abi.md`).
pub const SYS_CREATE_NEWJAIL: c_long = 1000;

/// Number of `get_jailnumber`, the same on every architecture (`docs/abi.md`).
pub const SYS_GET_JAILNUMBER: c_long = 1001;

/// `long create_newjail(void)`: the calling task enters a new jail.
///
/// Returns the new number, or the error of the kernel as it came.
pub fn create_newjail() -> Result<c_long, Errno> {
    // SAFETY: the call takes no argument and reads or writes no memory of the caller; where the
    // kernel does not know the number it does nothing but fail with ENOSYS.
    Errno::result(unsafe { libc::syscall(SYS_CREATE_NEWJAIL) })
}

/// `long get_jailnumber(void)`: the number of the jail the calling task is in, 0 on the host.
///
/// Returns the number, or the error of the kernel as it came.
pub fn get_jailnumber() -> Result<c_long, Errno> {
    // SAFETY: as for `create_newjail`.
    Errno::result(unsafe { libc::syscall(SYS_GET_JAILNUMBER) })
}
