// SPDX-License-Identifier: MIT OR Apache-2.0

//! Writing a log.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{open, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::{unlinkat, UnlinkatFlags};

use super::part;
use super::times::{Entry, Times};

/// How many parts there may be. There are two, unless the file system is full now and then, and
/// each loss begins a part.
const MOST: usize = 8;

/// The log of a jail, for whoever writes it.
pub struct Writer {
    /// By descriptor: the path may lead to a later jail's when this one's is gone.
    directory: OwnedFd,
    /// How many bytes a part may have, and how many of the last ones can always be read.
    size: u64,
    /// How many bytes the jail has printed, with those that were lost.
    printed: u64,
    /// The parts there are, with how much is in each.
    parts: VecDeque<(u64, u64)>,
    /// The last of them, where it can be gone on with.
    current: Option<Current>,
}

struct Current {
    file: File,
    /// `None` where that could not be written.
    times: Option<Times>,
}

impl Writer {
    /// Begins a log in the directory of a jail. There is no file before something is printed, for
    /// which there may be no room.
    pub fn create(directory: &Path, size: u64) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Writer {
            directory: open(directory, flags, Mode::empty())?,
            size: size.max(1),
            printed: 0,
            parts: VecDeque::new(),
            current: None,
        })
    }

    /// Writes what was printed at this time. What cannot be written is lost and counted.
    pub fn write(&mut self, bytes: &[u8], time: u64) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.write_some(rest, time) {
                Ok(written) if written > 0 => {
                    self.printed += written as u64;
                    rest = &rest[written..];
                }
                _ => return self.lose(rest.len() as u64),
            }
        }
    }

    /// Goes on after so many bytes: the name of the next part tells the loss.
    pub(super) fn lose(&mut self, bytes: u64) {
        self.current = None;
        self.printed += bytes;
    }

    /// Ends the log: what was lost last is told by a part with nothing in it.
    pub fn finish(&mut self) {
        let end = self
            .parts
            .back()
            .map_or(0, |(start, length)| start + length);
        if end < self.printed {
            let _ = part::create(&self.directory, &part::bytes_name(self.printed));
        }
    }

    fn write_some(&mut self, bytes: &[u8], time: u64) -> io::Result<usize> {
        let is_full = self
            .parts
            .back()
            .is_none_or(|(_, length)| *length >= self.size);
        if self.current.is_none() || is_full {
            self.current = None;
            return self.write_new(bytes, time);
        }
        let Some(current) = &mut self.current else {
            return Ok(0);
        };
        let length = self.parts.back().map_or(0, |(_, length)| *length);
        let entry = Entry {
            offset: self.printed,
            time,
        };
        let written = current.write(self.directory.as_fd(), bytes, self.size - length, entry)?;
        if let Some((_, length)) = self.parts.back_mut() {
            *length += written as u64;
        }
        Ok(written)
    }

    /// Writes the first bytes of a new part.
    fn write_new(&mut self, bytes: &[u8], time: u64) -> io::Result<usize> {
        // First, so that there is room where there is little.
        self.remove_surplus();
        let start = self.printed;
        let name = part::bytes_name(start);
        let file = part::create(&self.directory, &name)?;
        let times = Times::create(self.directory.as_fd(), start, self.size);
        let mut current = Current {
            file,
            times: times.ok(),
        };
        let entry = Entry {
            offset: start,
            time,
        };
        let written = current.write(self.directory.as_fd(), bytes, self.size, entry);
        match written {
            Ok(written) if written > 0 => {
                self.parts.push_back((start, written as u64));
                self.current = Some(current);
                Ok(written)
            }
            failed => {
                self.remove(start);
                failed
            }
        }
    }

    /// Removes the oldest parts, as long as the others have all that is to be kept.
    fn remove_surplus(&mut self) {
        while let Some(&(start, length)) = self.parts.front() {
            let all: u64 = self.parts.iter().map(|(_, length)| length).sum();
            if all - length < self.size && self.parts.len() < MOST {
                return;
            }
            self.remove(start);
            self.parts.pop_front();
        }
    }

    fn remove(&self, start: u64) {
        for name in [part::bytes_name(start), part::times_name(start)] {
            // It goes with the directory otherwise.
            let _ = unlinkat(&self.directory, name.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

impl Current {
    /// Writes so many bytes at most; how many that were.
    fn write(
        &mut self,
        directory: BorrowedFd<'_>,
        bytes: &[u8],
        room: u64,
        entry: Entry,
    ) -> io::Result<usize> {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if let Some(times) = &mut self.times {
            // First: who finds the bytes finds when they were printed. Without that they are worth
            // as much.
            if times.note(directory, entry).is_err() {
                self.times = None;
            }
        }
        loop {
            match self.file.write(&bytes[..bytes.len().min(room)]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}
