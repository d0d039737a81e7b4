// SPDX-License-Identifier: MIT OR Apache-2.0

//! Owner, mode, times and extended attributes of what is unpacked.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    fchmod, fchown, flistxattr, fremovexattr, fsetxattr, futimens, Gid, Mode, Timespec, Timestamps,
    Uid, XattrFlags, UTIME_OMIT,
};
use rustix::io::Errno;

use crate::image::error::ImageError;
use crate::image::layer::{Entry, Time};

/// Sets owner and mode; the path is for errors.
pub fn set(file: impl AsFd, path: &str, entry: &Entry) -> Result<(), ImageError> {
    fchown(
        &file,
        Some(Uid::from_raw(entry.uid)),
        Some(Gid::from_raw(entry.gid)),
    )
    .map_err(|errno| ImageError::kernel(path, OWNER, errno))?;
    // After the owner: a change of owner can clear bits of the mode.
    fchmod(&file, Mode::from_raw_mode(entry.mode))
        .map_err(|errno| ImageError::kernel(path, "setting its mode", errno))
}

pub const OWNER: &str = "setting its owner, which takes root";

/// Whether an extended attribute says something about the file in any root.
///
/// Labels of security modules are the host's to give, access lists name users of other machines, and
/// those of overlayfs would be obeyed when the root becomes a layer of one.
pub fn is_kept(name: &[u8]) -> bool {
    let own = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    own || name == CAPABILITY
}

const CAPABILITY: &[u8] = b"security.capability";

/// Sets those of the extended attributes that are kept, and returns how many are not. After the owner,
/// whose change would take a file's capabilities away.
pub fn set_xattrs(file: BorrowedFd<'_>, path: &str, entry: &Entry) -> Result<u64, ImageError> {
    let mut left_out = 0;
    for (name, value) in &entry.xattrs {
        if !is_kept(name) {
            left_out += 1;
            continue;
        }
        match fsetxattr(file, &name[..], value, XattrFlags::empty()) {
            Ok(()) => {}
            // Not every file system has a user's own.
            Err(Errno::OPNOTSUPP) if name != CAPABILITY => left_out += 1,
            Err(errno) => {
                let what = format!("setting its attribute {}", String::from_utf8_lossy(name));
                return Err(ImageError::kernel(path, &what, errno));
            }
        }
    }
    Ok(left_out)
}

/// Takes those away that a directory has from an earlier layer.
pub fn clear_xattrs(file: BorrowedFd<'_>, path: &str) -> Result<(), ImageError> {
    let failed = |errno| ImageError::kernel(path, "taking its attributes away", errno);
    let mut names = vec![0; 64 << 10];
    let length = match flistxattr(file, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(errno) => return Err(failed(errno)),
    };
    let names = names[..length].split(|byte| *byte == 0);
    for name in names.filter(|name| is_kept(name)) {
        fremovexattr(file, name).map_err(failed)?;
    }
    Ok(())
}

/// When it was changed; when it was read last is nobody's business.
pub fn times(modified: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanoseconds.into(),
        },
    }
}

pub fn set_times(file: impl AsFd, path: &str, modified: Time) -> Result<(), ImageError> {
    futimens(file, &times(modified))
        .map_err(|errno| ImageError::kernel(path, "setting its time of change", errno))
}
