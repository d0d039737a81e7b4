// SPDX-License-Identifier: MIT OR Apache-2.0

//! A part of a file: how content of an image lies on the disk.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::digest::{Digest, Verified};
use super::error::ImageError;

/// Some bytes of a file, from one place to another.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Blob {
    /// `size` bytes of `file` from `offset` on.
    pub fn new(file: Arc<File>, offset: u64, size: u64) -> Self {
        Blob {
            file,
            at: offset,
            end: offset.saturating_add(size),
        }
    }

    /// How many there are to read.
    pub fn size(&self) -> u64 {
        self.end - self.at
    }

    /// All of it, where that is no more than `most` bytes; `place` is what it is called in an error.
    pub fn document(self, place: &str, most: u64) -> Result<Vec<u8>, ImageError> {
        let size = self.size();
        if size > most {
            let reason = format!("has {size} bytes, and no such document has more than {most}");
            return Err(ImageError::new(place, reason));
        }
        let mut bytes = Vec::new();
        let mut content = self.take(most);
        content
            .read_to_end(&mut bytes)
            .map_err(ImageError::io(place))?;
        Ok(bytes)
    }

    /// The same, which must have the size and the digest that others say it has.
    pub fn verified_document(
        self,
        digest: &Digest,
        size: u64,
        most: u64,
    ) -> Result<Vec<u8>, ImageError> {
        let place = digest.to_string();
        if size > most {
            let reason =
                format!("is to have {size} bytes, and no such document has more than {most}");
            return Err(ImageError::new(place, reason));
        }
        let mut bytes = Vec::new();
        Verified::new(self, digest, size)
            .read_to_end(&mut bytes)
            .map_err(ImageError::io(place))?;
        Ok(bytes)
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size();
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
