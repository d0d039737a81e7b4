// SPDX-License-Identifier: MIT OR Apache-2.0

//! The caller's terminal, while a jail has one of its own that is relayed to it.

use std::io::{stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags};
use nix::unistd::{getpgrp, tcgetpgrp};
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions, Termios};

use super::pty::Which;

/// The caller's terminal.
pub struct Outer {
    which: Which,
    /// Its modes before anything was changed.
    pub modes: Option<Termios>,
    is_raw: bool,
}

impl Outer {
    /// The one that those standard descriptors are.
    pub fn new(which: Which) -> Self {
        let mut outer = Outer {
            which,
            modes: None,
            is_raw: false,
        };
        outer.modes = outer.with_input(|terminal| tcgetattr(terminal)).ok();
        outer
    }

    /// Does something with what is typed at.
    pub fn with_input<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        match self.which {
            [true, ..] => act(stdin().as_fd()),
            [false, ..] => self.with_output(act),
        }
    }

    /// Does something with what is shown on.
    pub fn with_output<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        match self.which {
            [_, true, _] => act(stdout().as_fd()),
            [_, false, true] => act(stderr().as_fd()),
            [_, false, false] => act(stdin().as_fd()),
        }
    }

    /// Whether what is typed is for the launcher's group.
    pub fn is_ours(&self) -> bool {
        match self.with_input(|terminal| tcgetpgrp(terminal)) {
            Ok(group) => group == getpgrp(),
            // It is not that of the launcher's session, which has no job control then.
            Err(errno) => errno == Errno::ENOTTY,
        }
    }

    /// Whether something can be read from it: the end of it, where it has hung up.
    pub fn has_input(&self) -> bool {
        self.with_input(|terminal| {
            let mut ready = [PollFd::new(terminal, PollFlags::POLLIN)];
            matches!(poll(&mut ready, 0u8), Ok(1..))
        })
    }

    /// Whether its modes are as they were, so that nobody has prepared it for himself: a pager, say.
    pub fn is_unchanged(&self) -> bool {
        let modes = self.with_input(|terminal| tcgetattr(terminal));
        match (modes, &self.modes) {
            (Ok(now), Some(before)) => {
                now.input_modes == before.input_modes && now.local_modes == before.local_modes
            }
            _ => false,
        }
    }

    /// Hands on what is typed as it is.
    pub fn make_raw(&mut self) {
        let Some(modes) = self.modes.as_ref().filter(|_| !self.is_raw) else {
            return;
        };
        let mut raw = modes.clone();
        raw.make_raw();
        let set = |terminal: BorrowedFd<'_>| tcsetattr(terminal, OptionalActions::Drain, &raw);
        self.is_raw = self.with_input(set).is_ok();
    }

    /// Does so once more, after somebody else has changed that.
    pub fn make_raw_again(&mut self) {
        self.is_raw = false;
        self.make_raw();
    }

    /// Sets the modes back to what they were.
    pub fn restore(&mut self) {
        if let Some(modes) = self.modes.as_ref().filter(|_| self.is_raw) {
            // A terminal that has gone meanwhile has no modes to restore.
            let set = |terminal: BorrowedFd<'_>| tcsetattr(terminal, OptionalActions::Drain, modes);
            let _ = self.with_input(set);
        }
        self.is_raw = false;
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        self.restore();
    }
}
