// SPDX-License-Identifier: MIT OR Apache-2.0

//! The launcher after the fork: passes signals in, and the way it ended out.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::unistd::Pid;

use super::control::{Gone, LauncherEnd};
use super::ending::{change_of, Change, Ending};
use super::signals::{comes_from_terminals, Signals};
use super::terminal::Terminal;
use crate::sys::{self, Received};

/// Waits for `child` to end, passing signals on and lending it `terminal`.
///
/// With `apart` it has a session of its own, which no terminal sends anything to.
///
/// # Errors
///
/// As waitpid(2) and kill(2).
pub fn supervise(
    child: Pid,
    signals: &Signals,
    terminal: &mut Option<Terminal>,
    apart: bool,
) -> Result<Ending, Errno> {
    loop {
        match change_of(child)? {
            Some(Change::Ended(ending)) => return Ok(ending),
            Some(Change::Stopped(signal)) => {
                if let Some(terminal) = terminal {
                    stopped(terminal, signal)?;
                    resume(terminal, child)?;
                }
            }
            None => match signals.wait() {
                Ok(received) => {
                    signals.note(&received);
                    handle(&received, child, terminal, apart)?;
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            },
        }
    }
}

/// As [`supervise`], where `child` is the monitor of a command; how the command ended.
///
/// `farewell` is called in between: what is left in the namespace of the monitor ends with that.
///
/// # Errors
///
/// As [`supervise`], and as signalfd(2) and poll(2).
pub fn supervise_monitor(
    (child, control): (Pid, LauncherEnd),
    signals: &Signals,
    terminal: &mut Option<Terminal>,
    apart: bool,
    farewell: impl FnOnce(),
) -> Result<Ending, Errno> {
    let inbox = signals.descriptor()?;
    let told = loop {
        match change_of(child)? {
            Some(Change::Ended(ending)) => {
                farewell();
                return Ok(of_command(&control, ending));
            }
            Some(Change::Stopped(signal)) => {
                if let Some(terminal) = terminal {
                    stopped(terminal, signal)?;
                    resume(terminal, child)?;
                }
                continue;
            }
            None => {}
        }
        match control.change() {
            Ok(Some(Change::Ended(ending))) => break Some(ending),
            Ok(Some(Change::Stopped(_))) => continue,
            Ok(None) => {}
            Err(Gone) => break None,
        }
        let mut ready = [
            PollFd::new(inbox.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        while let Some(received) = inbox.next()? {
            signals.note(&received);
            handle(&received, child, terminal, apart)?;
        }
    };
    farewell();
    // The monitor stays until it hears that.
    drop(control);
    let monitor = supervise(child, signals, terminal, apart)?;
    Ok(told.unwrap_or(monitor))
}

/// How the command of a monitor that has ended so has ended itself: the monitor has told it, where
/// it could.
fn of_command(control: &LauncherEnd, monitor: Ending) -> Ending {
    let mut ending = monitor;
    while let Ok(Some(change)) = control.change() {
        if let Change::Ended(told) = change {
            ending = told;
        }
    }
    ending
}

/// Stops with the child, unless all it wants is the terminal and that can be had: a shell does
/// not say so when it puts a job that is running in the foreground.
fn stopped(terminal: &mut Terminal, signal: i32) -> Result<(), Errno> {
    match wants_terminal(signal) && terminal.is_ours() {
        true => Ok(()),
        false => terminal.suspend(),
    }
}

/// Whether a process that this signal has stopped was in the background and wants its terminal.
pub fn wants_terminal(signal: i32) -> bool {
    matches!(signal, libc::SIGTTIN | libc::SIGTTOU)
}

fn handle(
    received: &Received,
    child: Pid,
    terminal: &mut Option<Terminal>,
    apart: bool,
) -> Result<(), Errno> {
    let signal = received.signal;
    let sent = match (signal, terminal) {
        (libc::SIGCHLD, _) | (libc::SIGCONT, None) => Ok(()),
        (libc::SIGCONT, Some(terminal)) => resume(terminal, child),
        _ if received.from_process => sys::send_signal(child, signal),
        // The kernel's own are about the launcher, but for those of a terminal.
        _ if !comes_from_terminals(signal) => Ok(()),
        _ if apart => sys::send_signal(child, signal),
        // What a terminal sends, it sends to the whole group in the foreground. A child with a
        // group of its own is not in it while the terminal is the launcher's; else it is.
        (_, Some(_)) => sys::send_signal_to_group(child, signal),
        (_, None) => Ok(()),
    };
    match sent {
        // It has ended, and the wait will say so.
        Err(Errno::ESRCH) => Ok(()),
        result => result,
    }
}

fn resume(terminal: &mut Terminal, child: Pid) -> Result<(), Errno> {
    match terminal.resume(child) {
        // Its group is gone: it has ended, and the wait will say so.
        Err(Errno::ESRCH | Errno::EPERM) => Ok(()),
        result => result,
    }
}
