// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading a log, from somewhere in it to its end or for as long as it is written.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use nix::fcntl::{open, OFlag};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::Mode;

use super::part;
use super::times::{self, Entry};
use crate::process::ProcessId;
use crate::state::{Record, Store};

/// How much is read at once where something is looked for.
const BLOCK: u64 = 64 << 10;

/// What comes next in a log.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// So many bytes of the buffer.
    Bytes(usize),
    /// So many bytes of the log are missing here: they could not be kept, or not for as long as it
    /// took to come to read them.
    Missing(u64),
    /// Nothing so far, of a log that is still written.
    Nothing,
    /// Nothing any more.
    End,
}

/// The log of a jail, for whoever reads it.
pub struct Reader {
    /// By descriptor: the path may lead to a later jail's when this one's is gone.
    directory: OwnedFd,
    /// Those that are not read to their end, in order.
    parts: VecDeque<Part>,
    /// The next byte, of all that the jail has printed.
    at: u64,
    /// The byte after the last one that is to be read.
    end: Option<u64>,
    writer: ProcessId,
    /// Whether the writer was seen to have ended, so that all that it wrote is there.
    is_complete: bool,
    changes: Option<Inotify>,
}

struct Part {
    start: u64,
    file: File,
    times: Vec<Entry>,
    /// Which list of times that was, and how long: it is not read anew where it is the same.
    times_seen: Option<(u64, u64)>,
}

impl Reader {
    /// Opens the log of a jail that is noted, to read all of it that there is now.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn open(store: &Store, record: &Record) -> io::Result<Self> {
        Self::open_in(&store.place(record.number), record.supervisor)
    }

    pub(super) fn open_in(directory: &Path, writer: ProcessId) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut reader = Reader {
            directory: open(directory, flags, Mode::empty())?,
            parts: VecDeque::new(),
            at: 0,
            end: None,
            writer,
            is_complete: false,
            changes: None,
        };
        reader.look()?;
        reader.at = reader.parts.front().map_or(0, |part| part.start);
        reader.end = Some(reader.last_byte()?);
        Ok(reader)
    }

    /// Reads on for as long as the log is written.
    pub fn follow(&mut self) {
        self.end = None;
        // Without it is looked now and then.
        self.changes = watch(self.directory.as_fd());
    }

    /// What can be polled for reading to see that something was written, where there is such a
    /// thing.
    pub fn changes(&self) -> Option<BorrowedFd<'_>> {
        self.changes.as_ref().map(AsFd::as_fd)
    }

    /// Reads what comes next.
    pub fn next(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        loop {
            if self.end.is_some_and(|end| self.at >= end) {
                return Ok(Next::End);
            }
            if let Some(part) = self.parts.front() {
                if self.at < part.start {
                    let missing = part.start - self.at;
                    self.at = part.start;
                    return Ok(Next::Missing(missing));
                }
                let wanted = self.end.map_or(u64::MAX, |end| end - self.at);
                let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
                let wanted = wanted.min(buffer.len());
                match part
                    .file
                    .read_at(&mut buffer[..wanted], self.at - part.start)
                {
                    Ok(0) => {}
                    Ok(length) => {
                        self.at += length as u64;
                        return Ok(Next::Bytes(length));
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                }
                // With another one behind it, it was finished before it was read to its end.
                if self.parts.len() > 1 {
                    self.parts.pop_front();
                    continue;
                }
            }
            if self.look()? {
                // The one before it has its last bytes by now.
                continue;
            }
            if self.is_complete {
                return Ok(Next::End);
            }
            if self.writer.is_running() {
                return Ok(Next::Nothing);
            }
            // Once more: what it wrote before it ended.
            self.is_complete = true;
        }
    }

    /// Forgets what has been seen of [`Reader::changes`].
    pub fn clear_changes(&self) {
        let mut buffer = [0; 4096];
        if let Some(changes) = &self.changes {
            // EAGAIN where nothing is left.
            while nix::unistd::read(changes, &mut buffer).is_ok_and(|length| length > 0) {}
        }
    }

    /// Goes to the last `lines` lines of what there is.
    pub fn skip_to_last(&mut self, lines: u64) -> io::Result<()> {
        let end = self.last_byte()?;
        self.at = self.at.max(self.before(end, lines)?);
        Ok(())
    }

    /// Goes to the first line of which something was printed at this time, in milliseconds since
    /// 1970, or later.
    pub fn skip_to_time(&mut self, time: u64) -> io::Result<()> {
        let mut first = None;
        for index in 0..self.parts.len() {
            self.read_times(index)?;
            let times = &self.parts[index].times;
            first = first.or_else(|| times.iter().find(|entry| entry.time >= time).copied());
        }
        let start = match first {
            // Where its line begins: it is its end that it was printed for.
            Some(entry) if self.byte_before(entry.offset)? != Some(b'\n') => {
                self.before(entry.offset, 1)?
            }
            Some(entry) => entry.offset,
            None => self.last_byte()?,
        };
        self.at = self.at.max(start);
        Ok(())
    }

    /// When the byte was printed that is `back` bytes before the next one, where that is known.
    pub fn time_of(&mut self, back: u64) -> io::Result<Option<u64>> {
        let offset = self.at.saturating_sub(back);
        let holds = |part: &Part| part.start <= offset;
        let Some(index) = self.parts.iter().rposition(holds) else {
            return Ok(None);
        };
        let known = self.parts[index].times.last();
        if known.is_none_or(|entry| entry.offset < offset) {
            self.read_times(index)?;
        }
        let times = &self.parts[index].times;
        let after = times.partition_point(|entry| entry.offset <= offset);
        let entry = after.checked_sub(1).and_then(|index| times.get(index));
        Ok(entry.map(|entry| entry.time))
    }

    /// Opens the parts that are new; whether there are any.
    ///
    /// All of them at once: who has them open can still read them when the writer has removed
    /// them.
    fn look(&mut self) -> io::Result<bool> {
        let last = self.parts.back().map(|part| part.start);
        let mut found = false;
        for start in part::starts(self.directory.as_fd())? {
            if last.is_some_and(|last| start <= last) {
                continue;
            }
            if let Some(file) = part::open(&self.directory, &part::bytes_name(start))? {
                self.parts.push_back(Part {
                    start,
                    file,
                    times: Vec::new(),
                    times_seen: None,
                });
                found = true;
            }
        }
        Ok(found)
    }

    /// Reads when a part was printed. Of one that is gone is known what was read before.
    fn read_times(&mut self, index: usize) -> io::Result<()> {
        let part = &mut self.parts[index];
        if let Some(file) = part::open(&self.directory, &part::times_name(part.start))? {
            let found = file.metadata()?;
            let found = Some((found.ino(), found.len()));
            if part.times_seen != found {
                part.times = times::read(&file)?;
                part.times_seen = found;
            }
        }
        Ok(())
    }

    /// The byte after the last one there is.
    fn last_byte(&self) -> io::Result<u64> {
        match self.parts.back() {
            Some(part) => Ok(part.start + part.file.metadata()?.len()),
            None => Ok(self.at),
        }
    }

    fn byte_before(&self, offset: u64) -> io::Result<Option<u8>> {
        let mut byte = None;
        self.backwards(offset, |_, found| {
            byte = Some(found);
            true
        })?;
        Ok(byte)
    }

    /// Where so many lines before a byte begin.
    fn before(&self, end: u64, lines: u64) -> io::Result<u64> {
        let mut left = lines;
        let mut start = end;
        if left == 0 {
            return Ok(end);
        }
        self.backwards(end, |offset, byte| {
            // The end of a line is a part of it.
            if byte == b'\n' && offset + 1 != end {
                left -= 1;
            }
            if left > 0 {
                start = offset;
            }
            left == 0
        })?;
        Ok(start)
    }

    /// Goes through the bytes before one, the last one first, until `found` says so.
    fn backwards(&self, end: u64, mut found: impl FnMut(u64, u8) -> bool) -> io::Result<()> {
        for part in self.parts.iter().rev() {
            let length = part.file.metadata()?.len();
            let mut upper = length.min(end.saturating_sub(part.start));
            while upper > 0 {
                let lower = upper.saturating_sub(BLOCK);
                let mut block = vec![0; (upper - lower) as usize];
                part.file.read_exact_at(&mut block, lower)?;
                for (index, byte) in block.into_iter().enumerate().rev() {
                    if found(part.start + lower + index as u64, byte) {
                        return Ok(());
                    }
                }
                upper = lower;
            }
        }
        Ok(())
    }
}

fn watch(directory: BorrowedFd<'_>) -> Option<Inotify> {
    use std::os::fd::AsRawFd;

    let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
    let changes = Inotify::init(flags).ok()?;
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let what = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE;
    changes.add_watch(path.as_str(), what).ok()?;
    Some(changes)
}
