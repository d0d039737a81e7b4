// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compressing layers, the same way each time.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use ruzstd::encoding::{compress_to_vec, CompressionLevel};

use crate::image::digest::{Digest, Hasher};

/// How layers are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// What everything reads.
    #[default]
    Gzip,
    /// Faster to write and to read.
    Zstd,
}

impl Compression {
    /// What follows the name of a layer's kind.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => "+gzip",
            Compression::Zstd => "+zstd",
        }
    }
}

/// Takes a layer, and writes it compressed.
pub struct Layer<'a> {
    encoder: Encoder<&'a mut dyn Write>,
    hasher: Hasher,
}

enum Encoder<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Zstd(Frames<W>),
}

impl<'a> Layer<'a> {
    pub fn new(output: &'a mut dyn Write, compression: Compression) -> Self {
        let encoder = match compression {
            Compression::None => Encoder::None(output),
            // No time and no name in its header.
            Compression::Gzip => {
                Encoder::Gzip(GzEncoder::new(output, flate2::Compression::default()))
            }
            Compression::Zstd => Encoder::Zstd(Frames::new(output)),
        };
        Layer {
            encoder,
            hasher: Hasher::default(),
        }
    }

    /// Writes what is left, and returns the digest of the layer before it was compressed.
    pub fn finish(self) -> io::Result<Digest> {
        match self.encoder {
            Encoder::None(_) => {}
            Encoder::Gzip(encoder) => {
                encoder.finish()?;
            }
            Encoder::Zstd(mut frames) => frames.end()?,
        }
        Ok(self.hasher.finish())
    }
}

impl Write for Layer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.encoder {
            Encoder::None(output) => output.write_all(bytes)?,
            Encoder::Gzip(encoder) => encoder.write_all(bytes)?,
            Encoder::Zstd(frames) => frames.write(bytes)?,
        }
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One frame of zstd after the other, each of so much.
struct Frames<W> {
    output: W,
    begun: Vec<u8>,
}

/// As much as is kept in memory before it is compressed.
const FRAME: usize = 4 << 20;

impl<W: Write> Frames<W> {
    fn new(output: W) -> Self {
        Frames {
            output,
            begun: Vec::with_capacity(FRAME),
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(FRAME - self.begun.len()));
            self.begun.extend_from_slice(now);
            bytes = later;
            if self.begun.len() == FRAME {
                self.end()?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        let frame = compress_to_vec(&self.begun[..], CompressionLevel::Fastest);
        self.begun.clear();
        self.output.write_all(&frame)
    }
}
