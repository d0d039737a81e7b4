// SPDX-License-Identifier: MIT OR Apache-2.0

//! The launcher after the fork: passes signals in, and the way it ended out.

use std::ffi::c_int;

use nix::errno::Errno;
use nix::sys::signal::{kill, killpg, SigSet, SigmaskHow, Signal};
use nix::sys::wait::{waitid, waitpid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::terminal::Terminal;
use crate::sys;

/// What is passed on to the first process of the jail.
pub const FORWARDED: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

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

/// The signals a launcher waits for, blocked as long as this lives.
pub struct Signals {
    waited_for: SigSet,
    ignored: Vec<c_int>,
    before: SigSet,
}

impl Signals {
    /// Blocks them, so that none is lost between the fork and the wait.
    ///
    /// What the caller ignores, under nohup(1) say, is left alone and not passed on.
    pub fn block() -> Result<Self, Errno> {
        // A parent that ignores SIGCHLD is never told how its children ended.
        sys::default_action(libc::SIGCHLD)?;
        let (ignored, forwarded): (Vec<_>, Vec<_>) = FORWARDED
            .into_iter()
            .partition(|&signal| sys::is_ignored(signal as c_int));
        let waited_for: SigSet = forwarded
            .into_iter()
            .chain([Signal::SIGCHLD, Signal::SIGCONT])
            .collect();
        // Taking the terminal back from the background stops a process that does not block it.
        let mut blocked = waited_for;
        blocked.add(Signal::SIGTTOU);
        let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let ignored = ignored.into_iter().map(|signal| signal as c_int).collect();
        Ok(Signals {
            waited_for,
            ignored,
            before,
        })
    }

    /// Takes one of the forwarded ones, where one has come.
    pub fn take_forwarded(&self) -> Result<Option<Signal>, Errno> {
        let mut forwarded = self.waited_for;
        forwarded.remove(Signal::SIGCHLD);
        forwarded.remove(Signal::SIGCONT);
        sys::take_pending(&forwarded)?
            .map(Signal::try_from)
            .transpose()
    }

    /// Those of the forwarded ones that the caller ignores.
    pub fn ignored(&self) -> &[c_int] {
        &self.ignored
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // It cannot fail: the mask is one the kernel gave.
        let _ = self.before.thread_set_mask();
    }
}

/// What the first process of a namespace of process ids waits for.
pub fn signals_waited_for() -> SigSet {
    FORWARDED.into_iter().chain([Signal::SIGCHLD]).collect()
}

/// Whether `child` is stopped; a wait for it says so all the same.
pub fn is_stopped(child: Pid) -> Result<bool, Errno> {
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(child), flags) {
        Ok(status) => Ok(matches!(status, WaitStatus::Stopped(..))),
        // It has ended, and is not waited for here.
        Err(Errno::ECHILD) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Waits for `child` to end, passing signals on and lending it `terminal`.
///
/// With `apart` it has a session of its own, which no terminal sends anything to.
pub fn supervise(
    child: Pid,
    signals: &Signals,
    terminal: &mut Option<Terminal>,
    apart: bool,
) -> Result<Ending, Errno> {
    loop {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        match waitpid(child, Some(flags))? {
            WaitStatus::Exited(_, status) => {
                return Ok(Ending::Exited(u8::try_from(status).unwrap_or(u8::MAX)));
            }
            WaitStatus::Signaled(_, signal, _) => return Ok(Ending::Killed(signal as c_int)),
            WaitStatus::Stopped(_, signal) => {
                if let Some(terminal) = terminal {
                    stopped(terminal, signal)?;
                    resume(terminal, child)?;
                }
            }
            _ => {
                let received = sys::wait_for_signal(&signals.waited_for);
                handle(&received, child, terminal, apart)?;
            }
        }
    }
}

/// Stops with the child, unless all it wants is the terminal and that can be had: a shell does
/// not say so when it puts a job that is running in the foreground.
fn stopped(terminal: &mut Terminal, signal: Signal) -> Result<(), Errno> {
    let wants_terminal = matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU);
    match wants_terminal && terminal.is_ours() {
        true => Ok(()),
        false => terminal.suspend(),
    }
}

fn handle(
    received: &Result<sys::Received, Errno>,
    child: Pid,
    terminal: &mut Option<Terminal>,
    apart: bool,
) -> Result<(), Errno> {
    let received = match received {
        Ok(received) => received,
        Err(Errno::EINTR) => return Ok(()),
        Err(errno) => return Err(*errno),
    };
    match (received.signal, terminal) {
        (libc::SIGCHLD, _) => Ok(()),
        (libc::SIGCONT, Some(terminal)) => resume(terminal, child),
        (libc::SIGCONT, None) => Ok(()),
        (signal, _) if received.from_process || apart => kill(child, Signal::try_from(signal)?),
        // What a terminal sends, it sends to the whole group in the foreground. A child with a
        // group of its own is not in it while the terminal is the launcher's; else it is.
        (signal, Some(_)) => killpg(child, Signal::try_from(signal)?),
        (_, None) => Ok(()),
    }
}

fn resume(terminal: &mut Terminal, child: Pid) -> Result<(), Errno> {
    match terminal.resume(child) {
        // Its group is gone: it has ended, and the wait will say so.
        Err(Errno::ESRCH | Errno::EPERM) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_child_that_is_stopped_is_told_from_one_that_runs_or_has_ended() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let pid = Pid::from_raw(child.id() as i32);
        assert_eq!(is_stopped(pid), Ok(false));
        kill(pid, Signal::SIGSTOP).expect("kill");
        let deadline = Instant::now() + Duration::from_secs(60);
        while is_stopped(pid) != Ok(true) {
            assert!(Instant::now() < deadline, "it is not seen to have stopped");
        }
        assert_eq!(is_stopped(pid), Ok(true));
        child.kill().expect("kill");
        assert_eq!(is_stopped(pid), Ok(false));
        assert!(!child.wait().expect("wait").success());
    }

    #[test]
    fn the_status_is_the_one_a_shell_gives() {
        assert_eq!(Ending::Exited(0).status(), 0);
        assert_eq!(Ending::Exited(255).status(), 255);
        assert_eq!(Ending::Killed(libc::SIGTERM).status(), 143);
        assert_eq!(Ending::Killed(64).status(), 192);
    }
}
