// SPDX-License-Identifier: MIT OR Apache-2.0

//! The root directory of a jail, held from outside.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{openat2, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::SFlag;
use nix::unistd::{faccessat, AccessFlags};

use serde::{Deserialize, Serialize};

use crate::layers::Made;
use crate::path_walk::first_obstacle;
use crate::stat::{fstat, Stat};
use crate::text::reason;
use crate::trusted_path::{self, Refusal};

/// Which directory this is: device and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl From<Stat> for Identity {
    fn from(stat: Stat) -> Self {
        // Narrower on some architectures.
        #[allow(clippy::useless_conversion)]
        Identity {
            device: u64::from(stat.st_dev),
            inode: u64::from(stat.st_ino),
        }
    }
}

impl Identity {
    /// The one with these numbers.
    pub(crate) fn new(device: u64, inode: u64) -> Self {
        Identity { device, inode }
    }
}

/// An open root directory, and the path it was asked for by.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    directory: OwnedFd,
    identity: Identity,
    /// What was put together for it: then it is a mount that lies nowhere.
    made: Option<Box<Made>>,
}

impl Root {
    /// Opens the directory at `path`, following symbolic links where nobody but root of the host
    /// can have laid them.
    ///
    /// # Errors
    ///
    /// A text that names the component in the way.
    pub fn open(path: &Path) -> Result<Self, String> {
        if path.as_os_str().is_empty() {
            return Err("the path is empty".into());
        }
        let directory = trusted_path::open(path).map_err(|refusal| match refusal {
            Refusal::Kernel(errno) => obstacle(path, errno),
            refusal => refusal.describe(),
        })?;
        if !is_directory(&directory)? {
            return Err(obstacle(path, Errno::ENOTDIR));
        }
        faccessat(&directory, ".", AccessFlags::X_OK, AtFlags::AT_EACCESS)
            .map_err(|errno| format!("no permission to search it: {}", reason(errno)))?;
        Self::of(directory, path.to_owned())
    }

    /// An open directory, and the path that is named for it.
    pub(crate) fn of(directory: OwnedFd, path: PathBuf) -> Result<Self, String> {
        let identity = fstat(&directory).map_err(reason)?.into();
        Ok(Root {
            path,
            directory,
            identity,
            made: None,
        })
    }

    /// A mount that lies nowhere, the path of what says so, and what it was made of.
    pub(crate) fn made(mount: OwnedFd, path: PathBuf, made: Made) -> Result<Self, String> {
        let root = Self::of(mount, path)?;
        Ok(Root {
            made: Some(made.into()),
            ..root
        })
    }

    /// What was put together for it, where it is a mount that lies nowhere.
    pub(crate) fn as_made(&self) -> Option<&Made> {
        self.made.as_deref()
    }

    /// Takes what has to be held as long as it is used.
    pub(crate) fn take_locks(&mut self) -> Vec<OwnedFd> {
        self.made
            .as_mut()
            .map_or_else(Vec::new, |made| made.take_locks())
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same directory, by another path that leads to it.
    pub(crate) fn at(self, path: PathBuf) -> Self {
        Root { path, ..self }
    }

    /// Opens it once more by its path, among other mounts.
    ///
    /// # Errors
    ///
    /// Where that leads to another directory there.
    pub(crate) fn open_again(&mut self) -> Result<(), String> {
        let again = Root::open(&self.path)?;
        match again.identity == self.identity {
            true => {
                *self = again;
                Ok(())
            }
            false => Err("is another directory in the mounts of the jail".into()),
        }
    }

    /// Which directory it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The open directory; a descriptor that names it and cannot be read from.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Gives up the path for the open directory.
    pub(crate) fn into_directory(self) -> OwnedFd {
        self.directory
    }

    /// Reads a small regular file as a process inside would: a symbolic link in the way, even
    /// an absolute one or one with `..`, never leads out of the root.
    ///
    /// `Ok(None)` where there is no such file.
    ///
    /// # Errors
    ///
    /// A text that says why the file cannot be read: not a regular file, longer than `limit`
    /// bytes, or what the kernel answered.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
        // Looked at before it is opened: opening a device can have effects of its own.
        let found = match self.resolve(path, OFlag::O_PATH) {
            Ok(found) => found,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(reason(errno)),
        };
        require_regular(found.as_fd())?;
        let file = self.resolve(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY);
        let file = file.map_err(reason)?;
        require_regular(file.as_fd())?;
        let mut content = Vec::new();
        let read = File::from(file).take(limit + 1).read_to_end(&mut content);
        read.map_err(|error| error.to_string())?;
        if content.len() as u64 > limit {
            return Err(format!("is larger than {limit} bytes"));
        }
        Ok(Some(content))
    }

    fn resolve(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.directory, path, how)
    }
}

fn require_regular(file: impl AsFd) -> Result<(), String> {
    let stat = fstat(file).map_err(reason)?;
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(()),
        _ => Err("is not a regular file".into()),
    }
}

fn is_directory(file: impl AsFd) -> Result<bool, String> {
    let mode = fstat(file).map_err(reason)?.st_mode;
    Ok(SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
}

fn obstacle(path: &Path, errno: Errno) -> String {
    match first_obstacle(path) {
        // Whoever tells it has named the path.
        Some(obstacle) if obstacle.path == path && path.symlink_metadata().is_err() => {
            match obstacle.errno {
                Errno::ENOENT => {
                    "does not exist; \"jaula rootfs build\" makes a root directory".into()
                }
                errno => reason(errno),
            }
        }
        Some(obstacle) => obstacle.describe(),
        None if errno == Errno::ENOTDIR => "is not a directory".into(),
        None => reason(errno),
    }
}

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;
