// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files that one run at a time may have: one changes the cache, one writes a log.

use crate::project::Project;
use crate::ui;
use anyhow::{Context, Result};
use fs4::{FileExt, TryLockError};
use std::fs::File;
use std::path::Path;

/// A file that is locked; dropping it unlocks it.
///
/// The kernel does so too when the process dies, so a killed run leaves nothing locked.
#[derive(Debug)]
pub struct LockedFile(File);

impl LockedFile {
    /// Opens or makes the file and locks it; `None` where another has the lock.
    pub fn try_new(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{}: cannot lock", path.display()))
            }
        }
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread has forked and that has not
        // executed its program yet still has the descriptor, and with it the lock.
        let _ = FileExt::unlock(&self.0);
    }
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("{}: cannot open it to lock it", path.display()))
}

/// Held while the cache is being changed; dropping it lets the next run in.
#[derive(Debug)]
pub struct CacheLock {
    _file: LockedFile,
}

impl CacheLock {
    /// Takes the lock, waiting for another run to finish if there is one.
    pub fn acquire(project: &Project) -> Result<Self> {
        let path = project.cache().join("lock");
        let file = open(&path)?;
        if FileExt::try_lock(&file).is_err() {
            ui::note(&format!(
                "waiting: another cargo xtask is working in {}",
                project.cache().display()
            ));
            FileExt::lock(&file).with_context(|| format!("{}: cannot lock", path.display()))?;
        }
        Ok(Self {
            _file: LockedFile(file),
        })
    }
}
