// SPDX-License-Identifier: MIT OR Apache-2.0

//! Copying an image that consists of holes for the most part.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::unistd::{lseek, Whence};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const CHUNK: usize = 1 << 20;

/// Copies what a file holds into an empty one, and none of its holes.
pub fn copy(from: &Path, mut to: &File) -> Result<()> {
    let cannot_read = || format!("{}: cannot read", from.display());
    let mut source = File::open(from).with_context(cannot_read)?;
    let size = source.metadata().with_context(cannot_read)?.len();
    let cannot_write = "cannot write the image";
    to.set_len(size).context(cannot_write)?;
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while let Some(start) = seek(&source, at, Whence::SeekData).with_context(cannot_read)? {
        let end = seek(&source, start, Whence::SeekHole)
            .with_context(cannot_read)?
            .unwrap_or(size);
        source
            .seek(SeekFrom::Start(start))
            .with_context(cannot_read)?;
        to.seek(SeekFrom::Start(start)).context(cannot_write)?;
        let mut left = end - start;
        while left > 0 {
            let n = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            source
                .read_exact(&mut buffer[..n])
                .with_context(cannot_read)?;
            to.write_all(&buffer[..n]).context(cannot_write)?;
            left -= n as u64;
        }
        at = end;
    }
    Ok(())
}

/// Where the next data or the next hole begins; `None` where there is no more data.
fn seek(file: &File, from: u64, what: Whence) -> Result<Option<u64>> {
    match lseek(file, i64::try_from(from)?, what) {
        Ok(at) => Ok(Some(u64::try_from(at)?)),
        Err(Errno::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn data_is_copied_and_holes_stay_holes() -> Result<()> {
        let mut source = tempfile::NamedTempFile::new()?;
        source.write_all(b"begin")?;
        source.seek(SeekFrom::Start(32 << 20))?;
        source.write_all(&vec![7; (2 << 20) + 3])?;
        source.as_file().set_len(64 << 20)?;
        let copied = tempfile::NamedTempFile::new()?;
        copy(source.path(), copied.as_file())?;
        assert!(std::fs::read(source.path())? == std::fs::read(copied.path())?);
        assert!(copied.as_file().metadata()?.blocks() * 512 < 8 << 20);
        Ok(())
    }

    #[test]
    fn an_empty_file_is_copied() -> Result<()> {
        let source = tempfile::NamedTempFile::new()?;
        source.as_file().set_len(5)?;
        let copied = tempfile::NamedTempFile::new()?;
        copy(source.path(), copied.as_file())?;
        assert_eq!(std::fs::read(copied.path())?, [0; 5]);
        Ok(())
    }
}
