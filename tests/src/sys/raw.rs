// SPDX-License-Identifier: MIT OR Apache-2.0

//! A system call by its number, with arguments that no call takes.

use super::errno::{checked, Result};

/// Makes a call with -1 for its first argument, `second`, and zeros.
///
/// What it gives is of no use but for its error: nothing that takes a descriptor, a pointer or a
/// command does anything with these.
pub fn refused_call(number: libc::c_long, second: libc::c_long) -> Result<i64> {
    // SAFETY: no pointer is given that the kernel could write to: -1 and small numbers are none
    // that a process has memory at.
    let result = unsafe { libc::syscall(number, -1 as libc::c_long, second, 0, 0, 0, 0) };
    // Narrower on some architectures.
    #[allow(clippy::useless_conversion)]
    checked(result).map(i64::from)
}

/// The umask of the process, which is set to `mask`.
pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: umask takes a number, and cannot fail.
    unsafe { libc::umask(mask) }
}
