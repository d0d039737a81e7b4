// SPDX-License-Identifier: MIT OR Apache-2.0

//! Locks of directories, which end with who holds them.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::image::error::ImageError;

/// A lock that is held.
pub type Lock = Flock<File>;

/// Waits for a lock that several can hold.
pub fn shared(path: &Path) -> Result<Lock, ImageError> {
    let found = lock(path, FlockArg::LockShared)?;
    found.ok_or_else(|| ImageError::new(path.display(), "has been removed meanwhile"))
}

/// The same; `None` where nothing is there (any more).
pub fn shared_if_there(path: &Path) -> Result<Option<Lock>, ImageError> {
    lock(path, FlockArg::LockShared)
}

/// Waits to be alone with it.
pub fn alone(path: &Path) -> Result<Option<Lock>, ImageError> {
    lock(path, FlockArg::LockExclusive)
}

/// The same, and does not wait; `None` where it is in use.
pub fn alone_at_once(path: &Path) -> Result<Option<Lock>, ImageError> {
    lock(path, FlockArg::LockExclusiveNonblock)
}

fn lock(path: &Path, how: FlockArg) -> Result<Option<Lock>, ImageError> {
    loop {
        let opened = File::options()
            .read(true)
            .custom_flags(libc_nofollow())
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ImageError::new(path.display(), error)),
        };
        let lock = match Flock::lock(file, how) {
            Ok(lock) => lock,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            Err((_, errno)) => return Err(ImageError::new(path.display(), errno)),
        };
        // While it was waited for, it may have been moved away, and another put there.
        let held = lock.metadata().map_err(ImageError::io(path.display()))?;
        match path.symlink_metadata() {
            Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => {
                return Ok(Some(lock));
            }
            _ => drop(lock),
        }
    }
}

fn libc_nofollow() -> i32 {
    nix::fcntl::OFlag::O_NOFOLLOW.bits()
}
