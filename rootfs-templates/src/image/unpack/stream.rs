// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bytes of a layer on their way: verified, decompressed, counted and verified again.
//!
//! All that is done by a thread, while files are written by another.

use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::ahead::{Ahead, Source};
use crate::image::decompress::Decompressed;
use crate::image::digest::{Digest, Hasher, Verified};
use crate::image::error::ImageError;
use crate::image::limits::Limits;
use crate::image::open::{Content, Layer};

const BUFFER: usize = 128 << 10;

/// A layer as a tar file; at its end, the digest of that.
pub type Stream = Ahead<Digest>;

/// How many bytes have been read of a layer as it is stored.
pub type Count = Arc<AtomicU64>;

/// What is read of a layer as it is stored.
struct Counted {
    inner: Box<dyn Read + Send>,
    count: Count,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What a layer becomes: no more than is allowed.
struct Bounded {
    inner: Decompressed<BufReader<Counted>>,
    hasher: Hasher,
    stored: Count,
    count: u64,
    most: u64,
    ratio: u64,
}

impl Source for Bounded {
    type End = Digest;

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.count += count as u64;
        let refused = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        if self.count > self.most {
            return refused("with it the layer becomes larger than is allowed".to_owned());
        }
        let stored = self.stored.load(Ordering::Relaxed);
        if self.count > Limits::RATIO_FROM && self.count / self.ratio.max(1) > stored {
            return refused(format!(
                "the layer becomes more than {} times as large as it is stored",
                self.ratio
            ));
        }
        Ok(count)
    }

    fn end(self) -> io::Result<Digest> {
        // What follows what was compressed is of the layer as well.
        io::copy(&mut self.inner.into_source(), &mut io::sink())?;
        Ok(self.hasher.finish())
    }
}

/// Opens a layer, which may become `most` bytes; how much has been read of it is counted on.
pub fn open(layer: &Layer, most: u64, limits: &Limits, count: Count) -> Result<Stream, ImageError> {
    let inner: Box<dyn Read + Send> = match &layer.content {
        Content::Named(source, digest, size) => {
            Box::new(Verified::new(source.blob(digest)?, digest, *size))
        }
        // Its digest is that of what it becomes.
        Content::File(blob) => Box::new(blob.clone()),
    };
    let stored = Arc::clone(&count);
    let source = BufReader::with_capacity(BUFFER, Counted { inner, count });
    let inner = Decompressed::new(source).map_err(ImageError::io("its content"))?;
    let bounded = Bounded {
        inner,
        hasher: layer.diff_id.hasher(),
        stored,
        count: 0,
        most,
        ratio: limits.ratio,
    };
    Ahead::of(bounded).map_err(ImageError::io("its content"))
}

/// Reads to the end of what a layer is made of, and sees whether it was what it was to be.
pub fn finish(stream: Stream, expected: &Digest) -> Result<(), ImageError> {
    let found = stream.finish().map_err(ImageError::io("its content"))?;
    match found == *expected {
        true => Ok(()),
        false => Err(ImageError::new(
            "its content",
            format!(
                "is not what the configuration says: {expected} was expected, {found} is there"
            ),
        )),
    }
}
