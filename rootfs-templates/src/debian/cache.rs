// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where systems are kept: `debian/KEY.tar` below the cache, whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{open, Flock, FlockArg, OFlag};
use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::DebianError;

/// The directory of the cache, and what its content is called.
pub const DEBIAN: &str = "debian";

/// What grows in a directory of its own is called so, and the directory begins with this.
const GROWING: &str = "archive.tar";
const PREFIX: &str = ".growing-";

/// How long such a directory may be without its lock before it is taken for abandoned.
const GRACE: Duration = Duration::from_secs(60);

/// The part of the cache that is Debian's.
pub struct Cache(PathBuf);

/// What is not whole yet; gone when dropped.
pub struct Growing {
    _directory: TempDir,
    /// Held by its maker, for as long as that lives.
    _lock: Flock<File>,
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

    /// A place for what is made; and removes what makers have left that were killed.
    pub fn begin(&self) -> Result<Growing, DebianError> {
        self.remove_abandoned();
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.0);
        let directory = made.map_err(|error| DebianError::new(self.0.display(), error))?;
        let failed = |errno| DebianError::new(directory.path().display(), errno);
        let lock = lock(directory.path()).map_err(failed)?;
        let path = directory.path().join(GROWING);
        Ok(Growing {
            _directory: directory,
            _lock: lock,
            path,
        })
    }

    fn remove_abandoned(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let is_one = entry.file_name().to_string_lossy().starts_with(PREFIX);
            let changed = entry.metadata().and_then(|found| found.modified());
            let age = changed.ok().and_then(|time| time.elapsed().ok());
            let is_old = age.is_some_and(|age| age >= GRACE);
            if is_one && is_old && lock(&entry.path()).is_ok() {
                // It is no harm to this one when that fails.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
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

fn lock(directory: &Path) -> Result<Flock<File>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = File::from(open(directory, flags, Mode::empty())?);
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_maker_left_goes_with_the_next() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let cache = Cache::open(&dir.path().join("cache")).expect("opened");
        let alive = cache.begin().expect("begun");
        let left = cache.0.join(".growing-left");
        fs::create_dir(&left).expect("mkdir");
        fs::write(left.join(GROWING), "half").expect("write");
        let before = SystemTime::now() - GRACE * 2;
        for path in [left.as_path(), alive.path().parent().expect("above")] {
            let open = File::open(path).expect("open");
            open.set_modified(before).expect("its time");
        }
        fs::write(cache.0.join("key.tar"), "whole").expect("write");
        drop(cache.begin().expect("begun"));
        assert!(!left.exists());
        assert!(alive.path().parent().is_some_and(Path::exists));
        assert!(cache.find("key").is_some());
    }
}
