// SPDX-License-Identifier: MIT OR Apache-2.0

//! The first process of a namespace of process ids.
//!
//! The kernel gives a first process no signal that it does not handle, and hands it the orphans
//! of the namespace. So that a command need not know that, it is the second: this one, outside of
//! the jail and out of reach for all that is in it, passes signals on, waits for orphans, and ends
//! as the command does, by which the kernel ends whatever is left in the namespace.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{kill, Signal};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use crate::launch::supervise::{signals_waited_for, Ending};
use crate::sys;
use crate::text::reason;

/// Goes on in a child, for which this process is the first; it never returns from here.
///
/// The signals that a launcher passes on must be blocked.
pub fn begin() -> Result<(), String> {
    // The launcher has this one killed when it ends, and the kernel then all the others.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(reason)?;
    match sys::fork().map_err(reason)? {
        sys::Fork::Child => Ok(()),
        sys::Fork::Parent(command) => sys::exit_now(look_after(command)),
    }
}

fn look_after(command: Pid) -> u8 {
    // What it holds could keep the launcher from seeing that the command has closed it.
    if sys::close_all_except(&[]).is_err() {
        return crate::launch::EXIT_FAILED;
    }
    let signals = signals_waited_for();
    loop {
        match ended(command) {
            Ok(Some(ending)) => return ending.status(),
            Ok(None) => {}
            Err(_) => return crate::launch::EXIT_FAILED,
        }
        if let Ok(received) = sys::wait_for_signal(&signals) {
            if received.from_process && received.signal != libc::SIGCHLD {
                // One that has ended meanwhile is waited for next.
                let _ = Signal::try_from(received.signal).and_then(|signal| kill(command, signal));
            }
        }
    }
}

/// Takes all that has happened to children; how the command ended, where it has.
fn ended(command: Pid) -> Result<Option<Ending>, Errno> {
    loop {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
        match waitpid(None, Some(flags))? {
            WaitStatus::StillAlive => return Ok(None),
            WaitStatus::Exited(pid, status) if pid == command => {
                let status = u8::try_from(status).unwrap_or(u8::MAX);
                return Ok(Some(Ending::Exited(status)));
            }
            WaitStatus::Signaled(pid, signal, _) if pid == command => {
                return Ok(Some(Ending::Killed(signal as i32)));
            }
            // A first process cannot stop as well, for its caller to see: the terminal would be
            // nobody's.
            WaitStatus::Stopped(pid, Signal::SIGTSTP) if pid == command => {
                kill(command, Signal::SIGCONT)?;
            }
            _ => {}
        }
    }
}
