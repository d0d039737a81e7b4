// SPDX-License-Identifier: MIT OR Apache-2.0

//! Between a launcher and the monitor of a command: what happens to the command, and what is to
//! be done with it.

use std::cell::Cell;
use std::ffi::c_int;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::unistd::Pid;
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{
    recvmsg, send, sendmsg, socketpair, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage,
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use super::ending::{Change, Ending};

/// The length of a message: its kind, and a number.
const LENGTH: usize = 1 + size_of::<c_int>();

const HELLO: u8 = b'H';
const STOPPED: u8 = b'S';
const EXITED: u8 = b'E';
const KILLED: u8 = b'K';
const SIGNAL: u8 = b's';
const SIGNAL_GROUP: u8 = b'g';
const CONTINUE: u8 = b'c';

/// What a launcher wants of a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// This signal for the command.
    Signal(c_int),
    /// This signal for the command's process group.
    SignalGroup(c_int),
    /// The command's group goes on, in the foreground of its terminal or in the background.
    Continue {
        /// Whether it is to be in the foreground.
        foreground: bool,
    },
}

/// The launcher's end.
pub struct LauncherEnd(OwnedFd);

/// The other end: the command's at first, and then the monitor's.
pub struct MonitorEnd {
    socket: OwnedFd,
    /// Whether a stop was told that nothing has come of yet. No other is told before: whoever is in
    /// the jail stops the command as often as he likes, and what nobody reads would fill the socket
    /// until each end waits for the other.
    has_told_stop: Cell<bool>,
}

/// Makes both ends.
///
/// # Errors
///
/// As socketpair(2).
pub fn channel() -> rustix::io::Result<(LauncherEnd, MonitorEnd)> {
    let kind = SocketType::SEQPACKET;
    let (launcher, monitor) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    // By that the kernel tells who the command is, in the launcher's own numbers.
    set_socket_passcred(&launcher, true)?;
    let monitor = MonitorEnd {
        socket: monitor,
        has_told_stop: Cell::new(false),
    };
    Ok((LauncherEnd(launcher), monitor))
}

/// What the command says first: who it is, and the master side of its terminal.
pub struct Hello {
    /// The command, as the launcher sees it.
    pub command: Pid,
    /// The master side of its terminal, where it has one of its own.
    pub master: Option<OwnedFd>,
}

impl LauncherEnd {
    /// What the command has said, which it does before it reports anything.
    ///
    /// # Errors
    ///
    /// Where it has said nothing, or nothing that makes sense.
    pub fn hello(&self) -> Result<Hello, String> {
        let mut space =
            [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; LENGTH];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(&self.0, &mut slices, &mut ancillary, flags)
            .map_err(|error| error.to_string())?;
        let (mut command, mut master) = (None, None);
        for message in ancillary.drain() {
            match message {
                RecvAncillaryMessage::ScmRights(descriptors) => master = descriptors.last(),
                RecvAncillaryMessage::ScmCredentials(who) => command = Some(who.pid),
                _ => {}
            }
        }
        match (received.bytes, bytes[0], command) {
            (LENGTH, HELLO, Some(command)) => Ok(Hello {
                command: Pid::from_raw(command.as_raw_nonzero().get()),
                master,
            }),
            _ => Err("it is garbled".into()),
        }
    }

    /// What has happened to the command: nothing new, something, or `Err` when no monitor is there
    /// to tell.
    pub fn change(&self) -> Result<Option<Change>, Gone> {
        change(receive(&self.0))
    }

    /// What is told next, without taking it: it is told once more. Nothing so far, something, or `Err`
    /// when no monitor is there to tell.
    pub fn next_change(&self) -> Result<Option<Change>, Gone> {
        change(receive_by(&self.0, RecvFlags::PEEK))
    }

    /// Asks for something; a monitor that is gone has nobody to do it to.
    pub fn ask(&self, request: Request) {
        let (kind, number) = match request {
            Request::Signal(signal) => (SIGNAL, signal),
            Request::SignalGroup(signal) => (SIGNAL_GROUP, signal),
            Request::Continue { foreground } => (CONTINUE, c_int::from(foreground)),
        };
        let _ = tell(&self.0, kind, number);
    }
}

impl AsFd for LauncherEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Nobody is at the other end.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

impl MonitorEnd {
    /// Says who the calling process is, and hands over the master side of its terminal.
    ///
    /// # Errors
    ///
    /// As sendmsg(2).
    pub fn hello(&self, master: Option<BorrowedFd<'_>>) -> rustix::io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let master: Vec<BorrowedFd<'_>> = master.into_iter().collect();
        if !master.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&master));
        }
        let bytes = message(HELLO, 0);
        let slices = [IoSlice::new(&bytes)];
        sendmsg(&self.socket, &slices, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
    }

    /// Tells what has happened to the command; that it has stopped once, until it is continued.
    ///
    /// # Errors
    ///
    /// Where no launcher is there to hear it.
    pub fn tell(&self, change: Change) -> Result<(), Gone> {
        let socket = &self.socket;
        match change {
            Change::Stopped(_) if self.has_told_stop.replace(true) => Ok(()),
            Change::Stopped(signal) => tell(socket, STOPPED, signal),
            Change::Ended(Ending::Exited(status)) => tell(socket, EXITED, c_int::from(status)),
            Change::Ended(Ending::Killed(signal)) => tell(socket, KILLED, signal),
        }
    }

    /// What is wanted, where something is.
    ///
    /// # Errors
    ///
    /// Where there is no launcher any more.
    pub fn request(&self) -> Result<Option<Request>, Gone> {
        match receive(&self.socket)? {
            None => Ok(None),
            Some((SIGNAL, signal)) => Ok(Some(Request::Signal(signal))),
            Some((SIGNAL_GROUP, signal)) => Ok(Some(Request::SignalGroup(signal))),
            Some((CONTINUE, foreground)) => {
                self.has_told_stop.set(false);
                Ok(Some(Request::Continue {
                    foreground: foreground != 0,
                }))
            }
            Some(_) => Err(Gone),
        }
    }
}

impl AsFd for MonitorEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn change(received: Result<Option<(u8, c_int)>, Gone>) -> Result<Option<Change>, Gone> {
    match received {
        Ok(None) => Ok(None),
        Ok(Some((STOPPED, signal))) => Ok(Some(Change::Stopped(signal))),
        Ok(Some((EXITED, status))) => {
            let status = u8::try_from(status).unwrap_or(u8::MAX);
            Ok(Some(Change::Ended(Ending::Exited(status))))
        }
        Ok(Some((KILLED, signal))) => Ok(Some(Change::Ended(Ending::Killed(signal)))),
        Ok(Some(_)) | Err(Gone) => Err(Gone),
    }
}

fn message(kind: u8, number: c_int) -> [u8; LENGTH] {
    let mut bytes = [kind; LENGTH];
    bytes[1..].copy_from_slice(&number.to_ne_bytes());
    bytes
}

fn tell(socket: &OwnedFd, kind: u8, number: c_int) -> Result<(), Gone> {
    loop {
        match send(socket, &message(kind, number), SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Gone),
        }
    }
}

fn receive(socket: &OwnedFd) -> Result<Option<(u8, c_int)>, Gone> {
    receive_by(socket, RecvFlags::empty())
}

fn receive_by(socket: &OwnedFd, flags: RecvFlags) -> Result<Option<(u8, c_int)>, Gone> {
    let mut bytes = [0; LENGTH];
    match rustix::net::recv(socket, &mut bytes, flags | RecvFlags::DONTWAIT) {
        Ok((LENGTH, _)) => {
            let [kind, number @ ..] = bytes;
            Ok(Some((kind, c_int::from_ne_bytes(number))))
        }
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Ok(_) | Err(_) => Err(Gone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives() {
        let (launcher, monitor) = channel().expect("sockets");
        assert_eq!(launcher.change(), Ok(None));
        let changes = [
            Change::Stopped(libc::SIGTSTP),
            Change::Ended(Ending::Exited(7)),
            Change::Ended(Ending::Killed(40)),
        ];
        for change in changes {
            monitor.tell(change).expect("tell");
            assert_eq!(launcher.next_change(), Ok(Some(change)));
            assert_eq!(launcher.change(), Ok(Some(change)));
        }
        let requests = [
            Request::Signal(64),
            Request::SignalGroup(libc::SIGHUP),
            Request::Continue { foreground: true },
            Request::Continue { foreground: false },
        ];
        for request in requests {
            launcher.ask(request);
            assert_eq!(monitor.request(), Ok(Some(request)));
        }
        assert_eq!(monitor.request(), Ok(None));
        drop(launcher);
        wait_for_end(|| monitor.request());
        assert_eq!(monitor.tell(changes[0]), Err(Gone));
    }

    #[test]
    fn a_stop_is_told_once_until_it_is_answered() {
        let (launcher, monitor) = channel().expect("sockets");
        let stop = |signal| monitor.tell(Change::Stopped(signal)).expect("tell");
        stop(libc::SIGTTIN);
        stop(libc::SIGTSTP);
        assert_eq!(launcher.change(), Ok(Some(Change::Stopped(libc::SIGTTIN))));
        assert_eq!(launcher.change(), Ok(None));
        launcher.ask(Request::Continue { foreground: true });
        let asked = monitor.request();
        assert_eq!(asked, Ok(Some(Request::Continue { foreground: true })));
        stop(libc::SIGTSTP);
        assert_eq!(launcher.change(), Ok(Some(Change::Stopped(libc::SIGTSTP))));
    }

    #[test]
    fn the_kernel_says_who_greets() {
        let (launcher, monitor) = channel().expect("sockets");
        assert!(launcher.hello().is_err());
        let file = std::fs::File::open("/dev/null").expect("open");
        for master in [None, Some(file.as_fd())] {
            monitor.hello(master).expect("hello");
            let hello = launcher.hello().expect("hello");
            assert_eq!(hello.command, nix::unistd::getpid());
            assert_eq!(hello.master.is_some(), master.is_some());
        }
        drop(monitor);
        wait_for_end(|| launcher.change());
    }

    /// A child that another test has forked holds what is closed here until it executes something.
    fn wait_for_end<T>(mut ask: impl FnMut() -> Result<Option<T>, Gone>) {
        while let Ok(nothing) = ask() {
            assert!(nothing.is_none(), "somebody has said something");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
