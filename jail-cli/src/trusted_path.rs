// SPDX-License-Identifier: MIT OR Apache-2.0

//! Opening what lies at a path of the host, where others may have laid links on the way.
//!
//! A path is walked a component at a time. Symbolic links are followed as long as every directory
//! on the way is one that nobody but root of the host can change: it is root's, nobody else may
//! write to it, and no jail was given it. Below the first directory that is another's nothing is
//! followed any more, and whatever lies there is what it is: what is opened lies in that directory.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{open as open_path, openat, openat2, readlinkat, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{Mode, SFlag};
use nix::sys::statfs::{fstatfs, PROC_SUPER_MAGIC};
use rustix::fs::{fgetxattr_query, fsetxattr, XattrFlags};

use crate::root::Identity;
use crate::stat::{fstat, stat};
use crate::text::{reason, shown};

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

/// What a directory has that a jail was given to change; nobody in a jail can take it away.
const MARK: &str = "trusted.jaula.given";

/// Why a path was not opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel's word.
    Kernel(Errno),
    /// A link lies here, in a directory that others can change.
    Link(PathBuf),
    /// The path leads up again from here, which others can move elsewhere.
    Up(PathBuf),
    /// Others can change what lies in this directory.
    Loose(PathBuf),
}

impl Refusal {
    /// In words, beginning with a path where it names one.
    pub fn describe(&self) -> String {
        match self {
            Refusal::Kernel(errno) => reason(*errno),
            Refusal::Link(path) => format!(
                "{} is a symbolic link where others than root of the host can make links, a jail \
                 perhaps, and is not followed; give the path of what is meant",
                shown(path)
            ),
            Refusal::Loose(path) => format!(
                "others than root of the host can change what lies in {}, a jail perhaps, and so what \
                 is read; root alone may be able to write there",
                shown(path)
            ),
            Refusal::Up(path) => format!(
                "the path leads up again from {}, which others than root of the host can change; \
                 give it without \"..\"",
                shown(path)
            ),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Refusal::Kernel(errno)
    }
}

/// A descriptor that names what lies at `path`, and cannot be read from.
///
/// # Errors
///
/// What is in the way.
pub fn open(path: &Path) -> Result<OwnedFd, Refusal> {
    find(path, false)
}

/// The same, where nobody but root of the host can change any of the directories that lead there, or the
/// directory that it is.
///
/// # Errors
///
/// As [`open`], and which directory others can change.
pub fn open_firm(path: &Path) -> Result<OwnedFd, Refusal> {
    find(path, true)
}

fn find(path: &Path, must_be_firm: bool) -> Result<OwnedFd, Refusal> {
    if path.as_os_str().is_empty() {
        return Err(Errno::ENOENT.into());
    }
    let mut walk = match path.is_absolute() {
        true => Walk::from_root()?,
        false => Walk::from_here()?,
    };
    let names = path.as_os_str().as_bytes();
    walk.put_before(names);
    walk.must_be_firm = must_be_firm;
    let found = walk.run()?;
    match must_be_directory(names) && !is_directory(&found)? {
        true => Err(Errno::ENOTDIR.into()),
        false => Ok(found),
    }
}

/// Remembers that a jail can change what is in a directory, for as long as that exists.
///
/// It is a help and no more: a file system may have no place for it. The root of the process is not
/// marked: a jail that can change that is root of the host anyway, and nothing would be firm any more.
pub fn mark_as_given(directory: impl AsFd) {
    if is_root(&directory) {
        return;
    }
    let _ = mark(directory);
}

/// The same, where it must be.
///
/// # Errors
///
/// `EOPNOTSUPP` where the file system has no place for it.
pub fn mark(directory: impl AsFd) -> Result<(), Errno> {
    let readable = readable(directory)?;
    fsetxattr(&readable, MARK, b"", XattrFlags::empty())
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
}

struct Walk {
    at: OwnedFd,
    /// Where that is.
    reached: PathBuf,
    /// Whether nobody but root can have changed what lies on the way.
    firm: bool,
    left: VecDeque<OsString>,
    links: usize,
    /// Whether a link has led elsewhere than by a path.
    jumped: bool,
    /// Whether it goes nowhere that others can change.
    must_be_firm: bool,
}

impl Walk {
    fn from_root() -> Result<Self, Errno> {
        Self::from(open_path("/", DIRECTORY, Mode::empty())?, "/".into(), true)
    }

    /// From the working directory, which is only as firm as those above it.
    fn from_here() -> Result<Self, Errno> {
        let at = open_path(".", DIRECTORY, Mode::empty())?;
        let firm = is_firm_upwards(&at)?;
        Self::from(at, PathBuf::new(), firm)
    }

    fn from(at: OwnedFd, reached: PathBuf, firm: bool) -> Result<Self, Errno> {
        let firm = firm && is_firm(&at)?;
        Ok(Walk {
            at,
            reached,
            firm,
            left: VecDeque::new(),
            links: 0,
            jumped: false,
            must_be_firm: false,
        })
    }

    fn put_before(&mut self, names: &[u8]) {
        let names = names.split(|&byte| byte == b'/');
        let names = names.filter(|name| !name.is_empty() && *name != b".");
        for name in names.rev() {
            self.left.push_front(OsStr::from_bytes(name).to_owned());
        }
    }

    fn run(mut self) -> Result<OwnedFd, Refusal> {
        while let Some(name) = self.left.pop_front() {
            self.check_firm()?;
            if name == ".." {
                self.up()?;
                continue;
            }
            match openat(
                &self.at,
                name.as_os_str(),
                DIRECTORY | OFlag::O_NOFOLLOW,
                Mode::empty(),
            ) {
                Ok(directory) => self.enter(directory, &name)?,
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    let file = openat(&self.at, name.as_os_str(), FILE, Mode::empty())?;
                    if kind(&file)? == SFlag::S_IFLNK {
                        self.follow(&file, &name)?;
                    } else if self.left.is_empty() {
                        return Ok(file);
                    } else {
                        return Err(Errno::ENOTDIR.into());
                    }
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        self.check_firm()?;
        Ok(self.at)
    }

    fn check_firm(&self) -> Result<(), Refusal> {
        match self.must_be_firm && !self.firm {
            true => Err(Refusal::Loose(self.reached.clone())),
            false => Ok(()),
        }
    }

    fn enter(&mut self, directory: OwnedFd, name: &OsStr) -> Result<(), Errno> {
        self.firm = self.firm && is_firm(&directory)?;
        self.at = directory;
        self.reached.push(name);
        Ok(())
    }

    fn up(&mut self) -> Result<(), Refusal> {
        // Above where it began is the caller's own choice.
        let above_start = self.reached.file_name().is_none() && !self.reached.has_root();
        if !self.firm && !above_start {
            return Err(Refusal::Up(self.reached.clone()));
        }
        // What is above what is firm is so, too: it was on the way, or is above where that began.
        self.at = openat(&self.at, "..", DIRECTORY, Mode::empty())?;
        match above_start {
            true => self.reached.push(".."),
            false => drop(self.reached.pop()),
        }
        Ok(())
    }

    fn follow(&mut self, link: &OwnedFd, name: &OsStr) -> Result<(), Refusal> {
        let refused = || Refusal::Link(self.reached.join(name));
        if !self.firm {
            return Err(refused());
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP.into());
        }
        if self.is_magic(name)? {
            // Whose else it is decides where it leads.
            return match self.is_own_process() {
                true => self.jump(name),
                false => Err(refused()),
            };
        }
        let was_last = self.left.is_empty();
        let target = readlinkat(link, "")?;
        if target.as_bytes().is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if target.as_bytes().starts_with(b"/") {
            let start = Walk::from_root()?;
            (self.at, self.reached, self.firm) = (start.at, start.reached, start.firm);
        }
        self.put_before(target.as_bytes());
        if was_last && must_be_directory(target.as_bytes()) {
            // What it names may not be one.
            self.left.push_back(".".into());
        }
        Ok(())
    }

    /// Whether it is one of those in /proc that lead elsewhere than by a path.
    fn is_magic(&self, name: &OsStr) -> Result<bool, Errno> {
        if fstatfs(&self.at)?.filesystem_type() != PROC_SUPER_MAGIC {
            return Ok(false);
        }
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_NO_MAGICLINKS);
        Ok(matches!(openat2(&self.at, name, how), Err(Errno::ELOOP)))
    }

    fn is_own_process(&self) -> bool {
        let own = std::fs::read_link("/proc/self");
        !self.jumped && own.is_ok_and(|own| self.reached.starts_with(Path::new("/proc").join(own)))
    }

    fn jump(&mut self, name: &OsStr) -> Result<(), Refusal> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let found = openat(&self.at, name, flags, Mode::empty())?;
        self.firm = is_directory(&found)? && is_firm(&found)? && is_firm_upwards(&found)?;
        self.at = found;
        self.reached.push(name);
        self.jumped = true;
        Ok(())
    }
}

const DIRECTORY: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);
const FILE: OFlag = OFlag::O_PATH
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// Whether a path is one of a directory alone.
fn must_be_directory(path: &[u8]) -> bool {
    path.ends_with(b"/") || path.ends_with(b"/.") || path.ends_with(b"/..")
}

fn kind(file: &OwnedFd) -> Result<SFlag, Errno> {
    // A file may be larger than a machine of 32 bits tells otherwise.
    let stat = rustix::fs::fstat(file).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
    Ok(SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT)
}

fn is_directory(file: &OwnedFd) -> Result<bool, Errno> {
    Ok(kind(file)? == SFlag::S_IFDIR)
}

/// Whether nobody but root of the host can change what is in a directory.
fn is_firm(directory: &OwnedFd) -> Result<bool, Errno> {
    let stat = fstat(directory)?;
    // For who may write besides by a list (acl(5)), the bits of the group are set.
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    let is_roots = stat.st_uid == 0 && !Mode::from_bits_truncate(stat.st_mode).intersects(others);
    Ok(is_roots && !is_given(directory))
}

/// Whether all directories above are firm as well.
fn is_firm_upwards(directory: &OwnedFd) -> Result<bool, Errno> {
    for above in crate::reach::Above::of(directory)? {
        if !is_firm(&above?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a jail was given it; so it counts where that cannot be told.
fn is_given(directory: &OwnedFd) -> bool {
    let Ok(readable) = readable(directory) else {
        return true;
    };
    match fgetxattr_query(&readable, MARK) {
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => false,
        Ok(_) | Err(_) => true,
    }
}

fn is_root(directory: impl AsFd) -> bool {
    let found = fstat(directory).map(Identity::from);
    found.is_ok_and(|found| stat("/").is_ok_and(|root| Identity::from(root) == found))
}

/// The directory of a descriptor that cannot be read from, to be read.
pub(crate) fn readable(directory: impl AsFd) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(directory, ".", flags, Mode::empty())
}

#[cfg(test)]
#[path = "trusted_path_tests.rs"]
mod tests;
