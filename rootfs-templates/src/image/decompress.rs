// SPDX-License-Identifier: MIT OR Apache-2.0

//! Layers as they were before they were compressed.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Reads what `source` has, decompressed where it is compressed.
pub(crate) enum Decompressed<R: BufRead> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<Zstd<R>>),
}

impl<R: BufRead> Decompressed<R> {
    /// How it is compressed is told by how it begins: what images say of it is often wrong, and others
    /// do the same.
    pub fn new(mut source: R) -> io::Result<Self> {
        let first = source.fill_buf()?;
        if first.starts_with(&[0x1f, 0x8b]) {
            return Ok(Decompressed::Gzip(Box::new(MultiGzDecoder::new(source))));
        }
        let number = first.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        if number.is_some_and(|number| number == 0xfd2f_b528 || number & !0xf == 0x184d_2a50) {
            return Ok(Decompressed::Zstd(Box::new(Zstd::new(source))));
        }
        for (begins, name) in [
            (&b"BZh"[..], "bzip2"),
            (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        ] {
            if first.starts_with(begins) {
                let reason = format!("is compressed by {name}; gzip and zstd are read");
                return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
            }
        }
        Ok(Decompressed::Plain(source))
    }

    /// Whether it is not as it is stored.
    pub fn is_compressed(&self) -> bool {
        !matches!(self, Decompressed::Plain(_))
    }

    /// What is read, with where it had got to.
    pub fn into_source(self) -> R {
        match self {
            Decompressed::Plain(source) => source,
            Decompressed::Gzip(decoder) => decoder.into_inner(),
            Decompressed::Zstd(decoder) => decoder.source,
        }
    }
}

impl<R: BufRead> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decompressed::Plain(source) => source.read(buffer),
            Decompressed::Gzip(decoder) => decoder.read(buffer),
            Decompressed::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// Reads one frame of zstd after the other; tools write several, with tables for themselves between.
pub(crate) struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Zstd {
            source,
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Begins the next frame; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut skipped = (&mut self.source).take(length);
                    if io::copy(&mut skipped, &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(invalid(error)),
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.begin()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            let decoder = &mut self.decoder;
            while decoder.can_collect() < buffer.len() && !decoder.is_finished() {
                let missing =
                    BlockDecodingStrategy::UptoBytes(buffer.len() - decoder.can_collect());
                decoder
                    .decode_blocks(&mut self.source, missing)
                    .map_err(invalid)?;
            }
            let count = decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}

fn invalid(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(stored: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Decompressed::new(stored)?.read_to_end(&mut read)?;
        Ok(read)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("written")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(bytes, level)
    }

    #[test]
    fn each_kind_is_read_and_several_in_a_row() {
        let text = b"what was stored ".repeat(10_000);
        let twice = text.repeat(2);
        assert_eq!(all(&text).expect("plain"), text);
        assert_eq!(all(&gzip(&text)).expect("gzip"), text);
        assert_eq!(
            all(&[gzip(&text), gzip(&text)].concat()).expect("gzip"),
            twice
        );
        assert_eq!(all(&zstd(&text)).expect("zstd"), text);
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0], &b"toc"[..]].concat();
        let several = [
            skipped.clone(),
            zstd(&text),
            skipped.clone(),
            zstd(&text),
            skipped,
        ]
        .concat();
        assert_eq!(all(&several).expect("zstd"), twice);
        assert_eq!(all(b"").expect("nothing"), b"");
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for stored in [gzip(&text), zstd(&text)] {
            for cut in [10, stored.len() / 2, stored.len() - 1] {
                assert!(all(&stored[..cut]).is_err(), "{cut} of {}", stored.len());
            }
        }
        assert!(all(b"BZh91AY").is_err());
    }
}
