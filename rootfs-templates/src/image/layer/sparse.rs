// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files with holes: which bytes of them are stored.

use std::collections::VecDeque;
use std::io;

use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::invalid;
use super::pax::number;

/// Where what is stored belongs.
#[derive(Debug, Default)]
pub struct Map {
    /// Beginning and length of what is stored, in order.
    data: VecDeque<(u64, u64)>,
    at: u64,
    size: u64,
}

/// What comes next.
pub enum Next {
    Data(u64),
    Hole(u64),
    End,
}

impl Map {
    /// All of it is stored.
    pub fn whole(size: u64) -> Self {
        Map {
            data: VecDeque::from([(0, size)]),
            at: 0,
            size,
        }
    }

    /// Checks that the parts follow each other, lie in the file, and are what is stored.
    fn of(parts: Vec<(u64, u64)>, stored: u64, size: u64) -> io::Result<Self> {
        let (mut at, mut sum) = (0, 0u64);
        for (offset, length) in &parts {
            let end = offset.checked_add(*length);
            match end {
                Some(end) if *offset >= at && end <= size => at = end,
                _ => return Err(invalid("has a map of its holes that is not possible")),
            }
            // They do not overlap: it is no more than the size.
            sum += length;
        }
        if sum != stored {
            return Err(invalid(
                "has a map of its holes for other content than there is",
            ));
        }
        Ok(Map {
            data: parts.into(),
            at: 0,
            size,
        })
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What comes next; a hole is passed by that.
    pub fn next(&mut self) -> Next {
        while let Some((offset, length)) = self.data.front().copied() {
            let end = offset + length;
            if self.at < offset {
                let hole = offset - self.at;
                self.at = offset;
                return Next::Hole(hole);
            }
            if self.at < end {
                return Next::Data(end - self.at);
            }
            self.data.pop_front();
        }
        match self.size - self.at {
            0 => Next::End,
            hole => {
                self.at = self.size;
                Next::Hole(hole)
            }
        }
    }

    /// So much of what is stored has been read.
    pub fn advance(&mut self, count: u64) {
        self.at += count;
    }
}

/// The map in a header of GNU tar and the blocks after it.
pub struct Blocks {
    parts: Vec<(u64, u64)>,
    size: u64,
    more: bool,
}

impl Blocks {
    pub fn of(header: &Header) -> io::Result<Self> {
        let header = header.as_gnu();
        let header = header.ok_or_else(|| invalid("has holes, and is not GNU tar's"))?;
        let mut blocks = Blocks {
            parts: Vec::new(),
            size: header.real_size()?,
            more: header.is_extended(),
        };
        blocks.parts(&header.sparse)?;
        Ok(blocks)
    }

    pub fn more(&self) -> bool {
        self.more
    }

    pub fn add(&mut self, block: &[u8; 512]) -> io::Result<()> {
        let mut header = GnuExtSparseHeader::new();
        header.as_mut_bytes().copy_from_slice(block);
        self.more = header.is_extended();
        self.parts(header.sparse())
    }

    fn parts(&mut self, parts: &[GnuSparseHeader]) -> io::Result<()> {
        for part in parts.iter().filter(|part| !part.is_empty()) {
            self.parts.push((part.offset()?, part.length()?));
        }
        Ok(())
    }

    pub fn map(self, stored: u64) -> io::Result<Map> {
        Map::of(self.parts, stored, self.size)
    }
}

/// The map as lines at the beginning of the content: how many parts, then beginning and length of each.
#[derive(Default)]
pub struct Lines {
    numbers: Vec<u64>,
    begun: Vec<u8>,
}

impl Lines {
    pub fn more(&self) -> bool {
        match self.numbers.first() {
            Some(parts) => ((self.numbers.len() - 1) as u64) < parts.saturating_mul(2),
            None => true,
        }
    }

    pub fn add(&mut self, block: &[u8; 512]) -> io::Result<()> {
        for byte in block {
            if !self.more() {
                break;
            }
            match byte {
                b'\n' => {
                    let number = number(&self.begun);
                    let number =
                        number.ok_or_else(|| invalid("has no numbers in its map of holes"))?;
                    self.numbers.push(number);
                    self.begun.clear();
                }
                _ if self.begun.len() > 20 => {
                    return Err(invalid("has no numbers in its map of holes"));
                }
                byte => self.begun.push(*byte),
            }
        }
        Ok(())
    }

    pub fn map(self, stored: u64, size: u64) -> io::Result<Map> {
        let parts = self.numbers.get(1..).unwrap_or_default();
        let parts = parts.chunks_exact(2).map(|part| (part[0], part[1]));
        Map::of(parts.collect(), stored, size)
    }
}
