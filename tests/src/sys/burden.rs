// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a process hands on to whatever it starts.

use super::errno::{call, checked, Result};
use libc::c_int;

/// `ADDR_NO_RANDOMIZE` of personality(2).
pub const NO_RANDOMIZE: libc::c_ulong = 0x0004_0000;
/// `SECBIT_NO_SETUID_FIXUP`: a change of user leaves capabilities alone.
pub const NO_SETUID_FIXUP: c_int = 1 << 2;

/// `personality(2)`.
pub fn set_personality(persona: libc::c_ulong) -> Result<()> {
    call!(libc::SYS_personality, persona).map(drop)
}

/// How much later than asked for the caller may be woken, in nanoseconds.
pub fn set_timer_slack(nanoseconds: libc::c_ulong) -> Result<()> {
    // SAFETY: this operation takes integers and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) }).map(drop)
}

/// Has the caller ignore a signal.
pub fn ignore(signal: c_int) -> Result<()> {
    // SAFETY: an all-zero sigaction is a valid value, and no handler is set.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = libc::SIG_IGN;
    // SAFETY: the struct outlives the call.
    checked(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) }).map(drop)
}

/// Sets a soft and a hard limit of the caller.
pub fn set_limit(resource: c_int, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    call!(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), 0usize).map(drop)
}

/// What is special about the caller's capabilities.
pub fn securebits() -> Result<c_int> {
    // SAFETY: this operation takes integers and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, 0) })
}

/// Changes that.
pub fn set_securebits(bits: c_int) -> Result<()> {
    // SAFETY: this operation takes integers and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, bits, 0, 0, 0) }).map(drop)
}
