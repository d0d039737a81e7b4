// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tracing other processes.

use super::errno::{checked, Result};
use libc::{c_int, c_long, pid_t};

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

/// Lets a stopped process go on to the beginning or the end of its next system call, with a signal
/// unless that is 0.
pub fn to_next_call(pid: pid_t, signal: i32) -> Result<()> {
    // SAFETY: the request takes integers and touches no memory of the caller.
    checked(unsafe { libc::ptrace(libc::PTRACE_SYSCALL, pid, 0usize, signal as usize) }).map(drop)
}

/// Lets a stopped process go on to whatever else it stops for, with a signal unless that is 0.
pub fn go_on(pid: pid_t, signal: i32) -> Result<()> {
    // SAFETY: as above.
    checked(unsafe { libc::ptrace(libc::PTRACE_CONT, pid, 0usize, signal as usize) }).map(drop)
}

/// Lets a stopped process go, and traces it no longer.
pub fn detach(pid: pid_t, signal: i32) -> Result<()> {
    // SAFETY: as above.
    checked(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0usize, signal as usize) }).map(drop)
}

/// What a process does of which another event is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has stopped at the beginning or the end of a system call.
    Call,
    /// It has stopped having executed a program.
    Executed,
    /// It has stopped before it gets this signal.
    Signal(i32),
    /// It has stopped for something else: it is new, has made another, or was told to stop.
    Other,
    /// It has ended.
    Ended,
}

/// Waits for any process that the caller traces, or that is its child. `ECHILD` where there is none.
///
/// System calls are told from signals where the option PTRACE_O_TRACESYSGOOD says so.
pub fn next_event() -> Result<(pid_t, Event)> {
    let mut status = 0;
    // SAFETY: the pointer is to an int that outlives the call.
    let pid = checked(unsafe { libc::waitpid(-1, &mut status, libc::__WALL) })?;
    Ok((pid, event(status)))
}

fn event(status: c_int) -> Event {
    const CALL: i32 = libc::SIGTRAP | 0x80;
    if !libc::WIFSTOPPED(status) {
        return Event::Ended;
    }
    match (status >> 16, libc::WSTOPSIG(status)) {
        (0, CALL) => Event::Call,
        (0, signal) => Event::Signal(signal),
        (libc::PTRACE_EVENT_EXEC, _) => Event::Executed,
        _ => Event::Other,
    }
}
