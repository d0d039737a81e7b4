// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a tar file is read from.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Something to read from, parts of which can be passed over.
pub trait Input: Read {
    /// Passes over so many bytes, and fails where there are fewer.
    ///
    /// # Errors
    ///
    /// Those of reading.
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let mut skipped = self.take(count);
        match io::copy(&mut skipped, &mut io::sink())? {
            passed if passed == count => Ok(()),
            _ => Err(super::cut_off()),
        }
    }
}

impl Input for &[u8] {}

impl<R: Read> Input for BufReader<R> {}

/// A file that is not read where that is not needed.
pub struct Sought {
    file: BufReader<File>,
    length: u64,
}

impl Sought {
    /// From the beginning of `file`.
    pub fn new(mut file: File) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        Ok(Sought {
            file: BufReader::new(file),
            length,
        })
    }
}

impl Read for Sought {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Input for Sought {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let here = self.file.stream_position()?;
        match here.checked_add(count) {
            Some(there) if there <= self.length => {
                let count = i64::try_from(count).map_err(|_| super::cut_off())?;
                self.file.seek_relative(count)
            }
            _ => Err(super::cut_off()),
        }
    }
}
