// SPDX-License-Identifier: MIT OR Apache-2.0

//! One at a time works on a file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::entry::is_at;
use super::{failed, Store};
use crate::text::{reason, shown};

/// Keeps others from working on a file as long as it lives.
///
/// What is locked is not that file, which everybody who can read it can lock (flock(2)), but one
/// that only root can open. It is removed in the end.
#[derive(Debug)]
pub struct Alone {
    /// What is to be removed.
    path: Option<PathBuf>,
    _lock: Flock<File>,
}

impl Store {
    /// Waits until nobody else works on the file at `path`; `wait` is told once where somebody
    /// does.
    pub fn alone(&self, path: &Path, wait: impl FnOnce()) -> Result<Alone, String> {
        let file = fs::metadata(path).map_err(|error| format!("{}: {error}", shown(path)))?;
        self.prepare()?;
        // No number, so that it is not taken for a jail's.
        let name = format!("file-{}-{}.lock", file.dev(), file.ino());
        let path = self.directory.join(name);
        let mut wait = Some(wait);
        let mut wait = || {
            if let Some(wait) = wait.take() {
                wait();
            }
        };
        loop {
            let file = match open(&path) {
                // Where nothing can be made any more, jails are to be taken down all the same: whoever
                // works on whatever file waits for each other then.
                Err(error) if is_full(&error) => {
                    let directory = File::open(&self.directory);
                    let directory =
                        directory.map_err(|error| failed("opening", &self.directory, &error))?;
                    return Ok(Alone {
                        path: None,
                        _lock: lock(directory, &self.directory, &mut wait)?,
                    });
                }
                result => result.map_err(|error| failed("opening", &path, &error))?,
            };
            let lock = lock(file, &path, &mut wait)?;
            // Whoever had it before has removed it.
            if is_at(&lock, &path) {
                return Ok(Alone {
                    path: Some(path),
                    _lock: lock,
                });
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSPC | libc::EDQUOT | libc::EROFS)
    )
}

fn lock(file: File, path: &Path, wait: &mut dyn FnMut()) -> Result<Flock<File>, String> {
    let locking = |errno| format!("locking {}: {}", shown(path), reason(errno));
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Err((file, Errno::EWOULDBLOCK)) => {
            wait();
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| locking(errno))
        }
        result => result.map_err(|(_, errno)| locking(errno)),
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // While it is locked. Left behind, it would be locked again by the next.
            let _ = fs::remove_file(path);
        }
    }
}
