// SPDX-License-Identifier: MIT OR Apache-2.0

//! Between the caller's terminal and the one that a jail has of its own.
//!
//! A launch that has the caller's terminal to itself puts that into raw mode: what is typed goes
//! in as it is, and the jail's terminal makes of it what any terminal does. Otherwise, in a
//! pipeline say, somebody else may be reading there. Then the command begins in the background of
//! its terminal, and what it shows is all that is relayed, until it reads, or until a line has been
//! typed that nobody takes: a command that polls before it reads is not stopped for that.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{killpg, SigSet, Signal};
use nix::unistd::{getpgrp, read, write, Pid};
use rustix::termios::{
    tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize, OptionalActions, OutputModes,
};

use super::control::{Gone, LauncherEnd, Request};
use super::ending::{change_of, Change, Ending};
use super::outer::Outer;
use super::pty::Which;
use super::signals::{comes_from_terminals, Inbox, Signals};
use super::supervise::{supervise, wants_terminal};
use crate::sys::{self, Received};

/// How much is moved at once, in bytes.
const CHUNK: usize = 4096;
/// How much is shown of what a command has left when it has ended: others may go on writing.
const LAST_WORDS: usize = 1 << 20;
/// How often a terminal is looked at that nobody in the jail has open, in milliseconds.
const INTERVAL: u8 = 100;
/// How long somebody else may take to read what has been typed.
const CLAIM: Duration = Duration::from_millis(200);

/// A terminal of the jail's own, and the caller's.
pub struct Relay {
    outer: Outer,
    /// `None` when the caller's terminal has hung up, and so has this one.
    master: Option<OwnedFd>,
    /// Whether the command is to have what is typed, as long as the launcher's group is to have it.
    wants_input: bool,
    is_interactive: bool,
    /// Whether nobody had the slave side open when it was read last.
    is_idle: bool,
    /// Since when there is something typed that nobody has read, where it is not the command's.
    unread: Option<Instant>,
    typed: Vec<u8>,
    shown: Vec<u8>,
}

/// What has become of the command.
enum Course {
    GoesOn,
    Ended(Ending),
    /// Nobody is left who could tell.
    Unknown,
}

impl Relay {
    /// Makes the jail's terminal like the caller's, of which the command is in the `foreground` or
    /// is not.
    ///
    /// # Errors
    ///
    /// As fcntl(2).
    pub fn new(which: Which, foreground: bool, master: OwnedFd) -> Result<Self, Errno> {
        let outer = Outer::new(which);
        fcntl(
            &master,
            FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK),
        )?;
        if let Some(modes) = &outer.modes {
            let _ = tcsetattr(&master, OptionalActions::Now, modes);
        }
        let relay = Relay {
            outer,
            master: Some(master),
            wants_input: foreground,
            is_interactive: false,
            is_idle: false,
            unread: None,
            typed: Vec::new(),
            shown: Vec::new(),
        };
        relay.copy_size();
        relay.make_lines(foreground);
        Ok(relay)
    }

    /// Relays until the command has ended: `child` itself, or what the monitor at the other end of
    /// `control` looks after. `farewell` is called before the monitor is let go.
    ///
    /// # Errors
    ///
    /// As waitpid(2), signalfd(2) and kill(2).
    pub fn run(
        mut self,
        child: Pid,
        control: Option<LauncherEnd>,
        signals: &Signals,
        farewell: &dyn Fn(),
    ) -> Result<Ending, Errno> {
        let inbox = signals.descriptor()?;
        let command = Command { child, control };
        if self.wants_input && self.outer.is_ours() {
            self.interact();
        }
        let told = loop {
            match self.course(&command)? {
                Course::GoesOn => {}
                Course::Ended(ending) => break Some(ending),
                Course::Unknown => break None,
            }
            self.wait(&command, &inbox)?;
            while let Some(received) = inbox.next()? {
                self.handle(&received, &command)?;
            }
            self.carry();
            self.claim(&command)?;
        };
        self.show_last_words();
        self.outer.restore();
        farewell();
        self.show_last_words();
        match (told, command.control) {
            (Some(ending), None) => Ok(ending),
            (told, control) => {
                // A monitor stays until it hears that.
                drop(control);
                let monitor = supervise(child, signals, &mut None, true)?;
                Ok(told.unwrap_or(monitor))
            }
        }
    }

    fn course(&mut self, command: &Command) -> Result<Course, Errno> {
        let Some(control) = &command.control else {
            return Ok(match change_of(command.child)? {
                Some(Change::Ended(ending)) => Course::Ended(ending),
                Some(Change::Stopped(_)) | None => Course::GoesOn,
            });
        };
        loop {
            match control.change() {
                Ok(None) => return Ok(Course::GoesOn),
                Ok(Some(Change::Ended(ending))) => return Ok(Course::Ended(ending)),
                Ok(Some(Change::Stopped(signal))) => self.stopped(signal, command)?,
                Err(Gone) => return Ok(Course::Unknown),
            }
        }
    }

    /// Stops with the command, unless all it wants is what is typed, and that can be had.
    fn stopped(&mut self, signal: i32, command: &Command) -> Result<(), Errno> {
        let wants_terminal = wants_terminal(signal);
        self.wants_input |= wants_terminal;
        if !(wants_terminal && self.outer.is_ours()) {
            self.outer.restore();
            self.is_interactive = false;
            suspend()?;
        }
        self.resume(command)
    }

    /// After a stop, of the command or of the launcher; or after nothing, where somebody just sends
    /// SIGCONT.
    fn resume(&mut self, command: &Command) -> Result<(), Errno> {
        match self.wants_input && self.outer.is_ours() {
            true => self.interact(),
            false => self.is_interactive = false,
        }
        self.copy_size();
        command.ask(Request::Continue {
            foreground: self.is_interactive,
        })
    }

    /// Has what is typed be the command's.
    fn interact(&mut self) {
        self.outer.make_raw();
        self.make_lines(true);
        self.is_interactive = true;
    }

    /// Whether the jail's terminal makes of the ends of lines what a terminal does, or the caller's
    /// does that, which is not in raw mode.
    fn make_lines(&self, yes: bool) {
        let (Some(master), Some(outer)) = (&self.master, &self.outer.modes) else {
            return;
        };
        let Ok(mut modes) = tcgetattr(master) else {
            return;
        };
        let yes = yes && outer.output_modes.contains(OutputModes::OPOST);
        modes.output_modes.set(OutputModes::OPOST, yes);
        let _ = tcsetattr(master, OptionalActions::Now, &modes);
    }

    fn copy_size(&self) {
        let Some(master) = &self.master else { return };
        if let Ok(size) = self.outer.with_output(|terminal| tcgetwinsize(terminal)) {
            let _ = tcsetwinsize(master, size);
        }
    }

    fn handle(&mut self, received: &Received, command: &Command) -> Result<(), Errno> {
        match received.signal {
            libc::SIGCHLD => Ok(()),
            libc::SIGCONT => self.resume(command),
            libc::SIGWINCH if !received.from_process => {
                self.copy_size();
                Ok(())
            }
            // It stops, and then the launcher does.
            libc::SIGTSTP => command.ask(Request::SignalGroup(libc::SIGTSTP)),
            libc::SIGHUP if !received.from_process => {
                self.hang_up();
                Ok(())
            }
            signal if received.from_process => command.ask(Request::Signal(signal)),
            signal if comes_from_terminals(signal) => command.ask(Request::SignalGroup(signal)),
            _ => Ok(()),
        }
    }

    /// The kernel tells what is in the jail when nobody has the master side any more.
    fn hang_up(&mut self) {
        self.is_interactive = false;
        self.master = None;
        self.shown.clear();
        self.typed.clear();
    }

    /// Waits until something is to be done.
    fn wait(&mut self, command: &Command, inbox: &Inbox) -> Result<(), Errno> {
        let (outer, readable) = (&self.outer, PollFlags::POLLIN);
        outer.with_input(|input| {
            outer.with_output(|output| {
                let mut wanted = vec![PollFd::new(inbox.as_fd(), readable)];
                if let Some(control) = &command.control {
                    wanted.push(PollFd::new(control.as_fd(), readable));
                }
                let mut limit = PollTimeout::NONE;
                if let Some(master) = &self.master {
                    let mut flags = PollFlags::empty();
                    flags.set(readable, self.shown.is_empty());
                    flags.set(PollFlags::POLLOUT, !self.typed.is_empty());
                    match self.is_idle {
                        // It would be said at once, and each time.
                        true => limit = INTERVAL.into(),
                        false if flags.is_empty() => {}
                        false => wanted.push(PollFd::new(master.as_fd(), flags)),
                    }
                    match (self.is_interactive, self.unread) {
                        (true, _) if !self.typed.is_empty() => {}
                        (true, _) | (false, None) => wanted.push(PollFd::new(input, readable)),
                        (false, Some(_)) => limit = INTERVAL.into(),
                    }
                    if !self.shown.is_empty() {
                        wanted.push(PollFd::new(output, PollFlags::POLLOUT));
                    }
                }
                match poll(&mut wanted, limit) {
                    Ok(_) | Err(Errno::EINTR) => Ok(()),
                    Err(errno) => Err(errno),
                }
            })
        })
    }

    /// Moves what can be moved now, in both directions.
    fn carry(&mut self) {
        if self.is_interactive && self.typed.is_empty() {
            self.take_typed();
        }
        let Some(master) = &self.master else { return };
        if !self.typed.is_empty() {
            match write(master, &self.typed) {
                Ok(length) => drop(self.typed.drain(..length)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                // Nobody reads it there.
                Err(_) => self.typed.clear(),
            }
        }
        if self.shown.is_empty() {
            self.take_shown();
        }
        self.show();
    }

    /// Has what is typed be the command's when nobody else has taken it for a while.
    fn claim(&mut self, command: &Command) -> Result<(), Errno> {
        let is_waiting = !self.is_interactive && self.master.is_some() && self.outer.has_input();
        self.unread = match self.unread.filter(|_| is_waiting) {
            None => is_waiting.then(Instant::now),
            Some(since) if since.elapsed() < CLAIM => Some(since),
            Some(_) => {
                if self.outer.is_ours() && self.outer.is_unchanged() {
                    self.wants_input = true;
                    self.resume(command)?;
                }
                None
            }
        };
        Ok(())
    }

    fn take_typed(&mut self) {
        if !self.outer.has_input() {
            return;
        }
        let mut buffer = [0; CHUNK];
        let taken = self.outer.with_input(|input| read(input, &mut buffer));
        match taken {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(length) if length > 0 => self.typed.extend_from_slice(&buffer[..length]),
            // The end of a terminal in raw mode is that of the terminal.
            _ => self.hang_up(),
        }
    }

    fn take_shown(&mut self) {
        let Some(master) = &self.master else { return };
        let mut buffer = [0; CHUNK];
        match read(master, &mut buffer) {
            Ok(length) => {
                self.is_idle = false;
                self.shown.extend_from_slice(&buffer[..length]);
            }
            Err(errno) => self.is_idle = errno == Errno::EIO,
        }
    }

    fn show(&mut self) {
        if self.shown.is_empty() {
            return;
        }
        let shown = &self.shown;
        let written = self.outer.with_output(|output| {
            let mut ready = [PollFd::new(output, PollFlags::POLLOUT)];
            match poll(&mut ready, 0u8) {
                Ok(1..) => write(output, shown),
                _ => Err(Errno::EAGAIN),
            }
        });
        match written {
            Ok(length) => drop(self.shown.drain(..length)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody sees it there.
            Err(_) => self.shown.clear(),
        }
    }

    /// Shows what the command has left, which may not have come through yet.
    fn show_last_words(&mut self) {
        let mut left = LAST_WORDS;
        loop {
            while !self.shown.is_empty() {
                let shown = &self.shown;
                match self.outer.with_output(|output| write(output, shown)) {
                    Ok(length) => drop(self.shown.drain(..length)),
                    Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) => self.outer.with_output(|output| {
                        let mut ready = [PollFd::new(output, PollFlags::POLLOUT)];
                        let _ = poll(&mut ready, PollTimeout::NONE);
                    }),
                    Err(_) => return,
                }
            }
            let Some(master) = self.master.as_ref().filter(|_| left > 0) else {
                return;
            };
            // What was written comes through when it is asked for so.
            let mut ready = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut ready, 0u8);
            self.take_shown();
            if self.shown.is_empty() {
                return;
            }
            left = left.saturating_sub(self.shown.len());
        }
    }
}

/// What is looked after.
struct Command {
    child: Pid,
    control: Option<LauncherEnd>,
}

impl Command {
    fn ask(&self, request: Request) -> Result<(), Errno> {
        let sent = match (&self.control, request) {
            (Some(control), request) => {
                control.ask(request);
                Ok(())
            }
            (None, Request::Signal(signal)) => sys::send_signal(self.child, signal),
            (None, Request::SignalGroup(signal)) => sys::send_signal_to_group(self.child, signal),
            // It leads its session, and its terminal never stops it.
            (None, Request::Continue { .. }) => Ok(()),
        };
        match sent {
            // It has ended, and the wait will say so.
            Err(Errno::ESRCH) => Ok(()),
            result => result,
        }
    }
}

/// Stops the launcher's own job, until it is continued; not at all where nobody could do that.
fn suspend() -> Result<(), Errno> {
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGTSTP);
    killpg(getpgrp(), Signal::SIGTSTP)?;
    stop.thread_unblock()?;
    stop.thread_block()
}
