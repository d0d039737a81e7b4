// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for signals.

use super::errno::{checked, Errno, Result};

fn set_of(signals: &[i32]) -> Result<libc::sigset_t> {
    // SAFETY: sigemptyset makes a value of the zeroed struct; the pointer is to a local.
    let mut set = unsafe { std::mem::zeroed() };
    // SAFETY: the set outlives the call.
    checked(unsafe { libc::sigemptyset(&mut set) })?;
    for signal in signals {
        // SAFETY: the set has been initialised and outlives the call.
        checked(unsafe { libc::sigaddset(&mut set, *signal) })?;
    }
    Ok(set)
}

/// Keeps the signals pending for [`await_one`].
pub fn block(signals: &[i32]) -> Result<()> {
    let set = set_of(signals)?;
    // SAFETY: the set outlives the call and the old one is not wanted.
    checked(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) }).map(drop)
}

/// Waits for one of the signals, which must be [blocked](block).
pub fn await_one(signals: &[i32]) -> Result<i32> {
    let set = set_of(signals)?;
    let mut signal = 0;
    // SAFETY: both pointers are to locals that outlive the call.
    match unsafe { libc::sigwait(&set, &mut signal) } {
        0 => Ok(signal),
        errno => Err(Errno(errno)),
    }
}
