// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where systems are kept: `debian/KEY.tar` below the cache, whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::DebianError;

/// The directory of the cache, and what its content is called.
pub const DEBIAN: &str = "debian";

/// What grows in a directory of its own is called so.
const GROWING: &str = "archive.tar";

/// The part of the cache that is Debian's.
pub struct Cache(PathBuf);

/// What is not whole yet; gone when dropped.
pub struct Growing {
    _directory: TempDir,
    path: PathBuf,
}

impl Growing {
    /// Where it grows.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Cache {
    /// Opens it, and makes it where there is none.
    pub fn open(above: &Path) -> Result<Self, DebianError> {
        let path = above.join(DEBIAN);
        for path in [above, &path] {
            let failed = |error: std::io::Error| DebianError::new(path.display(), error);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed)?;
            let found = path.symlink_metadata().map_err(failed)?;
            let own = found.uid() == nix::unistd::geteuid().as_raw();
            if !found.is_dir() || !own || found.mode() & 0o022 != 0 {
                let why = "is not a directory that nobody else can change (chown root, chmod go-w)";
                return Err(DebianError::new(path.display(), why));
            }
        }
        Ok(Cache(path))
    }

    /// What is kept by a key.
    pub fn find(&self, key: &str) -> Option<PathBuf> {
        let path = self.path(key);
        path.is_file().then_some(path)
    }

    /// A place for what is made.
    pub fn begin(&self) -> Result<Growing, DebianError> {
        let made = tempfile::Builder::new()
            .prefix(".growing-")
            .tempdir_in(&self.0);
        let directory = made.map_err(|error| DebianError::new(self.0.display(), error))?;
        let path = directory.path().join(GROWING);
        Ok(Growing {
            _directory: directory,
            path,
        })
    }

    /// Keeps it by a key.
    pub fn keep(&self, growing: Growing, key: &str) -> Result<PathBuf, DebianError> {
        let path = self.path(key);
        let keep = || {
            File::open(&growing.path)?.sync_all()?;
            fs::rename(&growing.path, &path)
        };
        keep().map_err(|error| DebianError::new(path.display(), error))?;
        Ok(path)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.join(format!("{key}.tar"))
    }
}
