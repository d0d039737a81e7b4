// SPDX-License-Identifier: MIT OR Apache-2.0

//! The supervisor's side: what the terminal shows goes to the log and to all who have attached,
//! and what they type goes in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::stat::{umask, Mode};
use nix::unistd::{pipe2, read, write};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    accept_with, bind, listen, recv, send, socket_with, AddressFamily, RecvFlags, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::termios::{tcsetwinsize, Winsize};

use super::message::{Message, CHUNK, LENGTH};
use super::socket_of;
use crate::jail::JailNumber;
use crate::state::Store;

/// How many can have attached at a time.
const CLIENTS: usize = 16;
/// How often a terminal is looked at that nobody in the jail has open, in milliseconds.
const INTERVAL: u8 = 100;
/// How long what the command has left may take to be taken from the terminal.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How much of it there can be, in bytes, more than a terminal holds: others may go on writing.
const LAST_BYTES: usize = 1 << 20;

/// The terminal of a jail, to be served.
pub(crate) struct Console {
    master: OwnedFd,
    socket: OwnedFd,
    clients: Vec<Client>,
    typed: Vec<u8>,
    /// Whether nobody had the slave side open when it was read last.
    is_idle: bool,
}

/// Who has attached.
struct Client {
    socket: OwnedFd,
    /// How much it was too slow for, in bytes.
    missed: u64,
}

/// A terminal that is being served, for who waits for the command in it. When this is dropped, it is
/// served no more.
pub(crate) struct Served {
    ended: OwnedFd,
    drained: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Served {
    /// Says that the command has ended, and returns when all that it printed has been taken.
    ///
    /// The terminal is served on until nobody in the jail has it open.
    pub(crate) fn drain(&mut self) {
        // Where nobody reads it, nobody serves the terminal any more.
        let _ = write(&self.ended, b"E");
        // Others may go on writing; the command's own is long taken then.
        let _ = self.drained.recv_timeout(LAST_WORDS);
    }

    /// Serves it no more, whoever has it open.
    pub(crate) fn stop(self) {
        drop(self.ended);
        let _ = self.thread.join();
    }
}

impl Console {
    /// Makes the socket of the jail's terminal, in the directory of its state.
    ///
    /// # Errors
    ///
    /// As socket(2), bind(2), listen(2) and fcntl(2).
    pub(crate) fn new(master: OwnedFd, store: &Store, number: JailNumber) -> io::Result<Self> {
        let blocks_never = OFlag::O_RDWR | OFlag::O_NONBLOCK;
        fcntl(&master, FcntlArg::F_SETFL(blocks_never)).map_err(io::Error::from)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let path = socket_of(store, number);
        // A jail that is made anew has the directory of the one before it.
        let _ = fs::remove_file(&path);
        let address = SocketAddrUnix::new(path)?;
        // There is no other thread yet that could make something with it.
        let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
        let bound = bind(&socket, &address);
        umask(before);
        bound?;
        listen(&socket, CLIENTS as i32)?;
        Ok(Console {
            master,
            socket,
            clients: Vec::new(),
            typed: Vec::new(),
            is_idle: false,
        })
    }

    /// Serves it in a thread, until the command has ended and nobody in the jail has the terminal
    /// open. What it shows also goes to `log`.
    ///
    /// # Errors
    ///
    /// As pipe(2), and where there can be no more threads.
    pub(crate) fn serve(mut self, mut log: File) -> io::Result<Served> {
        let (running, ended) = pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from)?;
        let (done, drained) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || self.run(&running, &done, &mut log))?;
        Ok(Served {
            ended,
            drained,
            thread,
        })
    }

    fn run(&mut self, running: &OwnedFd, done: &Sender<()>, log: &mut File) {
        let mut has_ended = false;
        loop {
            if self.wait(Some(running)).is_err() {
                // There is no memory for it. Whoever waits hears that by the end of `done`.
                return;
            }
            if is_ready(running.as_fd()) {
                if !matches!(read(running, &mut [0]), Ok(1)) {
                    return;
                }
                has_ended = true;
                self.show_last_words(log);
                let _ = done.send(());
            }
            self.accept();
            self.take_typed();
            self.type_in();
            self.show(log);
            for client in &mut self.clients {
                client.catch_up();
            }
            if has_ended && self.is_idle {
                return;
            }
        }
    }

    fn wait(&self, running: Option<&OwnedFd>) -> Result<(), Errno> {
        let readable = PollFlags::POLLIN;
        let mut wanted = vec![PollFd::new(self.socket.as_fd(), readable)];
        wanted.extend(running.map(|end| PollFd::new(end.as_fd(), readable)));
        let mut limit = PollTimeout::NONE;
        match self.is_idle {
            // It would be said at once, and each time.
            true => limit = INTERVAL.into(),
            false => {
                let mut flags = readable;
                flags.set(PollFlags::POLLOUT, !self.typed.is_empty());
                wanted.push(PollFd::new(self.master.as_fd(), flags));
            }
        }
        for client in &self.clients {
            let mut flags = PollFlags::empty();
            flags.set(readable, self.typed.is_empty());
            flags.set(PollFlags::POLLOUT, client.missed > 0);
            wanted.push(PollFd::new(client.socket.as_fd(), flags));
        }
        match poll(&mut wanted, limit) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        while let Ok(socket) = accept_with(&self.socket, flags) {
            // The socket's own mode lets nobody else in either.
            let is_root = socket_peercred(&socket).is_ok_and(|peer| peer.uid.is_root());
            if is_root && self.clients.len() < CLIENTS {
                self.clients.push(Client { socket, missed: 0 });
            }
        }
    }

    /// Takes what those who have attached send, until something is to be typed in.
    fn take_typed(&mut self) {
        let (master, typed) = (&self.master, &mut self.typed);
        self.clients.retain(|client| {
            let mut packet = [0; LENGTH];
            while typed.is_empty() {
                match recv(&client.socket, &mut packet, RecvFlags::empty()) {
                    Ok((0, _)) => return false,
                    Ok((length, _)) => match Message::decode(&packet[..length]) {
                        Some(Message::Bytes(bytes)) => typed.extend_from_slice(bytes),
                        Some(Message::Size(rows, columns)) => {
                            let size = Winsize {
                                ws_row: rows,
                                ws_col: columns,
                                ws_xpixel: 0,
                                ws_ypixel: 0,
                            };
                            let _ = tcsetwinsize(master, size);
                        }
                        Some(Message::Missed(_)) | None => return false,
                    },
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return true,
                    Err(_) => return false,
                }
            }
            true
        });
    }

    fn type_in(&mut self) {
        if self.typed.is_empty() {
            return;
        }
        match write(&self.master, &self.typed) {
            Ok(length) => drop(self.typed.drain(..length)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody reads it there.
            Err(_) => self.typed.clear(),
        }
    }

    fn show_last_words(&mut self, log: &mut File) {
        let mut left = LAST_BYTES;
        while left > 0 {
            match self.show(log) {
                0 => return,
                length => left = left.saturating_sub(length),
            }
        }
    }

    /// Shows what has been printed; how many bytes it was.
    fn show(&mut self, log: &mut File) -> usize {
        // What was written comes through when it is asked for so.
        let _ = is_ready(self.master.as_fd());
        let mut buffer = [0; CHUNK];
        match read(&self.master, &mut buffer) {
            Ok(length) => {
                self.is_idle = false;
                // A log that cannot be written must not stop the jail.
                let _ = log.write_all(&buffer[..length]);
                for client in &mut self.clients {
                    client.show(&buffer[..length]);
                }
                length
            }
            Err(errno) => {
                self.is_idle = errno == Errno::EIO;
                0
            }
        }
    }
}

impl Client {
    /// Sends it, unless the client is slow: then it is told later how much it has missed.
    fn show(&mut self, bytes: &[u8]) {
        self.catch_up();
        if self.missed > 0 || !self.send(&Message::Bytes(bytes)) {
            self.missed += bytes.len() as u64;
        }
    }

    fn catch_up(&mut self) {
        if self.missed > 0 && self.send(&Message::Missed(self.missed)) {
            self.missed = 0;
        }
    }

    /// Whether it could be sent. One that is gone is noticed when it is read from.
    fn send(&self, message: &Message<'_>) -> bool {
        send(&self.socket, &message.encode(), SendFlags::NOSIGNAL).is_ok()
    }
}

fn is_ready(descriptor: BorrowedFd<'_>) -> bool {
    let mut ready = [PollFd::new(descriptor, PollFlags::POLLIN)];
    matches!(poll(&mut ready, 0u8), Ok(1..))
}
