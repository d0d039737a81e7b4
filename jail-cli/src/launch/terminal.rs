// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lending the terminal to the jail, and taking it back.
//!
//! A launch that has the terminal to itself (standard input, output and error are all the
//! controlling terminal, and its process group is in the foreground) gives the first process
//! a process group of its own and puts that in the foreground, as a shell does with a job.
//! Otherwise, in a pipeline say, the first process stays in the group of the launcher, so that
//! the terminal treats them as the one job that they are.
//!
//! That is for who asks to share it: [`super::relay`] keeps it from the jail. What is shared
//! could be written to with TIOCSTI, as if typed on the host, where the
//! `dev.tty.legacy_tiocsti` switch still allows that; see [`can_type_into_terminal`].

use std::fs;
use std::io::{stderr, stdin, stdout, IsTerminal, Stdin};

use nix::errno::Errno;
use nix::sys::signal::{killpg, Signal};
use nix::sys::termios::{tcgetattr, tcsetattr, SetArg, Termios};
use nix::unistd::{getpgrp, tcgetpgrp, tcsetpgrp, Pid};

use super::pty::Which;

/// The terminal of a launch that has one to itself.
///
/// Its user keeps SIGTTOU blocked: otherwise taking the terminal back would stop it.
pub struct Terminal {
    stdin: Stdin,
    owner: Pid,
    modes: Option<Termios>,
    lent: bool,
}

impl Terminal {
    /// The terminal, where the caller has it to itself.
    pub fn of_caller() -> Option<Self> {
        let (stdin, owner) = (stdin(), getpgrp());
        let all = stdin.is_terminal() && stdout().is_terminal() && stderr().is_terminal();
        if !all || tcgetpgrp(&stdin) != Ok(owner) {
            return None;
        }
        let modes = tcgetattr(&stdin).ok();
        Some(Terminal {
            stdin,
            owner,
            modes,
            lent: false,
        })
    }

    /// Notes that the child has put itself in the foreground.
    pub fn lent(&mut self) {
        self.lent = true;
    }

    /// Whether the launcher's group is in the foreground.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.stdin) == Ok(self.owner)
    }

    /// Puts the group of `child` in the foreground again and lets it go on, after the launcher
    /// itself was continued; in the background the terminal stays with whoever has it.
    pub fn resume(&mut self, child: Pid) -> Result<(), Errno> {
        if self.is_ours() {
            tcsetpgrp(&self.stdin, child)?;
            self.lent = true;
        }
        killpg(child, Signal::SIGCONT)
    }

    /// Stops the launcher's own job, because the first process of the jail has stopped.
    ///
    /// Returns when it is continued; at once where nobody could continue it (the terminal
    /// driver never stops an orphaned process group).
    pub fn suspend(&mut self) -> Result<(), Errno> {
        self.take_back()?;
        killpg(self.owner, Signal::SIGTSTP)
    }

    /// Puts the launcher's group in the foreground, unless somebody else took the terminal.
    pub fn take_back(&mut self) -> Result<(), Errno> {
        if !std::mem::take(&mut self.lent) {
            return Ok(());
        }
        tcsetpgrp(&self.stdin, self.owner)
    }

    /// Sets the modes back to what they were before the launch, for a process that was killed
    /// and could not do it itself.
    pub fn restore_modes(&self) {
        if let Some(modes) = &self.modes {
            // A terminal that has gone meanwhile has no modes to restore.
            let _ = tcsetattr(&self.stdin, SetArg::TCSADRAIN, modes);
        }
    }
}

/// Which standard descriptors are a terminal.
pub fn used() -> Which {
    [
        stdin().is_terminal(),
        stdout().is_terminal(),
        stderr().is_terminal(),
    ]
}

/// Whether a standard descriptor is a terminal.
pub fn is_used() -> bool {
    used().contains(&true)
}

/// Puts the calling process, a child just forked, in a group of its own in the foreground.
pub fn take_foreground() -> Result<(), Errno> {
    let own = Pid::from_raw(0);
    nix::unistd::setpgid(own, own)?;
    tcsetpgrp(stdin(), getpgrp())
}

/// Whether a process can put characters into the input of its terminal (ioctl_tty(2),
/// TIOCSTI), and a standard descriptor is a terminal.
pub fn can_type_into_terminal() -> bool {
    let switch = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
    is_used() && switch.is_ok_and(|value| value.trim() == "1")
}
