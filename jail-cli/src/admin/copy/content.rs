// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is in a file, holes as holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{seek, SeekFrom};
use rustix::io::Errno;

const PART: usize = 128 << 10;

/// Copies what is in `from` now, of `size` bytes, to `to`, which is empty. What comes to it meanwhile is
/// left out: whoever writes on and on would have this go on for ever.
pub fn copy(from: &File, size: u64, to: &File) -> io::Result<()> {
    if size == 0 {
        return copy_what_comes(from, to);
    }
    let mut buffer = vec![0; PART];
    let mut position = 0;
    while position < size {
        let (start, end) = match next_data(from, position, size)? {
            Some(range) => range,
            None => break,
        };
        position = start;
        while position < end {
            let length = usize::try_from(end - position).map_or(PART, |left| left.min(PART));
            match from.read_at(&mut buffer[..length], position)? {
                // It has become shorter.
                0 => return to.set_len(position),
                length => {
                    to.write_all_at(&buffer[..length], position)?;
                    position += length as u64;
                }
            }
        }
    }
    // It can have become shorter, which looks like a hole.
    to.set_len(size.min(from.metadata()?.len()))
}

/// Where the next bytes are that are no hole.
fn next_data(from: &File, position: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    let start = match seek(from, SeekFrom::Data(position)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        // The file system does not tell.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((position, size))),
        Err(error) => return Err(error.into()),
    };
    if start >= size {
        return Ok(None);
    }
    let end = seek(from, SeekFrom::Hole(start)).unwrap_or(size);
    // A hole can have come to where it began.
    Ok(Some((start, end.clamp(start + 1, size))))
}

/// Of some files the kernel makes the content up when it is read, and says 0 of their size.
fn copy_what_comes(mut from: &File, mut to: &File) -> io::Result<()> {
    const ENOUGH: u64 = 16 << 20;
    io::copy(&mut io::Read::take(&mut from, ENOUGH), &mut to).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn holes_stay_holes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let from = File::create_new(dir.path().join("from")).expect("create");
        let to = File::create_new(dir.path().join("to")).expect("create");
        let size = 8 << 30;
        from.write_all_at(b"begin", 0).expect("write");
        from.write_all_at(b"middle", 3 << 30).expect("write");
        from.set_len(size).expect("its size");
        let from = File::open(dir.path().join("from")).expect("open");
        copy(&from, size, &to).expect("copied");
        let to = File::open(dir.path().join("to")).expect("open");
        let found = to.metadata().expect("metadata");
        assert_eq!(found.len(), size);
        assert!(found.blocks() * 512 < 10 << 20, "{} blocks", found.blocks());
        let mut bytes = [0; 6];
        to.read_exact_at(&mut bytes, 3 << 30).expect("read");
        assert_eq!(&bytes, b"middle");
    }

    #[test]
    fn no_more_is_copied_than_was_there() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("from");
        std::fs::write(&path, "0123456789").expect("write");
        let from = File::open(&path).expect("open");
        for (size, expected) in [(4, "0123"), (10, "0123456789"), (20, "0123456789")] {
            let name = dir.path().join(size.to_string());
            copy(&from, size, &File::create_new(&name).expect("create")).expect("copied");
            assert_eq!(std::fs::read_to_string(&name).expect("read"), expected);
        }
    }
}
