// SPDX-License-Identifier: MIT OR Apache-2.0

//! Taking away what lies in a directory, without following a link.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{openat, unlinkat, AtFlags, Dir, Mode, OFlags};
use rustix::io::{Errno, Result};

use super::placed::Placed;

/// Removes what has this name, with all that is in it; false where nothing has it.
///
/// Directories are as deep as the limits let them be: each is open while those in it are removed.
pub fn remove(parent: impl AsFd, name: &OsStr) -> Result<bool> {
    match unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) => return Ok(true),
        Err(Errno::NOENT) => return Ok(false),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Err(errno),
    }
    let directory = open(&parent, name)?;
    for child in children(&directory)? {
        remove(&directory, &child)?;
    }
    unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
    Ok(true)
}

/// Removes what is in a directory and has not come from the current layer; `path` is where it is.
pub fn remove_lower(directory: &OwnedFd, path: &Path, placed: &Placed) -> Result<()> {
    for name in children(directory)? {
        let child = path.join(&name);
        if !placed.has(&child) {
            remove(directory, &name)?;
            continue;
        }
        match open(directory, &name) {
            Ok(below) => remove_lower(&below, &child, placed)?,
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

pub fn open(parent: impl AsFd, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// The names in a directory, all of them before the first is removed.
fn children(directory: &OwnedFd) -> Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}
