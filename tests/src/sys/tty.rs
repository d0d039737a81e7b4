// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pseudo-terminals, and what a program that starts others passes on to them.

use super::errno::{checked, Result};
use libc::c_int;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// A new pseudo-terminal: the master and the slave side.
pub fn open() -> Result<(OwnedFd, OwnedFd)> {
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: the two integers outlive the call; the other arguments may be null.
    checked(unsafe {
        libc::openpty(
            &mut master,
            &mut slave,
            std::ptr::null_mut(),
            std::ptr::null(),
            std::ptr::null(),
        )
    })?;
    // SAFETY: openpty has just opened both and nobody else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) })
}

/// Starts a new session and makes `terminal` its controlling terminal and the standard streams.
pub fn take_over(terminal: &OwnedFd) -> Result<()> {
    // SAFETY: takes nothing.
    checked(unsafe { libc::setsid() })?;
    // SAFETY: the descriptor is open; this request takes an integer.
    checked(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) })?;
    for stream in 0..3 {
        // SAFETY: the descriptor is open, and the standard streams are this process's own.
        checked(unsafe { libc::dup2(terminal.as_raw_fd(), stream) })?;
    }
    Ok(())
}

/// Closes the master side in a process that has been forked, where nobody uses or drops it again.
pub fn forget(master: &OwnedFd) {
    // SAFETY: the descriptor is this process's own copy, and by the contract nobody uses it again.
    let _ = unsafe { libc::close(master.as_raw_fd()) };
}

/// Changes the size of the terminal that `master` is the master side of.
pub fn resize(master: BorrowedFd<'_>, rows: u16, columns: u16) -> Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the descriptor is open for as long as the borrow, and the structure outlives the call,
    // which reads it.
    checked(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &size) }).map(drop)
}

/// The foreground process group of the terminal that `file` is a side of.
pub fn foreground(file: BorrowedFd<'_>) -> Result<libc::pid_t> {
    // SAFETY: the descriptor is open for as long as the borrow.
    checked(unsafe { libc::tcgetpgrp(file.as_raw_fd()) })
}

/// Whether what is typed at the terminal that `file` is a side of is shown.
pub fn echoes(file: BorrowedFd<'_>) -> Result<bool> {
    let mut modes = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the descriptor is open for as long as the borrow, and the structure outlives the call.
    checked(unsafe { libc::tcgetattr(file.as_raw_fd(), modes.as_mut_ptr()) })?;
    // SAFETY: the call has filled it in.
    Ok(unsafe { modes.assume_init() }.c_lflag & libc::ECHO != 0)
}

/// Whether `file` has something to read, or has come to its end, within `limit`.
pub fn readable(file: BorrowedFd<'_>, limit: Duration) -> Result<bool> {
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: one pollfd that outlives the call.
    checked(unsafe { libc::poll(&mut poll, 1, limit) }).map(|ready| ready > 0)
}

/// Lets the programs that this process executes inherit `file`.
pub fn keep_over_exec(file: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: the descriptor is open for as long as the borrow.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }).map(drop)
}

/// Takes charge of a descriptor that this program was started with.
///
/// `number` must be one that the process was told to have inherited, and be taken only once.
pub fn inherited(number: i32) -> Result<OwnedFd> {
    // SAFETY: only asks about the descriptor.
    checked(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    // SAFETY: it is open, as has just been seen, and by this function's contract nobody else
    // in the process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether the descriptor of this number is open.
pub fn is_open(number: i32) -> bool {
    // SAFETY: only asks about the descriptor.
    checked(unsafe { libc::fcntl(number, libc::F_GETFD) }).is_ok()
}

/// Opens `file` under this number as well, for programs that this process executes.
pub fn duplicate_to(file: BorrowedFd<'_>, number: i32) -> Result<()> {
    // SAFETY: the first is open; the caller says that nobody owns the second number.
    checked(unsafe { libc::dup2(file.as_raw_fd(), number) }).map(drop)
}
