// SPDX-License-Identifier: MIT OR Apache-2.0

//! The monitor of a command: a process between it and the launcher, outside of the jail and out of
//! reach for all that is in it.
//!
//! It is the first process of a namespace of process ids that the jail has of its own. The kernel
//! gives a first process no signal that it does not handle, and hands it the orphans of the
//! namespace. So that a command need not know that, it is the second: the monitor passes signals
//! on, waits for orphans, and ends as the command does, by which the kernel ends whatever is left
//! in the namespace.
//!
//! It also leads the session of a terminal that the jail has of its own. Then the command has a
//! process group of its own and can be stopped like any job: the kernel stops no group that nobody
//! in its session could continue.

use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getpgrp, setpgid, tcsetpgrp, Pid};

use super::control::{Gone, MonitorEnd, Request};
use super::ending::{any_change, Change};
use super::signals::Inbox;
use super::EXIT_FAILED;
use crate::sys::{self, Received};
use crate::text::reason;

/// The terminal of a session that the monitor leads.
pub struct Lead<'a> {
    /// Its slave side.
    pub slave: &'a OwnedFd,
    /// Whether the command begins in the foreground.
    pub foreground: bool,
}

/// Goes on in a child, which is the command; the monitor itself never returns from here.
///
/// # Errors
///
/// A text that says what failed.
pub fn begin(control: &MonitorEnd, lead: Option<Lead<'_>>) -> Result<(), String> {
    // The launcher has this one killed when it ends, and the kernel then all the others of the
    // namespace or the session.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(reason)?;
    match sys::fork().map_err(reason)? {
        sys::Fork::Parent(command) => {
            let monitor = Monitor {
                control,
                lead,
                command,
            };
            sys::exit_now(monitor.run())
        }
        sys::Fork::Child => {
            if let Some(lead) = &lead {
                let own = Pid::from_raw(0);
                setpgid(own, own).map_err(reason)?;
                if lead.foreground {
                    tcsetpgrp(lead.slave, getpgrp()).map_err(reason)?;
                }
            }
            Ok(())
        }
    }
}

/// How much that has happened to children is taken at once. Whoever is in the jail can see to it that
/// there is no end of it, and the launcher is to be heard all the same.
const AT_ONCE: usize = 64;

/// What has become of the children.
enum Seen {
    /// Nothing more is known.
    All,
    /// More may have happened.
    NotAll,
    /// The command has ended; with which status to end.
    End(u8),
}

struct Monitor<'a> {
    control: &'a MonitorEnd,
    lead: Option<Lead<'a>>,
    command: Pid,
}

impl Monitor<'_> {
    fn run(self) -> u8 {
        // What it holds of the command's could keep others from seeing that the command has
        // closed it.
        let mut kept = vec![self.control.as_fd()];
        kept.extend(self.lead.as_ref().map(|lead| lead.slave.as_fd()));
        if sys::close_everything_but(&kept).is_err() {
            return EXIT_FAILED;
        }
        let Ok(inbox) = Inbox::of_everything() else {
            return EXIT_FAILED;
        };
        if self.lead.is_some() {
            // The command does the same; whoever comes first, it has been done.
            let _ = setpgid(self.command, self.command);
        }
        self.look_after(&inbox)
    }

    fn look_after(&self, inbox: &Inbox) -> u8 {
        loop {
            let limit = match self.changes() {
                Ok(Seen::End(status)) => {
                    self.wait_for_farewell(inbox);
                    return status;
                }
                Ok(Seen::All) => PollTimeout::NONE,
                Ok(Seen::NotAll) => PollTimeout::ZERO,
                Err(Gone) => return self.give_up(),
            };
            let mut ready = [
                PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
                PollFd::new(inbox.as_fd(), PollFlags::POLLIN),
            ];
            let _ = poll(&mut ready, limit);
            while let Ok(Some(received)) = inbox.next() {
                self.pass_on(&received);
            }
            loop {
                match self.control.request() {
                    Ok(Some(request)) => self.carry_out(request),
                    Ok(None) => break,
                    Err(Gone) => return self.give_up(),
                }
            }
        }
    }

    fn pass_on(&self, received: &Received) {
        // What has ended meanwhile is waited for next.
        let _ = match received.signal {
            libc::SIGCHLD => Ok(()),
            signal if received.from_process => sys::send_signal(self.command, signal),
            // That its terminal has hung up is told to the leader of a session alone.
            libc::SIGHUP if self.lead.is_some() => {
                sys::send_signal_to_group(self.command, libc::SIGHUP)
                    .and_then(|()| sys::send_signal_to_group(self.command, libc::SIGCONT))
            }
            _ => Ok(()),
        };
    }

    /// Takes what has happened to children.
    fn changes(&self) -> Result<Seen, Gone> {
        for _ in 0..AT_ONCE {
            let Ok(Some((child, change))) = any_change() else {
                return Ok(Seen::All);
            };
            if child != self.command {
                continue;
            }
            match change {
                Change::Ended(ending) => {
                    self.control.tell(change)?;
                    return Ok(Seen::End(ending.status()));
                }
                Change::Stopped(_) if self.lead.is_some() => self.control.tell(change)?,
                // A terminal that is the caller's would be nobody's: the launcher cannot stop for
                // one that is not its child.
                Change::Stopped(libc::SIGTSTP) => {
                    let _ = sys::send_signal(self.command, libc::SIGCONT);
                }
                Change::Stopped(_) => {}
            }
        }
        Ok(Seen::NotAll)
    }

    /// With the leader of a session its terminal goes, and with that what nobody has read yet; with the
    /// first process of a namespace go all others, who may have been asked to end and be about to.
    fn wait_for_farewell(&self, inbox: &Inbox) {
        let mut limit = PollTimeout::ZERO;
        while self.control.request().is_ok() {
            let mut ready = [
                PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
                PollFd::new(inbox.as_fd(), PollFlags::POLLIN),
            ];
            let _ = poll(&mut ready, limit);
            while let Ok(Some(_)) = inbox.next() {}
            let is_more = (0..AT_ONCE).all(|_| matches!(any_change(), Ok(Some(_))));
            limit = match is_more {
                true => PollTimeout::ZERO,
                false => PollTimeout::NONE,
            };
        }
    }

    fn carry_out(&self, request: Request) {
        // What has ended meanwhile is waited for next.
        let _ = match request {
            Request::Signal(signal) => sys::send_signal(self.command, signal),
            Request::SignalGroup(signal) => sys::send_signal_to_group(self.command, signal),
            Request::Continue { foreground } => {
                if let Some(lead) = &self.lead {
                    let group = match foreground {
                        true => self.command,
                        false => getpgrp(),
                    };
                    let _ = tcsetpgrp(lead.slave, group);
                }
                sys::send_signal_to_group(self.command, libc::SIGCONT)
            }
        };
    }

    fn give_up(&self) -> u8 {
        let _ = sys::send_signal(self.command, libc::SIGKILL);
        EXIT_FAILED
    }
}
