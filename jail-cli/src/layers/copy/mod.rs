// SPDX-License-Identifier: MIT OR Apache-2.0

//! Copying what a root has beyond its read-only layers, as a layer of its own.
//!
//! Whoever is in a jail decides what lies there, and changes it meanwhile. So everything is opened by one
//! name in a directory that is held open, without following links; only regular files are read; and what
//! there is no end of is bounded: directories in one another, and how long a file grows.
//!
//! What is not there any more is noted as overlayfs does, by a device without a number. Nothing else of
//! overlayfs is in such a layer, so that it can be copied anywhere.

mod attributes;
mod entry;
mod ids;

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rustix::fs::{
    ioctl_ficlone, linkat, mkdirat, mknodat, openat, readlinkat, statat, symlinkat, unlinkat,
    AtFlags, Dir, FileType, Mode, OFlags, Stat,
};

use crate::admin::copy::content;
use crate::isolation::Block;
use crate::text::{reason, shown};
pub(super) use attributes::give;
use entry::{is_same, kind};

/// How deep directories may lie in one another: each takes descriptors.
const DEEPEST: usize = 200;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many files, links and the like.
    pub entries: u64,
    /// Bytes in the files.
    pub bytes: u64,
    /// How many names are not there any more.
    pub removed: u64,
}

/// Copies all that `over` has and `under` has not, or has otherwise, into an empty directory. In `over`
/// ids are those of `ids` on the host, where the jail has its own. `tell` is told how many bytes have been
/// copied.
///
/// # Errors
///
/// A text that names what could not be copied.
pub fn copy(
    over: &OwnedFd,
    under: Option<&OwnedFd>,
    into: &OwnedFd,
    ids: Option<Block>,
    tell: &mut dyn FnMut(u64),
) -> Result<Summary, String> {
    let mut copying = Copying {
        ids,
        links: HashMap::new(),
        summary: Summary::default(),
        way: PathBuf::from("/"),
        depth: 0,
        top: into.try_clone().map_err(|error| error.to_string())?,
        tell,
    };
    let of = |directory: &OwnedFd| readable(directory, c".").map_err(why);
    let over = of(over)?;
    let under = under.map(of).transpose()?;
    copying.directory(&over, under.as_ref(), into)?;
    Ok(copying.summary)
}

struct Copying<'a> {
    ids: Option<Block>,
    /// Where in the copy each file is that has more names than one.
    links: HashMap<(u64, u64), CString>,
    summary: Summary,
    /// Where it is now.
    way: PathBuf,
    depth: usize,
    /// The top of the copy.
    top: OwnedFd,
    tell: &'a mut dyn FnMut(u64),
}

impl Copying<'_> {
    /// All that is in a directory, and what that is itself.
    fn directory(
        &mut self,
        over: &OwnedFd,
        under: Option<&OwnedFd>,
        into: &OwnedFd,
    ) -> Result<(), String> {
        let names = self.said(names(over))?;
        for name in &names {
            self.one(over, under, into, name)
                .map_err(|why| match why.starts_with('/') {
                    true => why,
                    false => format!("{}: {why}", shown(&self.way.join(path(name)))),
                })?;
        }
        if let Some(under) = under {
            for name in self.said(self::names(under))?.difference(&names) {
                let gone = self.gone(into, name);
                gone.map_err(|why| format!("{}: {why}", shown(&self.way.join(path(name)))))?;
            }
        }
        self.said(give(over, into, self.ids))
    }

    fn one(
        &mut self,
        over: &OwnedFd,
        under: Option<&OwnedFd>,
        into: &OwnedFd,
        name: &CStr,
    ) -> Result<(), String> {
        let below = match under.map(|under| statat(under, name, AtFlags::SYMLINK_NOFOLLOW)) {
            None | Some(Err(rustix::io::Errno::NOENT)) => None,
            Some(below) => Some(below.map_err(why)?),
        };
        // What is gone by now, or another, is what it is then.
        let found = match openat(over, name, NAMED, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) if below.is_some() => return self.gone(into, name),
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            found => found.map_err(why)?,
        };
        let stat = rustix::fs::fstat(&found).map_err(why)?;
        if kind(&stat) == FileType::Directory {
            let under = match (under, below) {
                (Some(under), Some(below)) if kind(&below) == FileType::Directory => {
                    Some((readable(under, name).map_err(why)?, below))
                }
                _ => None,
            };
            return self.below(&found, &stat, under, into, name);
        }
        if below.is_some_and(|below| is_same(&stat, &below, self.ids)) {
            return Ok(());
        }
        if kind(&stat) == FileType::RegularFile {
            return self.file(&found, &stat, into, name);
        }
        match kind(&stat) {
            FileType::Symlink => {
                let target = readlinkat(&found, c"", Vec::new()).map_err(why)?;
                symlinkat(target, into, name).map_err(why)?;
            }
            // Nothing there listens to it any more. It has taken the place of what is below.
            FileType::Socket if below.is_some() => return self.gone(into, name),
            FileType::Socket => return Ok(()),
            kind => {
                // The mount that it is seen by says whether devices work.
                mknodat(into, name, kind, Mode::RUSR | Mode::WUSR, stat.st_rdev).map_err(why)?;
            }
        }
        let made = openat(into, name, NAMED, Mode::empty()).map_err(why)?;
        give(&found, &made, self.ids).map_err(why)?;
        self.summary.entries += 1;
        Ok(())
    }

    /// Notes that what is below is not there any more.
    fn gone(&mut self, into: &OwnedFd, name: &CStr) -> Result<(), String> {
        mknodat(into, name, FileType::CharacterDevice, Mode::empty(), 0).map_err(why)?;
        self.summary.removed += 1;
        Ok(())
    }

    fn below(
        &mut self,
        found: &OwnedFd,
        stat: &Stat,
        under: Option<(OwnedFd, Stat)>,
        into: &OwnedFd,
        name: &CStr,
    ) -> Result<(), String> {
        if self.depth >= DEEPEST {
            return Err(format!("lies more than {DEEPEST} directories deep"));
        }
        let over = readable(found, c".").map_err(why)?;
        mkdirat(into, name, Mode::RWXU).map_err(why)?;
        let made = readable(into, name).map_err(why)?;
        let before = (self.summary.entries, self.summary.removed);
        self.way.push(path(name));
        self.depth += 1;
        let copied = self.directory(&over, under.as_ref().map(|(under, _)| under), &made);
        self.depth -= 1;
        copied?;
        self.way.pop();
        let is_empty = before == (self.summary.entries, self.summary.removed);
        match under {
            Some((_, below)) if is_empty && is_same(stat, &below, self.ids) => {
                unlinkat(into, name, AtFlags::REMOVEDIR).map_err(why)
            }
            _ => {
                self.summary.entries += 1;
                Ok(())
            }
        }
    }

    fn file(
        &mut self,
        found: &OwnedFd,
        stat: &Stat,
        into: &OwnedFd,
        name: &CStr,
    ) -> Result<(), String> {
        let identity = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&identity) {
                return linkat(&self.top, first, into, name, AtFlags::empty()).map_err(why);
            }
        }
        let from = File::open(by_descriptor(found)).map_err(|error| error.to_string())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let to = File::from(openat(into, name, flags, Mode::RUSR | Mode::WUSR).map_err(why)?);
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        // A file system that can lets both have the same blocks.
        if ioctl_ficlone(&to, &from).is_err() {
            content::copy(&from, size, &to).map_err(|error| error.to_string())?;
        }
        give(found, to.as_fd(), self.ids).map_err(why)?;
        if stat.st_nlink > 1 {
            let way = self
                .way
                .strip_prefix("/")
                .unwrap_or(&self.way)
                .join(path(name));
            let way =
                CString::new(way.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
            self.links.insert(identity, way);
        }
        self.summary.entries += 1;
        self.summary.bytes += size;
        (self.tell)(self.summary.bytes);
        Ok(())
    }

    fn said<T>(&self, result: rustix::io::Result<T>) -> Result<T, String> {
        result.map_err(|error| format!("{}: {}", shown(&self.way), why(error)))
    }
}

const NAMED: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory of that name, to be read.
fn readable(directory: &OwnedFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// What is in a directory, in an order that is always the same.
pub(super) fn names(directory: &OwnedFd) -> rustix::io::Result<BTreeSet<CString>> {
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.insert(name);
        }
    }
    Ok(names)
}

pub(super) fn path(name: &CStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

fn by_descriptor(file: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

pub(super) fn why(error: rustix::io::Errno) -> String {
    reason(Errno::from_raw(error.raw_os_error()))
}

#[cfg(test)]
mod tests;
