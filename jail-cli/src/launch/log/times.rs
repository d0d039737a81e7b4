// SPDX-License-Identifier: MIT OR Apache-2.0

//! When something was printed: a list of bytes and times beside the log.
//!
//! Each entry holds for what was printed from its byte on, up to that of the next one.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::fcntl::renameat;

use super::part;

/// Bytes of an entry in the file: twice a number of 64 bits, the lower byte first.
const LENGTH: usize = 16;

/// For how many bytes of the log there may be an entry, on average: so the list has a quarter of
/// the log's size at most.
const BYTES_FOR_ENTRY: u64 = 64;
/// How many entries there may be in any case.
const LEAST: u64 = 64;

/// Milliseconds since 1970, as the machine's clock has them.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// From which byte on what time holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The first byte, of all that the jail has printed.
    pub offset: u64,
    /// When it was printed, in milliseconds since 1970.
    pub time: u64,
}

impl Entry {
    fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (offset, time) = bytes.split_at_mut(LENGTH / 2);
        offset.copy_from_slice(&self.offset.to_le_bytes());
        time.copy_from_slice(&self.time.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (offset, time) = bytes.split_at_checked(LENGTH / 2)?;
        Some(Entry {
            offset: u64::from_le_bytes(offset.try_into().ok()?),
            time: u64::from_le_bytes(time.try_into().ok()?),
        })
    }
}

/// Reads the list of a part.
pub fn read(file: &File) -> io::Result<Vec<Entry>> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes.chunks(LENGTH).filter_map(Entry::from_bytes).collect())
}

/// The list of the part that is written.
pub struct Times {
    start: u64,
    file: File,
    entries: u64,
    most: u64,
    last: u64,
}

impl Times {
    /// Begins the list of a part that begins with this byte and may have so many.
    pub fn create(directory: BorrowedFd<'_>, start: u64, size: u64) -> io::Result<Self> {
        Ok(Times {
            start,
            file: part::create(directory, &part::times_name(start))?,
            entries: 0,
            most: LEAST.max(size / BYTES_FOR_ENTRY),
            last: 0,
        })
    }

    /// Notes when what comes now was printed.
    pub fn note(&mut self, directory: BorrowedFd<'_>, entry: Entry) -> io::Result<()> {
        if self.entries > 0 && entry.time == self.last {
            return Ok(());
        }
        if self.entries >= self.most {
            self.thin(directory)?;
        }
        self.file.write_all(&entry.to_bytes())?;
        self.entries += 1;
        self.last = entry.time;
        Ok(())
    }

    /// Leaves every second entry out.
    fn thin(&mut self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let name = part::times_name(self.start);
        let new = format!("{name}.new");
        let kept = read(&self.file)?.into_iter().step_by(2);
        let bytes: Vec<u8> = kept.flat_map(Entry::to_bytes).collect();
        let mut file = part::create(directory, &new)?;
        file.write_all(&bytes)?;
        renameat(directory, new.as_str(), directory, name.as_str())?;
        self.file = file;
        self.entries = (bytes.len() / LENGTH) as u64;
        Ok(())
    }
}
