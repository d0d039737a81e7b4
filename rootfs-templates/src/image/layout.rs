// SPDX-License-Identifier: MIT OR Apache-2.0

//! A directory as the OCI image layout describes it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{openat2, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::blob::Blob;
use super::digest::Digest;
use super::error::ImageError;
use super::source::{blob_path, whole};

/// An open layout; links in it that lead out of it are not followed.
#[derive(Debug)]
pub(crate) struct Layout {
    directory: OwnedFd,
    /// Where the content is that several layouts share.
    blobs: Option<OwnedFd>,
}

impl Layout {
    pub fn new(directory: OwnedFd) -> Self {
        Layout {
            directory,
            blobs: None,
        }
    }

    /// One whose content lies elsewhere: in directories called as the algorithms are.
    pub fn sharing(directory: OwnedFd, blobs: OwnedFd) -> Self {
        Layout {
            directory,
            blobs: Some(blobs),
        }
    }

    pub fn file(&self, name: &Path) -> Result<Option<Blob>, ImageError> {
        beneath(&self.directory, name)
    }

    pub fn blob(&self, digest: &Digest) -> Result<Option<Blob>, ImageError> {
        let path = blob_path(digest);
        match &self.blobs {
            Some(blobs) => {
                let path = Path::new(&path);
                beneath(blobs, path.strip_prefix("blobs").unwrap_or(path))
            }
            None => self.file(Path::new(&path)),
        }
    }
}

fn beneath(directory: impl AsFd, name: &Path) -> Result<Option<Blob>, ImageError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let place = name.display().to_string();
    match openat2(directory, name, flags, Mode::empty(), resolve) {
        Ok(file) => whole(file, &place).map(Some),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(Errno::XDEV) => Err(ImageError::new(
            place,
            "is a link that leads out of the image",
        )),
        Err(errno) => Err(ImageError::kernel(place, "opening it", errno)),
    }
}
