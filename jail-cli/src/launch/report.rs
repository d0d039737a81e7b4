// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the child tells its parent before it executes something.
//!
//! Over a pipe that is closed on exec: perhaps in which namespaces it is, at most one number, when it
//! is ready to execute something in that jail, then either a failure or, when something is executed,
//! nothing but the end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{poll, PollFd, PollFlags};
use nix::unistd::pipe2;

use super::error::{EXIT_FAILED, EXIT_NOT_FOUND};
use super::world::Inodes;
use super::LaunchError;
use crate::jail::JailNumber;
use crate::text::{reason, shown_text};

/// How much of a report is read. What comes from a jail is not relied on to end.
const LIMIT: usize = 64 << 10;
/// How often somebody is asked whether to wait on, in milliseconds.
const INTERVAL: u8 = 100;

/// Why what is stopped is not waited for.
pub const STOPPED: &str = "it was stopped before it could execute anything";

const NUMBER: u8 = b'N';
const FAILURE: u8 = b'F';
const WORLD: u8 = b'W';

/// The end the child writes to.
pub struct Reporter(File);

/// Says whether to wait on; a text where not.
pub type Watch<'a> = &'a mut dyn FnMut() -> Result<(), String>;

/// The end the parent reads.
pub struct Listener {
    file: File,
    world: Option<Inodes>,
    /// What was read and is no number.
    rest: Vec<u8>,
}

/// Makes both ends.
pub fn channel() -> io::Result<(Reporter, Listener)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((Reporter::over(write), Listener::over(read)))
}

impl Reporter {
    /// One that writes to something else than a pipe, which is closed on exec as well.
    pub fn over(end: OwnedFd) -> Self {
        Reporter(end.into())
    }

    /// Says in which new namespaces the child is; before the number.
    pub fn world(&mut self, inodes: Inodes) -> io::Result<()> {
        let mut record = vec![WORLD];
        record.extend(inodes.to_bytes());
        self.write(&record)
    }

    /// Whether nobody reads any more what is said.
    pub fn is_deaf(&self) -> bool {
        let mut there = [PollFd::new(self.0.as_fd(), PollFlags::empty())];
        let polled = poll(&mut there, 0u8);
        let found = there[0].revents().unwrap_or(PollFlags::empty());
        polled.is_err() || found.contains(PollFlags::POLLERR)
    }

    /// Says in which jail the child is, where it needs nothing more but to be let go on.
    pub fn number(&mut self, number: JailNumber) -> io::Result<()> {
        let mut record = vec![NUMBER];
        record.extend(number.get().to_ne_bytes());
        self.write(&record)
    }

    /// Says why nothing will be executed; the last that can be said.
    pub fn failure(&mut self, error: &LaunchError) -> io::Result<()> {
        let mut record = vec![FAILURE, error.status()];
        record.extend(error.to_string().into_bytes());
        self.write(&record)
    }

    /// The descriptor of the end.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        self.0.write_all(record)
    }
}

impl Listener {
    /// One that reads of something else than a pipe.
    pub fn over(end: OwnedFd) -> Self {
        Listener {
            file: end.into(),
            world: None,
            rest: Vec::new(),
        }
    }

    /// Waits for the number of the jail; `None` where a failure or nothing comes in its place.
    ///
    /// # Errors
    ///
    /// What `watch` says, which is asked while nothing comes, and what reading gives.
    pub fn number(&mut self, watch: Watch<'_>) -> Result<Option<JailNumber>, String> {
        let mut first = [0];
        if self.read(&mut first, watch)? == 0 {
            return Ok(None);
        }
        if first == [WORLD] {
            let mut inodes = [0; Inodes::COUNT * 8];
            self.read_all(&mut inodes, watch)?;
            self.world = Some(Inodes::from_bytes(&inodes));
            if self.read(&mut first, watch)? == 0 {
                return Ok(None);
            }
        }
        if first != [NUMBER] {
            self.rest.extend_from_slice(&first);
            return Ok(None);
        }
        let mut number = [0; 4];
        self.read_all(&mut number, watch)?;
        let number = JailNumber::new(u32::from_ne_bytes(number));
        number.map(Some).ok_or_else(garbled)
    }

    /// The new namespaces that the child is in, once there is a number.
    pub fn world(&self) -> Option<Inodes> {
        self.world
    }

    fn read_all(&mut self, bytes: &mut [u8], watch: Watch<'_>) -> Result<(), String> {
        let mut length = 0;
        while length < bytes.len() {
            match self.read(&mut bytes[length..], watch)? {
                0 => return Err(garbled()),
                more => length += more,
            }
        }
        Ok(())
    }

    /// Reads until the other end is closed: why nothing was executed, or `None` where something
    /// was, or where the child ended without a word.
    ///
    /// # Errors
    ///
    /// As [`Listener::number`].
    pub fn failure(mut self, watch: Watch<'_>) -> Result<Option<LaunchError>, String> {
        let mut buffer = [0; 4096];
        while self.rest.len() < LIMIT {
            match self.read(&mut buffer, watch)? {
                0 => break,
                length => self.rest.extend_from_slice(&buffer[..length]),
            }
        }
        match self.rest[..] {
            [] => Ok(None),
            [FAILURE, status @ EXIT_FAILED..=EXIT_NOT_FOUND, ref message @ ..] => {
                let message = shown_text(&String::from_utf8_lossy(message));
                Ok(Some(LaunchError::new(status, message)))
            }
            _ => Err(garbled()),
        }
    }

    /// Reads what there is once there is something.
    fn read(&mut self, buffer: &mut [u8], watch: Watch<'_>) -> Result<usize, String> {
        loop {
            let mut there = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
            match poll(&mut there, INTERVAL) {
                Ok(0) => watch()?,
                Err(Errno::EINTR) => {}
                Ok(_) => return self.file.read(buffer).map_err(|error| error.to_string()),
                Err(errno) => return Err(reason(errno)),
            }
        }
    }
}

fn garbled() -> String {
    "it is garbled".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient() -> impl FnMut() -> Result<(), String> {
        || Ok(())
    }

    #[test]
    fn silence_can_be_too_long() {
        let (mut reporter, mut listener) = channel().expect("a pipe");
        let mut asked = 0;
        let mut watch = || {
            asked += 1;
            match asked {
                2 => Err("enough".to_owned()),
                _ => Ok(()),
            }
        };
        assert_eq!(listener.number(&mut watch), Err("enough".to_owned()));
        // Part of a number is no better.
        reporter.write(&[NUMBER, 1, 2]).expect("write");
        let mut watch = || Err("enough".to_owned());
        assert_eq!(listener.number(&mut watch), Err("enough".to_owned()));
        assert_eq!(listener.failure(&mut watch), Err("enough".to_owned()));
        drop(reporter);
    }

    #[test]
    fn arrives_as_it_was_sent() {
        let number = JailNumber::new(0x1234_5678).expect("31 bits");
        let failure = LaunchError::new(126, "jail: no".to_owned() + &"x".repeat(3000));
        let (mut reporter, mut listener) = channel().expect("a pipe");
        reporter.number(number).expect("write");
        assert_eq!(listener.number(&mut patient()).expect("read"), Some(number));
        reporter.failure(&failure).expect("write");
        drop(reporter);
        assert_eq!(
            listener.failure(&mut patient()).expect("read"),
            Some(failure)
        );
    }

    #[test]
    fn the_namespaces_come_before_the_number() {
        let number = JailNumber::new(7).expect("31 bits");
        let (mut reporter, mut listener) = channel().expect("a pipe");
        let inodes = Inodes::from_bytes(&[7; Inodes::COUNT * 8]);
        reporter.world(inodes).expect("write");
        reporter.number(number).expect("write");
        assert_eq!(listener.number(&mut patient()).expect("read"), Some(number));
        assert_eq!(listener.world(), Some(inodes));
    }

    #[test]
    fn it_is_seen_when_nobody_listens() {
        let (reporter, listener) = channel().expect("a pipe");
        assert!(!reporter.is_deaf());
        drop(listener);
        assert!(reporter.is_deaf());
    }

    #[test]
    fn a_failure_can_come_first() {
        let failure = LaunchError::new(125, "no jail");
        let (mut reporter, mut listener) = channel().expect("a pipe");
        reporter.failure(&failure).expect("write");
        drop(reporter);
        assert_eq!(listener.number(&mut patient()).expect("read"), None);
        assert_eq!(
            listener.failure(&mut patient()).expect("read"),
            Some(failure)
        );
    }

    #[test]
    fn silence_is_success() {
        let (reporter, mut listener) = channel().expect("a pipe");
        drop(reporter);
        assert_eq!(listener.number(&mut patient()).expect("read"), None);
        assert_eq!(listener.failure(&mut patient()).expect("read"), None);
    }

    #[test]
    fn what_it_says_is_bounded_and_harmless() {
        let (mut reporter, listener) = channel().expect("a pipe");
        let writer = std::thread::spawn(move || {
            let _ = reporter.write(b"F\x7d\x1b[2J");
            let endless = vec![b'x'; 1 << 20];
            while reporter.write(&endless).is_ok() {}
        });
        let failure = listener
            .failure(&mut patient())
            .expect("read")
            .expect("a failure");
        writer.join().expect("it ends when nobody reads");
        let text = failure.to_string();
        assert!(text.starts_with("\\u{1b}[2Jxx"), "{}", &text[..20]);
        assert!(text.len() < LIMIT + 5000, "{} bytes", text.len());
    }

    #[test]
    fn a_garbled_report_is_not_taken_for_success() {
        for bytes in [
            &b"N\x01"[..],
            b"W\x01",
            b"N\xff\xff\xff\xff",
            b"?",
            b"F",
            b"F\0fine",
        ] {
            let (mut reporter, mut listener) = channel().expect("a pipe");
            reporter.write(bytes).expect("write");
            drop(reporter);
            let read = listener
                .number(&mut patient())
                .and_then(|_| listener.failure(&mut patient()));
            assert!(read.is_err(), "{bytes:?}");
        }
    }
}
