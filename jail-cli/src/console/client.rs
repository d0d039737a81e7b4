// SPDX-License-Identifier: MIT OR Apache-2.0

//! The administrator's side.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::unistd::{read, write};
use rustix::net::{
    connect, recv, send, socket_with, AddressFamily, RecvFlags, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};
use rustix::termios::tcgetwinsize;

use super::message::{Message, CHUNK, LENGTH};
use super::socket_of;
use crate::jail::JailNumber;
use crate::launch::outer::Outer;
use crate::launch::signals::{Inbox, Signals};
use crate::state::Store;

/// The key that lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escape(Option<u8>);

impl Default for Escape {
    /// Ctrl and `]`, as telnet(1) has it.
    fn default() -> Self {
        Escape(Some(0x1d))
    }
}

impl FromStr for Escape {
    type Err = String;

    /// `^X` is Ctrl and X, a single character is itself, and `none` is no key.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match *text.as_bytes() {
            _ if text == "none" => Ok(Escape(None)),
            [b'^', key @ (b'@'..=b'_' | b'a'..=b'z')] => Ok(Escape(Some(key & 0x1f))),
            [b'^', b'?'] => Ok(Escape(Some(0x7f))),
            [key @ 0x21..0x7f] => Ok(Escape(Some(key))),
            _ => Err("expected a character, ^ and a character for Ctrl with it, or none".into()),
        }
    }
}

impl std::fmt::Display for Escape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(0x7f) => f.write_str("Ctrl-?"),
            Some(key @ 0..0x20) => write!(f, "Ctrl-{}", char::from(key | 0x40)),
            Some(key) => write!(f, "{}", char::from(key)),
        }
    }
}

/// How long what is typed is kept for a jail that takes none of it, before it is thrown away to find
/// the key in it: a jail that reads nothing is to hold nobody.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a terminal says when it cannot take what is typed.
const BELL: &[u8] = b"\x07";

/// Why nothing goes to and fro any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The key was pressed.
    LetGo,
    /// The jail's terminal is gone, as it is when its first process has ended.
    Gone,
    /// This signal was to end it.
    Signalled(c_int),
}

/// Attaches the caller's terminal, which its standard input and output must be, to that of a
/// detached jail, until one of the two lets go.
///
/// `tell` is called with how many bytes were not shown, to a terminal that is too slow.
///
/// # Errors
///
/// NotFound or ConnectionRefused where the jail has no terminal, and otherwise as connect(2),
/// poll(2), read(2) and write(2).
pub fn attach(
    store: &Store,
    number: JailNumber,
    escape: Escape,
    tell: &mut dyn FnMut(u64),
) -> io::Result<Left> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(socket_of(store, number))?)?;
    let signals = Signals::block(false)?;
    let inbox = signals.descriptor()?;
    let mut outer = Outer::new([true, true, false]);
    outer.make_raw();
    let mut attached = Attached {
        outer,
        socket,
        escape,
        typed: Vec::new(),
        is_resized: true,
        kept_since: None,
        tell,
    };
    attached.send_all()?;
    let left = attached.run(&inbox);
    attached.outer.restore();
    left
}

struct Attached<'a> {
    outer: Outer,
    socket: OwnedFd,
    escape: Escape,
    /// What the supervisor has not taken yet, and whether the size is to be told.
    typed: Vec<u8>,
    is_resized: bool,
    /// Since when it takes nothing.
    kept_since: Option<Instant>,
    tell: &'a mut dyn FnMut(u64),
}

impl Attached<'_> {
    fn run(&mut self, inbox: &Inbox) -> io::Result<Left> {
        loop {
            let [signalled, typed, shown] = self.wait(inbox)?;
            self.send_all()?;
            let left = match () {
                () if signalled => self.handle(inbox)?,
                // What is shown first: it may be the last.
                () if shown => self.show()?,
                () if typed => self.take_typed()?,
                () => None,
            };
            if let Some(left) = left {
                return Ok(left);
            }
        }
    }

    /// Waits for signals, for what is typed, and for what is to be shown.
    fn wait(&self, inbox: &Inbox) -> io::Result<[bool; 3]> {
        let kept_for = self.kept_since.map(|since| since.elapsed());
        let left = kept_for.map(|time| PATIENCE.saturating_sub(time));
        let mut of_socket = PollFlags::POLLIN;
        of_socket.set(PollFlags::POLLOUT, left.is_some());
        let (limit, of_input) = match left.filter(|left| !left.is_zero()) {
            None => (PollTimeout::NONE, PollFlags::POLLIN),
            Some(left) => {
                let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                (limit, PollFlags::empty())
            }
        };
        self.outer.with_input(|input| {
            let mut wanted = [
                PollFd::new(inbox.as_fd(), PollFlags::POLLIN),
                PollFd::new(input, of_input),
                PollFd::new(self.socket.as_fd(), of_socket),
            ];
            match poll(&mut wanted, limit) {
                Ok(_) => {
                    let [signalled, typed, socket] =
                        wanted.map(|ready| ready.revents().unwrap_or(PollFlags::all()));
                    let shown = !(socket - PollFlags::POLLOUT).is_empty();
                    Ok([!signalled.is_empty(), !typed.is_empty(), shown])
                }
                Err(Errno::EINTR) => Ok([false; 3]),
                Err(errno) => Err(errno.into()),
            }
        })
    }

    fn handle(&mut self, inbox: &Inbox) -> io::Result<Option<Left>> {
        while let Some(received) = inbox.next()? {
            match received.signal {
                libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT => {
                    return Ok(Some(Left::Signalled(received.signal)));
                }
                libc::SIGWINCH => self.is_resized = true,
                libc::SIGCONT => {
                    // A shell sets the modes to its own when it continues a job.
                    self.outer.make_raw_again();
                    self.is_resized = true;
                }
                _ => {}
            }
        }
        self.send_all()?;
        Ok(None)
    }

    fn take_typed(&mut self) -> io::Result<Option<Left>> {
        let mut buffer = [0; CHUNK];
        let length = match self.outer.with_input(|input| read(input, &mut buffer)) {
            // The end of a terminal in raw mode is that of the terminal.
            Ok(0) | Err(Errno::EIO) => return Ok(Some(Left::Signalled(libc::SIGHUP))),
            Ok(length) => length,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let is_escape = |byte: &u8| Some(*byte) == self.escape.0;
        let place = buffer[..length].iter().position(is_escape);
        let typed = &buffer[..place.unwrap_or(length)];
        match self.typed.is_empty() {
            true => {
                self.typed.extend_from_slice(typed);
                self.send_all()?;
            }
            // As a terminal does.
            false => self.write_all(BELL)?,
        }
        Ok(place.map(|_| Left::LetGo))
    }

    fn show(&mut self) -> io::Result<Option<Left>> {
        let mut packet = [0; LENGTH];
        match recv(&self.socket, &mut packet, RecvFlags::empty()) {
            Ok((0, _)) | Err(rustix::io::Errno::CONNRESET) => return Ok(Some(Left::Gone)),
            Ok((length, _)) => match Message::decode(&packet[..length]) {
                Some(Message::Bytes(bytes)) => self.write_all(bytes)?,
                Some(Message::Missed(bytes)) => (self.tell)(bytes),
                Some(Message::Size(..)) | None => {
                    return Err(io::Error::other("the supervisor sends what is no message"));
                }
            },
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.outer.with_output(|output| write(output, bytes)) {
                Ok(length) => bytes = &bytes[length..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.outer.with_output(|output| {
                    let mut ready = [PollFd::new(output, PollFlags::POLLOUT)];
                    let _ = poll(&mut ready, PollTimeout::NONE);
                }),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Sends what is to be sent, as far as it is taken.
    fn send_all(&mut self) -> io::Result<()> {
        if self.is_resized {
            let size = self.outer.with_output(|terminal| tcgetwinsize(terminal));
            // Where it cannot be told, it is as large as it was.
            self.is_resized = match size {
                Ok(size) => !self.send(&Message::size(size))?,
                Err(_) => false,
            };
        }
        if !self.typed.is_empty() && self.send(&Message::Bytes(&self.typed))? {
            self.typed.clear();
            self.kept_since = None;
        }
        match self.is_resized || !self.typed.is_empty() {
            true => drop(self.kept_since.get_or_insert_with(Instant::now)),
            false => self.kept_since = None,
        }
        Ok(())
    }

    /// Whether it is taken.
    fn send(&self, message: &Message<'_>) -> io::Result<bool> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match send(&self.socket, &message.encode(), flags) {
            // Why nobody listens is told when it is read from.
            Ok(_) | Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => Ok(true),
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for (text, key, shown) in [
            ("^]", Some(0x1d), "Ctrl-]"),
            ("^a", Some(1), "Ctrl-A"),
            ("^A", Some(1), "Ctrl-A"),
            ("^?", Some(0x7f), "Ctrl-?"),
            ("~", Some(b'~'), "~"),
            ("none", None, "none"),
        ] {
            let escape: Escape = text.parse().expect(text);
            assert_eq!(escape, Escape(key), "{text}");
            assert_eq!(escape.to_string(), shown, "{text}");
        }
        for text in ["", "^", "^]]", "ab", " ", "^1", "é"] {
            let parsed = text.parse::<Escape>();
            assert_eq!(parsed.is_ok(), text == "^", "{text:?}: {parsed:?}");
        }
    }
}
