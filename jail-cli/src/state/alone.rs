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
    path: PathBuf,
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
        loop {
            let lock = lock(&path, &mut || {
                if let Some(wait) = wait.take() {
                    wait();
                }
            })?;
            // Whoever had it before has removed it.
            if is_at(&lock, &path) {
                return Ok(Alone { path, _lock: lock });
            }
        }
    }
}

fn lock(path: &Path, wait: &mut dyn FnMut()) -> Result<Flock<File>, String> {
    let open = |error: io::Error| failed("opening", path, &error);
    let locking = |errno| format!("locking {}: {}", shown(path), reason(errno));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(open)?;
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
        // While it is locked. Left behind, it would be locked again by the next.
        let _ = fs::remove_file(&self.path);
    }
}
