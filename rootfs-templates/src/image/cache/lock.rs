// SPDX-License-Identifier: MIT OR Apache-2.0

//! Locks of directories, which end with who holds them.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;

use crate::image::error::ImageError;

/// A lock that is held as long as the directory is open, here or in a process that has it from here.
pub type Lock = File;

/// Waits for a lock that several can hold.
pub fn shared(path: &Path) -> Result<Lock, ImageError> {
    let found = lock(path, FlockOperation::LockShared)?;
    found.ok_or_else(|| ImageError::new(path.display(), "has been removed meanwhile"))
}

/// The same; `None` where nothing is there (any more).
pub fn shared_if_there(path: &Path) -> Result<Option<Lock>, ImageError> {
    lock(path, FlockOperation::LockShared)
}

/// Waits to be alone with it.
pub fn alone(path: &Path) -> Result<Option<Lock>, ImageError> {
    lock(path, FlockOperation::LockExclusive)
}

/// The same, and does not wait; `None` where it is in use.
pub fn alone_at_once(path: &Path) -> Result<Option<Lock>, ImageError> {
    lock(path, FlockOperation::NonBlockingLockExclusive)
}

fn lock(path: &Path, how: FlockOperation) -> Result<Option<Lock>, ImageError> {
    loop {
        let opened = File::options()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ImageError::new(path.display(), error)),
        };
        match flock(&file, how) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(ImageError::kernel(path.display(), "locking it", errno)),
        }
        // While it was waited for, it may have been moved away, and another put there.
        let held = file.metadata().map_err(ImageError::io(path.display()))?;
        match path.symlink_metadata() {
            Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => {
                return Ok(Some(file));
            }
            _ => drop(file),
        }
    }
}
