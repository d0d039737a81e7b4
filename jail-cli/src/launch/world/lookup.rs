// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding a mount point in a root, where others may have laid links.
//!
//! A path is walked a component at a time, and no link leads out of the root. In what is shown of the
//! host none is followed: another jail that was given the same directory would choose on what of this
//! one something is mounted.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{openat, openat2, readlinkat, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{Mode, SFlag};
use nix::sys::statfs::{fstatfs, PROC_SUPER_MAGIC};
use rustix::fs::{statx, AtFlags, StatxFlags};

use crate::stat::fstat;
use crate::text::{reason, shown};

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

/// Why a path leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The kernel's word.
    Kernel(Errno),
    /// A link lies here, in what is shown of the host.
    Link(PathBuf),
}

impl Obstacle {
    /// In words, about `path`.
    pub fn describe(&self, path: &Path) -> String {
        match self {
            Obstacle::Kernel(errno) => format!("{} in the root: {}", shown(path), reason(*errno)),
            Obstacle::Link(link) => format!(
                "{} in the root is a symbolic link in what a --bind shows, where others can make \
                 links, and is not followed; give the path of what is meant",
                shown(link)
            ),
        }
    }
}

impl From<Errno> for Obstacle {
    fn from(errno: Errno) -> Self {
        Obstacle::Kernel(errno)
    }
}

/// What is mounted in a root by now.
#[derive(Default)]
pub struct Mounted {
    /// The file systems that jaula itself has made, by their devices.
    own: Vec<u64>,
    /// What is shown of the host, by the numbers of the mounts.
    shown: Vec<u64>,
}

/// A directory or file on the way.
struct Step {
    file: OwnedFd,
    name: OsString,
    /// Whether it is the host's.
    shown: bool,
}

impl Mounted {
    /// Notes a file system that jaula has made there; its device.
    pub fn add_own(&mut self, mount: &OwnedFd) -> Result<u64, Errno> {
        let device = device(mount)?;
        self.own.push(device);
        Ok(device)
    }

    /// Notes what is shown there of the host.
    pub fn add_shown(&mut self, mount: &OwnedFd) -> Result<(), Errno> {
        self.shown.push(mount_number(mount)?);
        Ok(())
    }

    /// Whether something lies in a file system that jaula has made.
    pub fn is_own(&self, file: &OwnedFd) -> Result<bool, Errno> {
        Ok(self.own.contains(&device(file)?))
    }

    /// A descriptor that names what lies at `path`, below `root`.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn find(&self, root: &OwnedFd, path: &Path) -> Result<OwnedFd, Obstacle> {
        let mut steps: Vec<Step> = Vec::new();
        let mut left = names(path.as_os_str());
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            if name == ".." {
                // From the root it leads nowhere else.
                steps.pop();
                continue;
            }
            let above = steps.last();
            let at = above.map_or(root.as_fd(), |step| step.file.as_fd());
            let is_shown = above.is_some_and(|step| step.shown);
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let file = openat(at, name.as_os_str(), flags, Mode::empty())?;
            if !is_link(&file)? {
                let shown = self.is_shown(&file, is_shown)?;
                steps.push(Step { file, name, shown });
                continue;
            }
            if is_shown {
                let way = steps.iter().map(|step| step.name.as_os_str());
                let way = Path::new("/").join(way.collect::<PathBuf>());
                return Err(Obstacle::Link(way.join(name)));
            }
            links += 1;
            if links > MOST_LINKS || is_magic(at, &name)? {
                return Err(Errno::ELOOP.into());
            }
            let target = readlinkat(&file, "")?;
            if target.as_bytes().starts_with(b"/") {
                steps.clear();
            }
            for name in names(&target).into_iter().rev() {
                left.push_front(name);
            }
        }
        match steps.pop() {
            Some(step) => Ok(step.file),
            None => Ok(openat(
                root,
                ".",
                OFlag::O_PATH | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?),
        }
    }

    fn is_shown(&self, file: &OwnedFd, above: bool) -> Result<bool, Errno> {
        if self.shown.contains(&mount_number(file)?) {
            return Ok(true);
        }
        Ok(above && !self.is_own(file)?)
    }
}

/// The components of a path that lead somewhere.
fn names(path: &OsStr) -> VecDeque<OsString> {
    let names = path.as_bytes().split(|&byte| byte == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    names
        .map(|name| OsStr::from_bytes(name).to_owned())
        .collect()
}

fn is_link(file: &OwnedFd) -> Result<bool, Errno> {
    let mode = SFlag::from_bits_truncate(fstat(file)?.st_mode);
    Ok(mode & SFlag::S_IFMT == SFlag::S_IFLNK)
}

/// Whether a link is one of those in /proc that lead elsewhere than by a path.
fn is_magic(at: BorrowedFd<'_>, name: &OsStr) -> Result<bool, Errno> {
    if fstatfs(at)?.filesystem_type() != PROC_SUPER_MAGIC {
        return Ok(false);
    }
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    Ok(matches!(openat2(at, name, how), Err(Errno::ELOOP)))
}

fn device(file: &OwnedFd) -> Result<u64, Errno> {
    // Narrower on some architectures.
    #[allow(clippy::useless_conversion)]
    Ok(u64::from(fstat(file)?.st_dev))
}

/// By which the kernel knows the mount that something is in.
pub fn mount_number(file: &OwnedFd) -> Result<u64, Errno> {
    let found = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
    found
        .map(|found| found.stx_mnt_id)
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{symlink, MetadataExt};

    #[test]
    fn no_link_leads_out_of_the_root() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b")).expect("mkdir");
        fs::write(at("a/b/file"), "").expect("write");
        for (target, name) in [
            ("/a", "absolute"),
            ("../../../a/./b", "a/up"),
            ("loop", "loop"),
            ("/none", "nowhere"),
        ] {
            symlink(target, at(name)).expect("symlink");
        }
        let root: OwnedFd = fs::File::open(dir.path()).expect("open").into();
        let find = |path: &str| Mounted::default().find(&root, Path::new(path));
        let inode = |path: &str| fs::metadata(at(path)).expect("there").ino();
        for (path, expected) in [
            ("/absolute/b", "a/b"),
            ("/a/up", "a/b"),
            ("/absolute/up/file", "a/b/file"),
            ("/../..//a/b/../.", "a"),
            ("/..", ""),
        ] {
            let found = fstat(find(path).expect(path)).expect("stat").st_ino;
            #[allow(clippy::useless_conversion)]
            let found = u64::from(found);
            assert_eq!(found, inode(expected), "{path}");
        }
        for (path, errno) in [
            ("/loop", Errno::ELOOP),
            ("/nowhere", Errno::ENOENT),
            ("/a/none/x", Errno::ENOENT),
            ("/a/b/file/x", Errno::ENOTDIR),
        ] {
            let obstacle = find(path).expect_err(path);
            assert_eq!(obstacle, Obstacle::Kernel(errno), "{path}");
        }
        // What is shown of the host is a mount of its own.
        let mounted = Mounted {
            shown: vec![mount_number(&root).expect("statx")],
            ..Mounted::default()
        };
        mounted
            .find(&root, Path::new("/a/b/file"))
            .expect("no link");
        let obstacle = mounted.find(&root, Path::new("/a/up/file"));
        let expected = Obstacle::Link("/a/up".into());
        assert_eq!(obstacle.expect_err("a link"), expected);
    }
}
