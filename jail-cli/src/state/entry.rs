// SPDX-License-Identifier: MIT OR Apache-2.0

//! The directory of one jail while somebody changes it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::kill;
use nix::unistd::{getpid, Pid};
use rustix::fs::{renameat_with, RenameFlags, CWD};

use super::{failed, record, remove, Record, MODE};
use crate::text::{reason, shown};

/// Begins the name of a directory that is being made or removed; the number of the process that
/// does it follows.
const SCRATCH: &str = ".scratch-";

/// The mode of a record: as with the directory, arguments can be secrets.
const FILE_MODE: u32 = 0o600;

/// The directory of one jail, locked.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Entry {
    /// Locks the directory at `path`; `None` where there is none.
    pub(crate) fn lock_at(path: &Path) -> Result<Option<Self>, String> {
        loop {
            // A link would never be what was opened.
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(libc::O_NOFOLLOW);
            let directory = match options.open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                result => result.map_err(|error| failed("opening", path, &error))?,
            };
            let lock = Flock::lock(directory, FlockArg::LockExclusive)
                .map_err(|(_, errno)| format!("locking {}: {}", shown(path), reason(errno)))?;
            // Whoever had it before may have removed it.
            if is_at(&lock, path) {
                return Ok(Some(Entry {
                    path: path.to_owned(),
                    _lock: lock,
                }));
            }
        }
    }

    /// The same directory after its path has changed.
    pub(super) fn moved_to(self, path: PathBuf) -> Self {
        Entry { path, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is noted.
    ///
    /// # Errors
    ///
    /// Where there is no record, or not a whole one.
    pub fn read(&self) -> Result<Record, String> {
        Record::read(&self.path)
    }

    /// Replaces what is noted.
    pub fn write(&self, record: &Record) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(record)
            .map_err(|error| format!("{}: {error}", shown(&self.path)))?;
        let path = self.path.join(record::FILE);
        let new = self.path.join(format!("{}.new", record::FILE));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&new)?;
            file.write_all(&text)?;
            file.write_all(b"\n")?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| {
            // On a full file system it would take what is left.
            let _ = fs::remove_file(&new);
            failed("writing", &path, &error)
        })
    }

    /// Removes the directory.
    pub fn remove(self) -> Result<(), String> {
        // One rename takes it all away; the lock is held until then.
        Scratch::of(&self.path).map(drop)
    }
}

/// Whether `path` still leads to the open `file`.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// A directory that nobody else looks at, removed when dropped.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new(above: &Path) -> Result<Self, String> {
        let mut attempt = 0u32;
        loop {
            let path = above.join(format!("{SCRATCH}{}-{attempt}", getpid()));
            match DirBuilder::new().mode(MODE).create(&path) {
                Ok(()) => return Ok(Scratch { path }),
                // Left by an earlier process with this number, or by another thread.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => return Err(failed("creating", &path, &error)),
            }
        }
    }

    /// What is at `path` becomes one; nothing has to be made for it, which a full file system would
    /// refuse.
    fn of(path: &Path) -> Result<Self, String> {
        let above = path.parent().unwrap_or(Path::new("/"));
        let mut attempt = 0u32;
        loop {
            let new = above.join(format!("{SCRATCH}{}-{attempt}", getpid()));
            match renameat_with(CWD, path, CWD, &new, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(Scratch { path: new }),
                Err(rustix::io::Errno::EXIST) => attempt += 1,
                Err(error) => return Err(failed("removing", path, &error.into())),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// It has become something else's.
    pub(crate) fn keep(mut self) {
        self.path = PathBuf::new();
    }

    /// Removes those of processes that have ended.
    pub(crate) fn remove_abandoned(above: &Path) -> Result<(), String> {
        let entries = match fs::read_dir(above) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(|error| failed("listing", above, &error))?,
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let owner = name
                .to_str()
                .and_then(|name| name.strip_prefix(SCRATCH)?.split('-').next()?.parse().ok());
            if let Some(owner) = owner {
                if kill(Pid::from_raw(owner), None) == Err(Errno::ESRCH) {
                    remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed now, the next tidying removes.
            let _ = remove_tree(&self.path);
        }
    }
}

/// Removes a tree, or a file, that may be gone, or being removed by another.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Whoever has put it there, it must not keep jails from being noted.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
        result => result,
    }
}
