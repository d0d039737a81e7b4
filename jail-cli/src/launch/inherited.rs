// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a process has of the one that started it, set to what the guide says.
//!
//! All of it goes on over fork(2) and execve(2), so that a command would run as its caller was
//! scheduled, and with what he had changed about the kernel's interface.

use std::ffi::{c_int, c_ulong};
use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::SigSet;

use crate::caller::Caller;
use crate::isolation::{Inherited, Isolation};
use crate::sys::{self, inherited as calls};
use crate::text::reason;

/// How much later than asked for a process may be woken, in nanoseconds: what the kernel gives the
/// first one.
const TIMER_SLACK: c_ulong = 50_000;

/// What says how likely a process is killed where memory runs out.
const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

/// What says who logged in, and the text for nobody.
const LOGIN_UID: &str = "/proc/self/loginuid";
const NO_LOGIN: &str = "4294967295";

/// On ARM the kernel works with this bit of the personality, and sets it in all processes.
const ADDR_LIMIT_32BIT: c_ulong = 0x0080_0000;

/// Resets something.
type Step = fn() -> Result<(), Errno>;

/// Resets what `isolation` does not keep, but for signals and limits, for the calling process and
/// whatever it forks and executes.
///
/// What takes a capability that the caller does not have stays as he has it.
///
/// # Errors
///
/// What could not be reset, and how it is kept.
pub fn reset(isolation: &Isolation) -> Result<(), String> {
    let steps: [(Inherited, Step); 8] = [
        (Inherited::Scheduling, scheduling),
        (Inherited::IoPriority, calls::reset_io_priority),
        (Inherited::Affinity, calls::use_all_processors),
        (Inherited::Memory, memory),
        (Inherited::Personality, personality),
        (Inherited::OomScoreAdj, oom_score_adj),
        (Inherited::TimerSlack, timer_slack),
        (Inherited::LoginUid, login_uid),
    ];
    for (what, step) in steps {
        if isolation.inherits(what) {
            continue;
        }
        match step() {
            // What the kernel does not have is nothing that the caller could have changed.
            Ok(()) | Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => {}
            Err(errno) => {
                let why = reason(errno);
                return Err(format!(
                    "{what}: {why}; \"--inherit {what}\" keeps the caller's"
                ));
            }
        }
    }
    Ok(())
}

fn scheduling() -> Result<(), Errno> {
    let policy = calls::schedule_as_usual();
    let nice = rustix::process::setpriority_process(None, 0);
    policy.and(nice.map_err(|error| Errno::from_raw(error.raw_os_error())))
}

fn memory() -> Result<(), Errno> {
    ignore_missing(calls::reset_memory_policy())?;
    ignore_missing(prctl::set_thp_disable(false))?;
    calls::merge_no_memory()
}

/// What a kernel was built without cannot have been changed.
fn ignore_missing(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::ENOSYS | Errno::EINVAL) => Ok(()),
        result => result,
    }
}

fn personality() -> Result<(), Errno> {
    calls::reset_personality(match cfg!(target_arch = "arm") {
        true => ADDR_LIMIT_32BIT,
        false => 0,
    })
}

fn oom_score_adj() -> Result<(), Errno> {
    set_to(Path::new(OOM_SCORE_ADJ), "0")
}

/// Once it is set, only who has CAP_AUDIT_CONTROL changes it, and a login in the jail has to: PAM
/// refuses it otherwise.
fn login_uid() -> Result<(), Errno> {
    match set_to(Path::new(LOGIN_UID), NO_LOGIN) {
        // A kernel that audits no calls has no such file.
        Err(Errno::ENOENT) => Ok(()),
        result => result,
    }
}

/// Writes to a file what is not there already: that takes more than to read it.
fn set_to(file: &Path, value: &str) -> Result<(), Errno> {
    let raw = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    match fs::read_to_string(file).map_err(raw)?.trim() {
        there if there == value => Ok(()),
        _ => fs::write(file, value).map_err(raw),
    }
}

fn timer_slack() -> Result<(), Errno> {
    prctl::set_timerslack(TIMER_SLACK)
}

/// Gives every signal its default action, but for those that the command is to ignore as its caller
/// does, and blocks none.
pub fn reset_signals(isolation: &Isolation) -> Result<(), String> {
    const FIXED: [c_int; 2] = [libc::SIGKILL, libc::SIGSTOP];
    let caller = Caller::get();
    let keeps = isolation.inherits(Inherited::Signals);
    for signal in 1..=sys::last_signal() {
        if FIXED.contains(&signal) {
            continue;
        }
        let action = match keeps && caller.ignores(signal) {
            true => calls::ignore(signal),
            false => sys::default_action(signal),
        };
        match action {
            // The C library keeps the first real-time signals to itself.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(format!("signal {signal}: {}", reason(errno))),
        }
    }
    SigSet::empty().thread_set_mask().map_err(reason)
}
