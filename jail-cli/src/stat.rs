// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel says about a file.
//!
//! With 32 bit, stat(2) of the C library has no room for a size of 2 GiB, a time after 2038 or a large number
//! of an inode, and fails. Whoever may give a directory its time, as root of a jail may its own root, would
//! keep everybody from it. These have room for all of that.

use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
pub use rustix::fs::Stat;

/// What is said about an open file.
pub fn fstat(file: impl AsFd) -> Result<Stat, Errno> {
    rustix::fs::fstat(file).map_err(errno)
}

/// What is said about what a path leads to.
pub fn stat(path: impl AsRef<Path>) -> Result<Stat, Errno> {
    rustix::fs::stat(path.as_ref()).map_err(errno)
}

/// What is said about what lies at a path, be it a link.
pub fn lstat(path: impl AsRef<Path>) -> Result<Stat, Errno> {
    rustix::fs::lstat(path.as_ref()).map_err(errno)
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}
