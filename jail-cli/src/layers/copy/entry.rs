// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether something is what a lower layer has.

use rustix::fs::{FileType, Stat};

use crate::isolation::Block;

/// What kind of file something is.
pub fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether what lies over a lower layer is what lies in that.
///
/// What overlayfs has copied up has another time of change, and where it was written to another content.
/// A directory is the same where nothing else is told of it: the names in it are looked at one by one.
pub fn is_same(over: &Stat, under: &Stat, ids: Option<Block>) -> bool {
    let about = |stat: &Stat| (stat.st_mode, stat.st_mtime, stat.st_mtime_nsec);
    let owner = (under.st_uid, under.st_gid);
    if about(over) != about(under)
        || (on_disk(over.st_uid, ids), on_disk(over.st_gid, ids)) != owner
    {
        return false;
    }
    let file = |stat: &Stat| {
        let change = (stat.st_ctime, stat.st_ctime_nsec);
        (stat.st_ino, stat.st_size, stat.st_rdev, change)
    };
    kind(over) == FileType::Directory || file(over) == file(under)
}

/// What an id that is seen in a jail is on the disk. What is none of the jail's is nobody's there.
pub fn on_disk(id: u32, ids: Option<Block>) -> u32 {
    const NOBODY: u32 = 65534;
    match ids {
        None => id,
        Some(block) => match id.checked_sub(block.base()) {
            Some(inside) if inside < block.count() => inside,
            _ => NOBODY,
        },
    }
}
