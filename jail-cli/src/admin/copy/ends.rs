// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is copied, and where to.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{openat2, OFlag, OpenHow, ResolveFlag, AT_FDCWD};
use nix::sys::stat::SFlag;
use rustix::fs::Stat;

use crate::root::Root;
use crate::text::{reason, shown};

/// How often a path is followed anew because something was moved meanwhile (EAGAIN): whoever is in the
/// jail can lay a long way by `..`, and move something all the time.
const ATTEMPTS: usize = 1000;

/// Where a path begins and how far it may lead.
pub enum Where<'a> {
    /// Anywhere on the host.
    Host,
    /// Below the root of a jail.
    Jail(&'a Root),
}

impl Where<'_> {
    /// Opens what a path leads to, for nothing but to name it.
    fn open(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new().flags(flags | OFlag::O_PATH | OFlag::O_CLOEXEC);
        match self {
            Where::Host => openat2(AT_FDCWD, path, how),
            Where::Jail(root) => {
                let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
                let how = how.resolve(inside);
                for _ in 1..ATTEMPTS {
                    match openat2(root.directory(), path, how) {
                        Err(Errno::EAGAIN | Errno::EINTR) => {}
                        result => return result,
                    }
                }
                openat2(root.directory(), path, how)
            }
        }
    }
}

/// What the kernel says about a file, however large: with 32 bit, fstat(2) itself has no room for it.
pub fn stat_of(file: impl AsFd) -> Result<Stat, Errno> {
    rustix::fs::fstat(file).map_err(|error| Errno::from_raw(error.raw_os_error()))
}

/// What kind of file something is.
pub fn kind(stat: &Stat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// What is copied: a regular file or a directory.
pub struct Source {
    /// It.
    pub file: OwnedFd,
    /// What was found out about it.
    pub stat: Stat,
    /// What it is called where it came from, where it has a name there.
    pub name: Option<OsString>,
    /// Whether the directory itself is left out, and all that is in it meant.
    contents: bool,
}

impl Source {
    /// Finds it, following links.
    pub fn find(at: &Where, path: &Path) -> Result<Self, String> {
        let failed = |errno| format!("{}: {}", shown(path), explain(errno));
        let file = at.open(path, OFlag::empty()).map_err(failed)?;
        let stat = stat_of(&file).map_err(failed)?;
        let bytes = path.as_os_str().as_bytes();
        let is_directory = kind(&stat) == SFlag::S_IFDIR;
        match kind(&stat) {
            SFlag::S_IFREG if bytes.ends_with(b"/") => Err(failed(Errno::ENOTDIR)),
            SFlag::S_IFREG | SFlag::S_IFDIR => Ok(Source {
                file,
                stat,
                name: last_name(path).map(OsStr::to_owned),
                contents: is_directory && (bytes == b"." || bytes.ends_with(b"/.")),
            }),
            _ => Err(format!(
                "{}: is neither a regular file nor a directory",
                shown(path)
            )),
        }
    }

    fn is_directory(&self) -> bool {
        kind(&self.stat) == SFlag::S_IFDIR
    }
}

/// Where it is copied to.
pub enum Target {
    /// To this name in a directory.
    Name(OwnedFd, OsString),
    /// All that is in the one directory, into the other.
    Into(OwnedFd),
}

impl Target {
    /// Finds it: a directory that exists takes `source` in under its own name; what does not exist, or is
    /// a file, is the new name of it.
    pub fn find(at: &Where, path: &Path, source: &Source) -> Result<Self, String> {
        let failed = |errno| format!("{}: {}", shown(path), explain(errno));
        match at.open(path, OFlag::O_DIRECTORY) {
            Ok(directory) => Ok(match &source.name {
                Some(name) if !source.contents => Target::Name(directory, name.clone()),
                _ if source.is_directory() => Target::Into(directory),
                _ => return Err(failed(Errno::EISDIR)),
            }),
            Err(Errno::ENOTDIR) if source.is_directory() => Err(failed(Errno::ENOTDIR)),
            Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
                let ends_as_directory = path.as_os_str().as_bytes().ends_with(b"/");
                let name = last_name(path);
                let (Some(name), false) = (name, ends_as_directory && !source.is_directory())
                else {
                    return Err(failed(errno));
                };
                let above = match (path.parent(), at) {
                    (Some(above), _) if !above.as_os_str().is_empty() => above,
                    (_, Where::Host) => Path::new("."),
                    (_, Where::Jail(_)) => Path::new("/"),
                };
                let directory = at.open(above, OFlag::O_DIRECTORY);
                let directory =
                    directory.map_err(|errno| format!("{}: {}", shown(above), explain(errno)))?;
                Ok(Target::Name(directory, name.to_owned()))
            }
            Err(errno) => Err(failed(errno)),
        }
    }
}

/// The last component, where that is a name.
fn last_name(path: &Path) -> Option<&OsStr> {
    match path.as_os_str().as_bytes() {
        bytes if bytes == b".." || bytes.ends_with(b"/..") => None,
        _ => path.file_name(),
    }
}

fn explain(errno: Errno) -> String {
    match errno {
        Errno::ELOOP => {
            "leads through too many symbolic links, or through one that the kernel makes \
                         up, as those in /proc are (ELOOP)"
                .into()
        }
        Errno::EAGAIN => {
            "directories are being moved all the time while `..` is followed; name it by a path \
             without links and `..` (EAGAIN)"
                .into()
        }
        errno => reason(errno),
    }
}
