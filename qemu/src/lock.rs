// SPDX-License-Identifier: MIT OR Apache-2.0

//! One run at a time changes the cache.

use crate::project::Project;
use crate::ui;
use anyhow::{Context, Result};
use fs4::FileExt;
use std::fs::File;

/// Held while the cache is being changed; dropping it lets the next run in.
///
/// The kernel drops it too when the process dies, so a killed run leaves nothing locked.
#[derive(Debug)]
pub struct CacheLock {
    _file: File,
}

impl CacheLock {
    /// Takes the lock, waiting for another run to finish if there is one.
    pub fn acquire(project: &Project) -> Result<Self> {
        let path = project.cache().join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("{}: cannot open the lock file", path.display()))?;
        if FileExt::try_lock(&file).is_err() {
            ui::note(&format!(
                "waiting: another cargo xtask is working in {}",
                project.cache().display()
            ));
            FileExt::lock(&file).with_context(|| format!("{}: cannot lock", path.display()))?;
        }
        Ok(Self { _file: file })
    }
}
