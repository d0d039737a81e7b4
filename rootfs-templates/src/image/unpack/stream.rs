// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bytes of a layer on their way: verified, decompressed, counted and verified again.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use crate::image::decompress::Decompressed;
use crate::image::digest::{Digest, Hasher, Verified};
use crate::image::error::ImageError;
use crate::image::limits::Limits;
use crate::image::open::{Content, Layer};

const BUFFER: usize = 128 << 10;

/// A layer as a tar file, with what it was made of.
pub type Stream = BufReader<Bounded>;

/// What is read of a layer as it is stored.
struct Counted {
    inner: Box<dyn Read>,
    count: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

/// What a layer becomes: no more than is allowed.
pub struct Bounded {
    inner: Decompressed<BufReader<Counted>>,
    hasher: Hasher,
    stored: Rc<Cell<u64>>,
    count: u64,
    most: u64,
    ratio: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.count += count as u64;
        let refused = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        if self.count > self.most {
            return refused("with it the layer becomes larger than is allowed".to_owned());
        }
        let stored = self.stored.get();
        if self.count > Limits::RATIO_FROM && self.count / self.ratio.max(1) > stored {
            return refused(format!(
                "the layer becomes more than {} times as large as it is stored",
                self.ratio
            ));
        }
        Ok(count)
    }
}

/// Opens a layer, which may become `most` bytes; how much has been read of it is counted on.
pub fn open(
    layer: &Layer,
    most: u64,
    limits: &Limits,
    count: Rc<Cell<u64>>,
) -> Result<Stream, ImageError> {
    let inner: Box<dyn Read> = match &layer.content {
        Content::Named(source, digest, size) => {
            Box::new(Verified::new(source.blob(digest)?, digest, *size))
        }
        // Its digest is that of what it becomes.
        Content::File(blob) => Box::new(blob.clone()),
    };
    let before = count.get();
    let stored = Rc::clone(&count);
    let counted = Counted { inner, count };
    let source = BufReader::with_capacity(BUFFER, counted);
    let inner = Decompressed::new(source).map_err(ImageError::io("its content"))?;
    let bounded = Bounded {
        inner,
        hasher: layer.diff_id.hasher(),
        stored,
        count: 0,
        most,
        ratio: limits.ratio,
    };
    debug_assert_eq!(before, 0, "each layer has a count of its own");
    Ok(BufReader::with_capacity(BUFFER, bounded))
}

/// Reads to the end of what a layer is made of, and sees whether it was what it was to be.
pub fn finish(mut stream: Stream, expected: &Digest) -> Result<(), ImageError> {
    let failed = || ImageError::io("its content");
    io::copy(&mut stream, &mut io::sink()).map_err(failed())?;
    let bounded = stream.into_inner();
    let mut source = bounded.inner.into_source();
    io::copy(&mut source, &mut io::sink()).map_err(failed())?;
    let found = bounded.hasher.finish();
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
