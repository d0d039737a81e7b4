// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entries of a tar file, read as those read them that images are made for: Go's archive/tar.
//!
//! Whoever made it decides what is in it. What stands before an entry is bounded, nothing is taken
//! that two readers could take for two things, and an error names the entry.

mod entry;
mod input;
mod name;
mod pax;
mod sparse;

use std::io;

use tar::{EntryType, Header};

pub use entry::{Entry, Kind, Time};
pub use input::{Input, Sought};
pub use name::{inside, link_leads_out};

use self::pax::Records;
use self::sparse::Map;
use super::error::{name as shown, ImageError};
use super::limits::Limits;

/// Bytes of a header, and what everything is a multiple of.
const BLOCK: u64 = 512;

/// A piece of the content of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes were read.
    Data(usize),
    /// So many bytes are zeros, and are not stored.
    Hole(u64),
    /// There is no more.
    End,
}

/// Reads a layer an entry at a time.
pub struct LayerReader<R> {
    input: R,
    limits: Limits,
    /// Bytes of the content of the current entry that have not been read.
    left: u64,
    /// What fills the last block of it.
    padding: u64,
    /// Where they belong.
    map: Map,
    /// How far the input has been read.
    position: u64,
    ended: bool,
}

/// What stands before an entry and belongs to it.
#[derive(Default)]
struct Before {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    records: Option<Records>,
    /// Bytes of all this.
    bytes: u64,
}

impl Before {
    fn is_nothing(&self) -> bool {
        self.long_name.is_none() && self.long_link.is_none() && self.records.is_none()
    }
}

impl<R: Input> LayerReader<R> {
    /// Reads from the beginning of a tar file.
    pub fn new(input: R, limits: &Limits) -> Self {
        LayerReader {
            input,
            limits: *limits,
            left: 0,
            padding: 0,
            map: Map::default(),
            position: 0,
            ended: false,
        }
    }

    /// The next entry; what is left of the one before is passed over.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ImageError> {
        if self.ended {
            return Ok(None);
        }
        let at = self.position;
        let unnamed = |error: io::Error| ImageError::new(format!("at byte {at}"), error);
        let rest = self.left.saturating_add(self.padding);
        self.skip(rest).map_err(unnamed)?;
        (self.left, self.padding) = (0, 0);
        let mut before = Before::default();
        loop {
            let at = self.position;
            let place = || format!("at byte {at}");
            let refused = |reason: &str| ImageError::new(place(), reason);
            let Some(header) = self.header().map_err(ImageError::io(place()))? else {
                self.ended = true;
                return match before.is_nothing() {
                    true => Ok(None),
                    false => Err(refused("an entry is announced, and none follows")),
                };
            };
            let size = header.entry_size().map_err(ImageError::io(place()))?;
            match header.entry_type() {
                kind @ (EntryType::GNULongName | EntryType::GNULongLink) => {
                    let name = self
                        .announced(size, &mut before)
                        .map_err(ImageError::io(place()))?;
                    let slot = match kind {
                        EntryType::GNULongName => &mut before.long_name,
                        _ => &mut before.long_link,
                    };
                    if slot.replace(ended(name)).is_some() {
                        return Err(refused("two long names of a kind stand before one entry"));
                    }
                }
                EntryType::XHeader => {
                    let bytes = self
                        .announced(size, &mut before)
                        .map_err(ImageError::io(place()))?;
                    let records = Records::parse(&bytes).map_err(&refused)?;
                    if before.records.replace(records).is_some() {
                        return Err(refused("two headers of pax stand before one entry"));
                    }
                }
                EntryType::XGlobalHeader => {
                    if !before.is_nothing() {
                        let reason =
                            "a global header of pax stands between an entry and what belongs to it";
                        return Err(refused(reason));
                    }
                    let bytes = self
                        .announced(size, &mut before)
                        .map_err(ImageError::io(place()))?;
                    let records = Records::parse(&bytes).map_err(&refused)?;
                    // A commit's number is there in what git writes. What would change the entries that
                    // follow is passed over by some readers and not by others.
                    if records.says_something_of_entries() {
                        return Err(refused("a global header of pax changes all that follows"));
                    }
                }
                _ => return self.entry(&header, size, before).map(Some),
            }
        }
    }

    /// Reads on in the content of the entry.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn piece(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let most = match self.map.next() {
            sparse::Next::Hole(bytes) => return Ok(Piece::Hole(bytes)),
            sparse::Next::End => return Ok(Piece::End),
            sparse::Next::Data(bytes) => bytes,
        };
        let most = usize::try_from(most).map_or(buffer.len(), |most| most.min(buffer.len()));
        let count = self.input.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            return Err(cut_off());
        }
        self.map.advance(count as u64);
        self.left -= count as u64;
        self.position += count as u64;
        Ok(Piece::Data(count))
    }

    /// How far the input has been read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What is read, with where it had got to.
    pub fn into_input(self) -> R {
        self.input
    }

    fn entry(&mut self, header: &Header, size: u64, before: Before) -> Result<Entry, ImageError> {
        let records = before.records.unwrap_or_default();
        let two_names = |name: &[u8]| {
            let reason = "has two names, and is one thing for some readers and another for others";
            ImageError::new(shown(name), reason)
        };
        let name = one_of(records.path(), before.long_name).map_err(two_names)?;
        let name = name.unwrap_or_else(|| name::of(header));
        let name = match records.sparse_name() {
            Some(real) => real.to_vec(),
            None => name,
        };
        let place = shown(&name);
        let refused = |reason: &str| ImageError::new(&place, reason);
        let link = one_of(records.link_path(), before.long_link).map_err(|_| two_names(&name))?;
        let link = link.or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()));
        let kind = Kind::of(header, &name, link.unwrap_or_default());
        let stored = match records.size().map_err(refused)? {
            Some(size) => size,
            None => size,
        };
        // What has no content has none, whatever size it says: so do those read it that made it.
        let stored = if kind.has_content() { stored } else { 0 };
        self.left = stored;
        self.padding = (BLOCK - stored % BLOCK) % BLOCK;
        if stored.checked_add(BLOCK).is_none() {
            return Err(refused("has more bytes than anything can have"));
        }
        let offset = self.position;
        self.map = self
            .map_of(header, &records, stored, before.bytes)
            .map_err(ImageError::io(&place))?;
        let numbers = entry::Numbers::of(header, &records).map_err(refused)?;
        let xattrs = records.xattrs(self.limits.xattr).map_err(refused)?;
        Ok(Entry {
            size: self.map.size(),
            offset,
            mode: numbers.mode,
            uid: numbers.uid,
            gid: numbers.gid,
            modified: numbers.modified,
            name,
            kind,
            xattrs,
        })
    }

    /// Where the content belongs, in a file with holes.
    fn map_of(
        &mut self,
        header: &Header,
        records: &Records,
        stored: u64,
        announced: u64,
    ) -> io::Result<Map> {
        let mut most = self.limits.headers.saturating_sub(announced);
        if header.entry_type() == EntryType::GNUSparse {
            let mut blocks = sparse::Blocks::of(header)?;
            while blocks.more() {
                most = most.checked_sub(BLOCK).ok_or_else(too_much)?;
                let mut block = [0; BLOCK as usize];
                self.exactly(&mut block)?;
                blocks.add(&block)?;
            }
            return blocks.map(stored);
        }
        let Some(real) = records.sparse_size().map_err(invalid)? else {
            return Ok(Map::whole(stored));
        };
        // The map is the first of the content, in lines, up to the end of a block.
        let mut lines = sparse::Lines::default();
        while lines.more() {
            most = most.checked_sub(BLOCK).ok_or_else(too_much)?;
            self.left = self.left.checked_sub(BLOCK).ok_or_else(cut_off)?;
            let mut block = [0; BLOCK as usize];
            self.exactly(&mut block)?;
            lines.add(&block)?;
        }
        lines.map(self.left, real)
    }

    /// Reads what stands before an entry.
    fn announced(&mut self, size: u64, before: &mut Before) -> io::Result<Vec<u8>> {
        before.bytes = before.bytes.saturating_add(size).saturating_add(BLOCK);
        if before.bytes > self.limits.headers {
            return Err(too_much());
        }
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| too_much())?];
        self.exactly(&mut bytes)?;
        self.skip((BLOCK - size % BLOCK) % BLOCK)?;
        Ok(bytes)
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let Some(block) = self.block()? else {
            return Ok(None);
        };
        if block.iter().all(|byte| *byte == 0) {
            // Two of these end it.
            return match self.block()? {
                Some(block) if block.iter().any(|byte| *byte != 0) => {
                    Err(invalid("a block of zeros stands between the entries"))
                }
                _ => Ok(None),
            };
        }
        let header = Header::from_byte_slice(&block).clone();
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // Its own place counts as blanks.
        let sum = sum(&block[..148]) + sum(&block[156..]) + 8 * u32::from(b' ');
        match header.cksum() {
            Ok(expected) if expected == sum => Ok(Some(header)),
            _ => Err(invalid("this is no header of tar: its sum is wrong")),
        }
    }

    /// A block, or `None` where nothing is left.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK as usize]>> {
        let mut block = [0; BLOCK as usize];
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(cut_off()),
                count => filled += count,
            }
        }
        self.position += BLOCK;
        Ok(Some(block))
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.input
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => cut_off(),
                _ => error,
            })?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.input.skip(count)?;
        self.position = self.position.saturating_add(count);
        Ok(())
    }
}

/// What a record of pax says, or GNU tar's way to say it: some readers would take the one, and some the
/// other.
fn one_of(pax: Option<&[u8]>, gnu: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, &[u8]> {
    match (pax, gnu) {
        (Some(pax), Some(gnu)) if pax != gnu => Err(pax),
        (Some(pax), _) => Ok(Some(pax.to_vec())),
        (None, gnu) => Ok(gnu),
    }
}

/// A name as it is in C.
fn ended(mut name: Vec<u8>) -> Vec<u8> {
    let end = name.iter().position(|byte| *byte == 0);
    name.truncate(end.unwrap_or(name.len()));
    name
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn cut_off() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the archive ends in the middle of it",
    )
}

fn too_much() -> io::Error {
    invalid("more stands before it than before any file: long names, attributes or a map of holes")
}

#[cfg(test)]
mod tests;
