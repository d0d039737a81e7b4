// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tracing other processes.

use super::errno::{checked, Result};
use libc::{c_long, pid_t};

/// Begins to trace a process, which is not stopped by that. `options` are those of
/// `PTRACE_SETOPTIONS`.
pub fn seize(pid: pid_t, options: i32) -> Result<()> {
    // SAFETY: the request takes integers and touches no memory of the caller.
    checked(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0usize, options as usize) }).map(drop)
}

/// Stops a process that the caller traces.
pub fn interrupt(pid: pid_t) -> Result<()> {
    // SAFETY: as above.
    checked::<c_long>(unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, pid, 0usize, 0usize) })
        .map(drop)
}

/// Waits until a process that the caller traces has stopped.
pub fn wait_for_stop(pid: pid_t) -> Result<()> {
    let mut status = 0;
    // SAFETY: the pointer is to an int that outlives the call.
    checked(unsafe { libc::waitpid(pid, &mut status, libc::__WALL) }).map(drop)
}
