// SPDX-License-Identifier: MIT OR Apache-2.0

//! The signals of a launcher: which are passed on to the jail, and by whom they were sent.

use std::cell::Cell;
use std::ffi::c_int;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::caller::Caller;
use crate::sys::{self, Received};

/// What ends a launcher that nothing has been executed for yet.
const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// What tells a launcher to end while its jail runs. SIGHUP is not among them: most that get it read their
/// configuration again, and go on.
const TELLING_TO_END: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT];

/// What is not passed on, although it can be caught: it is about the launcher itself.
const OWN: [Signal; 4] = [
    Signal::SIGPIPE,
    Signal::SIGURG,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];

/// What a terminal sends to all of a process group.
const OF_TERMINALS: [c_int; 5] = [
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGHUP,
    libc::SIGWINCH,
    libc::SIGTSTP,
];

/// The signals a launcher waits for, blocked as long as this lives.
pub struct Signals {
    waited_for: SigSet,
    before: SigSet,
    /// Whether a process has sent one that ends a launcher.
    told_to_end: Cell<bool>,
}

impl Signals {
    /// Blocks them, so that none is lost between the fork and the wait.
    ///
    /// What the caller ignores is left alone and not passed on. SIGTSTP is among them where it is
    /// the jail that is to `stop` first.
    ///
    /// # Errors
    ///
    /// As sigprocmask(2).
    pub fn block(stop: bool) -> Result<Self, Errno> {
        // A parent that ignores SIGCHLD is never told how its children ended.
        sys::default_action(libc::SIGCHLD)?;
        let mut waited_for = SigSet::all();
        for signal in OWN {
            waited_for.remove(signal);
        }
        if !stop {
            waited_for.remove(Signal::SIGTSTP);
        }
        let is_ignored = |signal: &Signal| Caller::get().ignores(*signal as c_int);
        for signal in Signal::iterator().filter(is_ignored) {
            waited_for.remove(signal);
        }
        // Taking the terminal back from the background stops a process that does not block it.
        let mut blocked = waited_for;
        blocked.add(Signal::SIGTTOU);
        let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Signals {
            waited_for,
            before,
            told_to_end: Cell::new(false),
        })
    }

    /// Takes one that ends the launcher, where one has come.
    ///
    /// # Errors
    ///
    /// As sigtimedwait(2).
    pub fn take_ending(&self) -> Result<Option<Signal>, Errno> {
        let ending = ENDING
            .into_iter()
            .filter(|signal| self.waited_for.contains(*signal));
        sys::take_pending(&ending.collect())?
            .map(Signal::try_from)
            .transpose()
    }

    /// Remembers of one that was taken what it says about the launcher itself.
    pub fn note(&self, received: &Received) {
        let ends = |signal: Signal| signal as c_int == received.signal;
        if received.from_process && TELLING_TO_END.into_iter().any(ends) {
            self.told_to_end.set(true);
        }
    }

    /// Whether a process has told the launcher to end.
    pub fn was_told_to_end(&self) -> bool {
        self.told_to_end.get()
    }

    /// Waits until one comes.
    ///
    /// # Errors
    ///
    /// As sigwaitinfo(2).
    pub fn wait(&self) -> Result<Received, Errno> {
        sys::wait_for_signal(&self.waited_for)
    }

    /// A descriptor that they are read from.
    ///
    /// # Errors
    ///
    /// As signalfd(2).
    pub fn descriptor(&self) -> Result<Inbox, Errno> {
        Inbox::new(&self.waited_for)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // It cannot fail: the mask is one the kernel gave.
        let _ = self.before.thread_set_mask();
    }
}

/// Signals that are blocked, to be read.
pub struct Inbox(SignalFd);

impl Inbox {
    fn new(signals: &SigSet) -> Result<Self, Errno> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(signals, flags).map(Inbox)
    }

    /// All that can be blocked, which they are from now on.
    ///
    /// # Errors
    ///
    /// As signalfd(2).
    pub fn of_everything() -> Result<Self, Errno> {
        let all = SigSet::all();
        all.thread_block()?;
        Self::new(&all)
    }

    /// Takes the next.
    ///
    /// # Errors
    ///
    /// As read(2).
    pub fn next(&self) -> Result<Option<Received>, Errno> {
        match self.0.read_signal() {
            Ok(Some(info)) => Ok(Some(Received {
                signal: info.ssi_signo as c_int,
                from_process: info.ssi_code <= 0,
            })),
            Ok(None) | Err(Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

impl std::os::fd::AsFd for Inbox {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether a terminal sends the signal, to the whole of a group.
pub fn comes_from_terminals(signal: c_int) -> bool {
    OF_TERMINALS.contains(&signal)
}
