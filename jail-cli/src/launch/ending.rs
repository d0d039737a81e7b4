// SPDX-License-Identifier: MIT OR Apache-2.0

//! What becomes of children, with signals by their numbers: nix knows none of the real-time ones.

use std::ffi::c_int;

use nix::errno::Errno;
use nix::unistd::Pid;
use procfs::process::Process;
use rustix::process::{wait, waitid, waitpid, WaitId, WaitIdOptions, WaitOptions, WaitStatus};

/// How the first process of a jail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exited(u8),
    /// This signal killed it.
    Killed(c_int),
}

impl Ending {
    /// The exit status that stands for it: its own, or 128 + the signal.
    pub fn status(self) -> u8 {
        match self {
            Ending::Exited(status) => status,
            Ending::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// What has happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has ended.
    Ended(Ending),
    /// This signal has stopped it.
    Stopped(c_int),
}

impl Change {
    fn of(status: WaitStatus) -> Option<Self> {
        let exited = status.exit_status().map(|status| {
            let status = u8::try_from(status).unwrap_or(u8::MAX);
            Change::Ended(Ending::Exited(status))
        });
        let killed = || status.terminating_signal().map(Ending::Killed);
        let stopped = || status.stopping_signal().map(Change::Stopped);
        exited
            .or_else(|| killed().map(Change::Ended))
            .or_else(stopped)
    }
}

/// What has happened to `child` and has not been told yet.
///
/// # Errors
///
/// As waitpid(2).
pub fn change_of(child: Pid) -> Result<Option<Change>, Errno> {
    let child = number(child)?;
    let flags = WaitOptions::NOHANG | WaitOptions::UNTRACED;
    let found = waitpid(Some(child), flags).map_err(errno)?;
    Ok(found.and_then(|(_, status)| Change::of(status)))
}

/// What has happened to any child and has not been told yet.
///
/// # Errors
///
/// As waitpid(2).
pub fn any_change() -> Result<Option<(Pid, Change)>, Errno> {
    let flags = WaitOptions::NOHANG | WaitOptions::UNTRACED;
    while let Some((child, status)) = wait(flags).map_err(errno)? {
        if let Some(change) = Change::of(status) {
            return Ok(Some((Pid::from_raw(child.as_raw_nonzero().get()), change)));
        }
    }
    Ok(None)
}

/// Whether `child` is stopped; it can be told of that once more.
///
/// # Errors
///
/// As waitid(2).
pub fn is_stopped(child: Pid) -> Result<bool, Errno> {
    let flags = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(number(child)?), flags) {
        Ok(status) => Ok(status.is_some_and(|status| status.stopped())),
        // It has ended, and is not waited for here.
        Err(rustix::io::Errno::CHILD) => Ok(false),
        Err(error) => Err(errno(error)),
    }
}

/// Whether a process is stopped of which another is the parent, as far as can be seen.
pub fn is_seen_stopped(process: Pid) -> bool {
    let stat = Process::new(process.as_raw()).and_then(|process| process.stat());
    stat.is_ok_and(|stat| stat.state == 'T')
}

fn number(child: Pid) -> Result<rustix::process::Pid, Errno> {
    rustix::process::Pid::from_raw(child.as_raw()).ok_or(Errno::EINVAL)
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::sys;

    #[test]
    fn a_child_that_is_stopped_is_told_from_one_that_runs_or_has_ended() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let pid = Pid::from_raw(child.id() as i32);
        assert_eq!(is_stopped(pid), Ok(false));
        sys::send_signal(pid, libc::SIGSTOP).expect("kill");
        let deadline = Instant::now() + Duration::from_secs(60);
        while is_stopped(pid) != Ok(true) {
            assert!(Instant::now() < deadline, "it is not seen to have stopped");
        }
        assert_eq!(is_stopped(pid), Ok(true));
        assert!(is_seen_stopped(pid));
        child.kill().expect("kill");
        assert_eq!(is_stopped(pid), Ok(false));
        assert!(!is_seen_stopped(pid));
        assert!(!child.wait().expect("wait").success());
    }

    #[test]
    fn every_signal_has_its_number() {
        for signal in [libc::SIGTERM, libc::SIGSTKFLT, libc::SIGRTMIN(), 40, 64] {
            let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
            let pid = Pid::from_raw(child.id() as i32);
            sys::send_signal(pid, signal).expect("kill");
            let deadline = Instant::now() + Duration::from_secs(60);
            let change = loop {
                assert!(Instant::now() < deadline, "signal {signal} does not end it");
                if let Some(change) = change_of(pid).expect("waitpid") {
                    break change;
                }
            };
            assert_eq!(change, Change::Ended(Ending::Killed(signal)));
            assert!(child.wait().is_err(), "it was waited for already");
        }
    }

    #[test]
    fn the_status_is_the_one_a_shell_gives() {
        assert_eq!(Ending::Exited(0).status(), 0);
        assert_eq!(Ending::Exited(255).status(), 255);
        assert_eq!(Ending::Killed(libc::SIGTERM).status(), 143);
        assert_eq!(Ending::Killed(64).status(), 192);
    }
}
