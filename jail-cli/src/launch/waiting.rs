// SPDX-License-Identifier: MIT OR Apache-2.0

//! A command that waits in its jail, right before it is executed, for another process to let it go
//! on, long after the launcher has ended.
//!
//! It listens at a socket with a path, which lies where only root of the host gets. That is not
//! relied on: a directory of the host can be shown in a jail, and its root is root. Who lets it go
//! on hands it a descriptor of its own jail with the right to administer that. The kernel gives one
//! to nobody but who is outside, and may end the jail.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::unistd::Pid;
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use super::ending::is_seen_stopped;
use super::report::{Listener, Reporter, STOPPED};
use super::signals::Inbox;
use super::LaunchError;
use crate::jail::JailNumber;
use crate::jailfd::{destroy_jailfd, open_jail, JailFd, Rights};
use crate::process::ProcessId;
use crate::sys;
use crate::text::{reason, shown};

/// What is said to let it go on; the descriptor comes with it.
const GO: u8 = b'G';

/// How long who has connected may take to say so.
const PATIENCE: Duration = Duration::from_secs(1);

/// What does not end a process that does not handle it.
const HARMLESS: [i32; 7] = [
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Where a command waits.
#[derive(Debug)]
pub struct Waiting(UnixListener);

impl Waiting {
    /// Listens at `path`, where nothing must be.
    ///
    /// # Errors
    ///
    /// A text that says what failed.
    pub fn at(path: &Path) -> Result<Self, String> {
        let listener = UnixListener::bind(path);
        let listener = listener.map_err(|error| format!("{}: {error}", shown(path)))?;
        Ok(Waiting(listener))
    }

    /// The descriptor that it waits at.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Waits until it is to go on, in jail `number`; to whom it tells then how that went.
    ///
    /// A signal that would end a process ends this one. Left to the kernel it would not: the first
    /// process of a namespace is sent none that it does not handle.
    pub(super) fn wait(&self, number: JailNumber) -> Result<Reporter, String> {
        let inbox = Inbox::of_everything().map_err(reason)?;
        let own = open_jail(None, number, Rights::READ).map_err(|error| error.to_string())?;
        let failed = |error: io::Error| error.to_string();
        loop {
            let mut ready = [
                PollFd::new(inbox.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.0.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(reason(errno)),
            }
            let has_caller = ready[1].any().unwrap_or(false);
            while let Some(received) = inbox.next().map_err(reason)? {
                if !HARMLESS.contains(&received.signal) {
                    sys::exit_now(u8::try_from(128 + received.signal).unwrap_or(u8::MAX));
                }
            }
            if has_caller {
                let (caller, _) = self.0.accept().map_err(failed)?;
                // One that only looks whether somebody waits, or may not do more.
                if is_let_go(&caller, &own).unwrap_or(false) {
                    return Ok(Reporter::over(caller.into()));
                }
            }
        }
    }
}

/// Whether the caller lets it go on, and proves that it may.
fn is_let_go(caller: &UnixStream, own: &JailFd) -> io::Result<bool> {
    caller.set_read_timeout(Some(PATIENCE))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut slices = [IoSliceMut::new(&mut byte)];
    let received = recvmsg(caller, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut proof = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            proof = descriptors.last();
        }
    }
    match proof {
        Some(proof) if received.bytes == 1 && byte == [GO] => is_proof(proof.into(), own),
        _ => Ok(false),
    }
}

/// Whether that is a descriptor of the own jail with which it can be administered.
fn is_proof(proof: JailFd, own: &JailFd) -> io::Result<bool> {
    let own = own.status()?;
    // Nothing is read of a descriptor that may be something else's.
    let probe = open_jail(Some(&proof), own.number, Rights::READ);
    if probe.is_err_and(|error| error.errno() == Errno::EBADF) {
        return Ok(false);
    }
    let named = proof.status()?;
    if (named.number, named.created) != (own.number, own.created) {
        return Ok(false);
    }
    // Nobody ends the jail that he is in, but who has no right to gets another answer.
    Ok(destroy_jailfd(&proof).is_err_and(|error| error.errno() == Errno::EINVAL))
}

/// Whether a command waits at `path`.
///
/// # Errors
///
/// Where that cannot be told.
pub fn is_waiting(path: &Path) -> io::Result<bool> {
    match UnixStream::connect(path) {
        Ok(_) => Ok(true),
        Err(error) if is_nobody(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets the command go on that waits at `path` in this jail, `process`, and returns when it is
/// executed.
///
/// # Errors
///
/// Where none waits there, and why it could not be executed.
pub fn let_go(path: &Path, jail: &JailFd, process: ProcessId) -> Result<(), LaunchError> {
    let nobody = || LaunchError::failed("it does not wait to be started");
    let failed = |what: &str, why: String| LaunchError::failed(format!("{what}: {why}"));
    let number = jail.status();
    let number = number.map_err(|error| failed("reading of its jail", error.to_string()))?;
    let connection = UnixStream::connect(path).map_err(|error| match is_nobody(&error) {
        true => nobody(),
        false => failed("reaching it", error.to_string()),
    })?;
    let descriptors = [jail.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let slices = [IoSlice::new(&[GO])];
    // Another one may be before this one in the queue.
    sendmsg(&connection, &slices, &mut ancillary, SendFlags::NOSIGNAL).map_err(|_| nobody())?;

    let mut listener = Listener::over(OwnedFd::from(connection));
    // Others of the jail can stop it, and would hold up who waits for it for ever.
    let mut was_stopped = false;
    let mut watch = || {
        let is_stopped = is_seen_stopped(Pid::from_raw(process.pid));
        match std::mem::replace(&mut was_stopped, is_stopped) && is_stopped {
            true => Err(STOPPED.into()),
            false => Ok(()),
        }
    };
    match listener.number(&mut watch) {
        Ok(Some(told)) if told == number.number => {}
        Err(why) if why == STOPPED => return Err(LaunchError::failed(why)),
        _ => return Err(nobody()),
    }
    match listener.failure(&mut watch) {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure),
        Err(why) => Err(failed("hearing from it", why)),
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    )
}
