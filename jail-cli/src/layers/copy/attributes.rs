// SPDX-License-Identifier: MIT OR Apache-2.0

//! Giving a copy what the original has: its owner, its mode, its times, its extended attributes.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{
    chmod, chownat, fstat, listxattr, utimensat, AtFlags, FileType, Gid, Mode, Timespec,
    Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::entry::{kind, on_disk};
use super::ids::value_on_disk;
use crate::isolation::Block;

/// What overlayfs and jaula note of their own, which says nothing about another place.
const NOT_COPIED: [&[u8]; 2] = [b"trusted.overlay.", b"trusted.jaula."];

/// The largest value that there can be, and the largest list of names.
const LARGEST: usize = 64 << 10;

/// Gives them, by descriptors that need not be open for anything.
pub fn give(from: impl AsFd, to: impl AsFd, ids: Option<Block>) -> Result<(), Errno> {
    let (from, to) = (from.as_fd(), to.as_fd());
    let stat = fstat(from)?;
    let owner = (on_disk(stat.st_uid, ids), on_disk(stat.st_gid, ids));
    let owner = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
    chownat(to, c"", Some(owner.0), Some(owner.1), AtFlags::EMPTY_PATH)?;
    // By these, what cannot be opened is named all the same.
    let of = |file: std::os::fd::BorrowedFd<'_>| format!("/proc/self/fd/{}", file.as_raw_fd());
    if kind(&stat) != FileType::Symlink {
        // After the owner, a change of which takes set-user-ID away.
        chmod(of(to), Mode::from_raw_mode(stat.st_mode & 0o7777))?;
        extended(&of(from), &of(to), ids)?;
    }
    let time = |seconds, nanoseconds| Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time(stat.st_atime as _, stat.st_atime_nsec as _),
        last_modification: time(stat.st_mtime as _, stat.st_mtime_nsec as _),
    };
    utimensat(to, c"", &times, AtFlags::EMPTY_PATH)
}

fn extended(from: &str, to: &str, ids: Option<Block>) -> Result<(), Errno> {
    let mut names = vec![0; LARGEST];
    let length = match listxattr(from, &mut names) {
        // There are none on such a file system.
        Err(Errno::OPNOTSUPP) => return Ok(()),
        length => length?,
    };
    let mut value = vec![0; LARGEST];
    let names = names[..length].split(|&byte| byte == 0);
    for name in names.filter(|name| !name.is_empty()) {
        if NOT_COPIED.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        let length = match rustix::fs::getxattr(from, &name, &mut value) {
            // Taken away meanwhile, or none that can be read.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => continue,
            length => length?,
        };
        let Some(value) = value_on_disk(&name, &value[..length], ids) else {
            continue;
        };
        match rustix::fs::setxattr(to, &name, &value, XattrFlags::empty()) {
            // The file system of the copy has none of this kind, which a label is that the other has.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
