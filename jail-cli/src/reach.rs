// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether users of the host can get to a directory.
//!
//! Who is root in a jail makes set-user-ID programs in what he may write to. In the jail they give
//! nobody anything; a user of the host who can get there executes them outside, as root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{openat, OFlag};
use nix::sys::stat::{Mode, SFlag};
use nix::sys::statvfs::{fstatvfs, FsFlags};
use rustix::fs::{fgetxattr_query, statx, AtFlags, StatxFlags};

use crate::stat::fstat;
use crate::text::{reason, shown};
use crate::trusted_path;

/// Where such a list is.
const LIST: &str = "system.posix_acl_access";

/// The directories above one, up to the root of the process.
pub(crate) struct Above {
    at: OwnedFd,
    identity: Identity,
    done: bool,
}

/// Which directory of which mount.
type Identity = (u64, u32, u32, u64);

impl Above {
    /// Begins at a directory.
    pub fn of(directory: impl AsFd) -> Result<Self, Errno> {
        let at = go(directory, ".")?;
        let identity = identity(&at)?;
        Ok(Above {
            at,
            identity,
            done: false,
        })
    }

    fn step(&mut self) -> Result<Option<OwnedFd>, Errno> {
        let parent = go(&self.at, "..")?;
        let identity = identity(&parent)?;
        if std::mem::replace(&mut self.identity, identity) == identity {
            return Ok(None);
        }
        let given = parent.try_clone();
        let given = given.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        self.at = parent;
        Ok(Some(given))
    }
}

impl Iterator for Above {
    type Item = Result<OwnedFd, Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

fn go(from: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(from, name, flags, Mode::empty())
}

fn identity(directory: &OwnedFd) -> Result<Identity, Errno> {
    let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
    let found = statx(directory, c"", AtFlags::EMPTY_PATH, wanted)
        .map_err(|error| Errno::from_raw(error.raw_os_error()))?;
    Ok((
        found.stx_mnt_id,
        found.stx_dev_major,
        found.stx_dev_minor,
        found.stx_ino,
    ))
}

/// Whether somebody but root may enter a directory, or look up names in it.
fn lets_others_in(directory: &OwnedFd) -> Result<bool, Errno> {
    let stat = fstat(directory)?;
    let mode = Mode::from_bits_truncate(stat.st_mode);
    // For who may enter besides by a list, the bits of the group are set.
    let group = || stat.st_gid != 0 || has_list(directory);
    Ok(mode.contains(Mode::S_IXOTH)
        || mode.contains(Mode::S_IXGRP) && group()
        || mode.contains(Mode::S_IXUSR) && stat.st_uid != 0)
}

/// Whether a list says who may do what (acl(5)); so it counts where that cannot be told.
fn has_list(directory: &OwnedFd) -> bool {
    let Ok(readable) = trusted_path::readable(directory) else {
        return true;
    };
    match fgetxattr_query(&readable, LIST) {
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Whether a user of the host other than root can get to `directory`, and execute as somebody else
/// what he finds there.
///
/// # Errors
///
/// What the kernel said about a directory on the way.
pub fn is_exposed(directory: impl AsFd) -> Result<bool, Errno> {
    let directory = go(directory, ".")?;
    // Where it is of no effect anyway. Mounts elsewhere are another way to the same directory.
    let flags = fstatvfs(&directory)?.flags();
    if flags.intersects(FsFlags::ST_NOSUID | FsFlags::ST_NOEXEC) {
        return Ok(false);
    }
    if !lets_others_in(&directory)? {
        return Ok(false);
    }
    for above in Above::of(&directory)? {
        if !lets_others_in(&above?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// [`is_exposed`] of what lies at a path; of a file, of the directory that it is in.
///
/// # Errors
///
/// Why that cannot be told.
pub fn is_path_exposed(path: &Path) -> Result<bool, String> {
    let open = |path: &Path| trusted_path::open(path).map_err(|refusal| refusal.describe());
    let found = open(path)?;
    let kind = SFlag::from_bits_truncate(fstat(&found).map_err(reason)?.st_mode) & SFlag::S_IFMT;
    match kind {
        SFlag::S_IFDIR => is_exposed(found).map_err(reason),
        SFlag::S_IFREG => {
            let above = path.parent().map_or_else(PathBuf::new, PathBuf::from);
            is_exposed(open(&above)?).map_err(reason)
        }
        // Nobody executes it.
        _ => Ok(false),
    }
}

/// What is to be said about a path that is exposed.
pub fn warning(path: &Path) -> String {
    format!(
        "{}: users of the host can get there, and execute as root of the host what root of a jail \
         makes set-user-ID there; put it below a directory that root alone may enter (chmod 700)",
        shown(path)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_closed_directory_on_the_way_is_enough() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().expect("temporary directory");
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).expect("mkdir");
        let set = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
        };
        set(dir.path(), 0o755);
        let flags = fstatvfs(File::open(&inner).expect("open"))
            .expect("statvfs")
            .flags();
        let without_effect = flags.intersects(FsFlags::ST_NOSUID | FsFlags::ST_NOEXEC);
        let exposed = || is_exposed(File::open(&inner).expect("open"));
        assert_eq!(exposed(), Ok(!without_effect));
        for path in [dir.path(), &dir.path().join("a"), &inner] {
            set(path, 0o700);
            assert_eq!(exposed(), Ok(false), "{path:?}");
            set(path, 0o755);
        }
    }

    #[test]
    fn who_is_on_a_list_may_enter() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o710)).expect("chmod");
        let open = || OwnedFd::from(File::open(dir.path()).expect("open"));
        assert_eq!(lets_others_in(&open()), Ok(false));
        // user::rwx, user:1000:--x, group::---, mask::--x, other::---
        let entries: [(u16, u16, u32); 5] = [
            (1, 7, u32::MAX),
            (2, 1, 1000),
            (4, 0, u32::MAX),
            (16, 1, u32::MAX),
            (32, 0, u32::MAX),
        ];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, may, id) in entries {
            list.extend([tag.to_le_bytes(), may.to_le_bytes()].concat());
            list.extend(id.to_le_bytes());
        }
        let flags = rustix::fs::XattrFlags::empty();
        // This file system may have no place for it.
        if rustix::fs::fsetxattr(open(), LIST, &list, flags).is_ok() {
            assert_eq!(lets_others_in(&open()), Ok(true));
        }
    }

    #[test]
    fn the_way_up_ends() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let above = Above::of(File::open(dir.path()).expect("open")).expect("above");
        let above: Vec<_> = above.collect();
        assert!(above.iter().all(Result::is_ok));
        let depth = dir
            .path()
            .canonicalize()
            .expect("path")
            .components()
            .count();
        assert_eq!(above.len(), depth - 1);
    }
}
