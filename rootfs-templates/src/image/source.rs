// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the parts of an image lie.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{fstat, open, FileType, Mode, OFlags};

use super::archive::Archive;
use super::blob::Blob;
use super::digest::Digest;
use super::document::Descriptor;
use super::error::ImageError;
use super::layout::Layout;
use super::limits::Limits;

/// A directory, or a file with the same in it.
#[derive(Debug)]
pub(crate) enum Source {
    Layout(Layout),
    Archive(Archive),
}

impl Source {
    /// Opens what is at `path`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, ImageError> {
        let place = path.display();
        let opened = self::open_quietly(path).map_err(|errno| {
            let error = io::Error::from(errno);
            match (errno, path.to_str()) {
                (rustix::io::Errno::NOENT, Some(name)) => {
                    ImageError::new(place.to_string(), format!("{error}{}", meant(name)))
                }
                _ => ImageError::new(place.to_string(), error),
            }
        })?;
        let found =
            fstat(&opened).map_err(|errno| ImageError::kernel(&place, "looking at it", errno))?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => Ok(Source::Layout(Layout::new(opened))),
            FileType::RegularFile => {
                let archive = Archive::open(File::from(opened), limits);
                Ok(Source::Archive(
                    archive.map_err(|error| error.within(&place))?,
                ))
            }
            _ => Err(ImageError::new(
                place,
                "is neither a directory nor a regular file",
            )),
        }
    }

    /// The file that has this name in it; `None` where there is none.
    pub fn file(&self, name: &str) -> Result<Option<Blob>, ImageError> {
        match self {
            Source::Layout(layout) => layout.file(Path::new(name)),
            Source::Archive(archive) => archive.file(name),
        }
    }

    /// The content that has this digest, by its name: nothing says yet that it is that.
    pub fn blob(&self, digest: &Digest) -> Result<Blob, ImageError> {
        let found = match self {
            Source::Layout(layout) => layout.blob(digest)?,
            Source::Archive(archive) => archive.file(&blob_path(digest))?,
        };
        found.ok_or_else(|| ImageError::new(digest, "is not there; the image is not complete"))
    }

    /// A document by its descriptor, which is what it says.
    pub fn document(&self, what: &Descriptor, limits: &Limits) -> Result<Vec<u8>, ImageError> {
        self.blob(&what.digest)?
            .verified_document(&what.digest, what.size, limits.document)
    }
}

/// Where the content with this digest is in a layout.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// Opens a file or directory to read; a FIFO does not hold it up.
fn open_quietly(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
}

/// All of a file, where it is a regular one.
pub(crate) fn whole(file: OwnedFd, place: &str) -> Result<Blob, ImageError> {
    let found = fstat(&file).map_err(|errno| ImageError::kernel(place, "looking at it", errno))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(ImageError::new(place, "is not a regular file"));
    }
    let size = u64::try_from(found.st_size).unwrap_or_default();
    Ok(Blob::new(Arc::new(File::from(file)), 0, size))
}

/// What may be meant by the path of something that is not there.
fn meant(path: &str) -> String {
    if let Some((file, tag)) = path.rsplit_once(':') {
        let kind = match Path::new(file).metadata() {
            Ok(found) if found.is_dir() => Some("oci"),
            Ok(found) if found.is_file() => Some("oci-archive"),
            _ => None,
        };
        if let Some(kind) = kind {
            return format!("; what is called {tag} in it is {kind}:{file}:{tag}");
        }
    }
    match path.starts_with(['/', '.']) {
        true => String::new(),
        false => format!(
            "; an image that is in a registry is called docker://{path} (skopeo fetches it)"
        ),
    }
}
