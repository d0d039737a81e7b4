// SPDX-License-Identifier: MIT OR Apache-2.0

//! The files that a log is made of.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{openat, OFlag};
use nix::sys::stat::Mode;

/// Begins the name of a file with what was printed.
const BYTES: &str = "log-";
/// Begins the name of a file with when that was.
const TIMES: &str = "times-";

/// The name of the part that begins with this byte.
pub fn bytes_name(start: u64) -> String {
    format!("{BYTES}{start}")
}

/// The name of what says when that part was printed.
pub fn times_name(start: u64) -> String {
    format!("{TIMES}{start}")
}

/// Where the parts begin that are there, in order.
pub fn starts(directory: BorrowedFd<'_>) -> Result<Vec<u64>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Opened anew, so that it is read from its beginning.
    let mut directory = Dir::openat(directory, ".", flags, Mode::empty())?;
    let mut starts = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name().to_str().ok();
        let start = name.and_then(|name| name.strip_prefix(BYTES)?.parse::<u64>().ok());
        starts.extend(start);
    }
    starts.sort_unstable();
    Ok(starts)
}

/// Opens a file to read it; `None` where it is gone.
pub fn open(directory: impl AsFd, name: &str) -> Result<Option<File>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Makes a file, to write at its end and to read what was written.
pub fn create(directory: impl AsFd, name: &str) -> Result<File, Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_APPEND;
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
}
