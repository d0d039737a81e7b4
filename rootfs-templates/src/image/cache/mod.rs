// SPDX-License-Identifier: MIT OR Apache-2.0

//! What has been fetched or built once, for the next time.
//!
//! | path | what is there |
//! | --- | --- |
//! | `blobs/sha256/DIGITS` | content of images, by its digest, shared by all |
//! | `images/KEY` | an OCI layout without content of its own: what a reference led to |
//! | `roots/KEY/root` | a root directory that is only read; `about.json` beside it says of what it was made |
//!
//! What has a name here is whole: it grows beside its place, and is moved there. Who uses something
//! holds a lock of it, which ends with the process, however that ends; what is in use is not removed.

mod clean;
mod fetch;
mod lock;
mod roots;
mod usage;

use std::fs::{self, DirBuilder};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::parse;
use super::error::ImageError;
use super::layout::Layout;
use super::limits::Limits;
use super::open::{of_layout, open_for, Image};
use super::platform::Platform;
use super::reference::Reference;
use super::source::Source;

pub use clean::{Kind, Listed};
pub use roots::{About, Root, ABOUT};

/// Where it is, if nothing else is said.
pub const CACHE: &str = "/var/cache/jaula";

/// When something is fetched that has been fetched before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// Never: what is there is taken.
    #[default]
    Missing,
    /// Each time: what a name stands for may have changed.
    Always,
}

/// An open cache.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
}

impl Cache {
    /// Opens the one at `path`, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// Those of making it; and where others could change what is in it.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let cache = Cache {
            path: path.to_owned(),
        };
        make(path)?;
        for name in ["blobs", "images", "roots"] {
            make(&cache.path.join(name))?;
        }
        Ok(cache)
    }

    /// The image that is called so: one of this machine's files, or one that is fetched, or has been.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and why it could not be fetched.
    pub fn image(
        &self,
        reference: &Reference,
        platform: &Platform,
        limits: &Limits,
        pull: Pull,
    ) -> Result<Image, ImageError> {
        let Reference::Fetched(name) = reference else {
            return open_for(reference, platform, limits);
        };
        let blobs = self.path.join("blobs");
        // Held as long as the image is: what is in use is not removed.
        let lock = lock::shared(&blobs)?;
        let (images, key) = (self.path.join("images"), fetch::key(name, platform));
        let target = images.join(&key);
        let making = self.making(&images, &key)?;
        if pull == Pull::Always || !target.is_dir() {
            fetch::fetch(name, platform, &target, &blobs)?;
        }
        let open = |path: &Path| {
            let opened = fs::File::open(path);
            opened.map_err(ImageError::io(path.display()))
        };
        let layout = Layout::sharing(open(&target)?.into(), open(&blobs)?.into());
        let image = of_layout(Source::Layout(layout), None, platform, limits);
        let mut image = image.map_err(|error| error.within(name))?;
        // Until its documents have been read, nobody puts others in their place.
        drop(making);
        image.lock = Some(Arc::new(lock));
        Ok(image)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a directory that root alone enters, or sees that it is one that root alone changes.
fn make(path: &Path) -> Result<(), ImageError> {
    let failed = ImageError::io(path.display());
    if path.symlink_metadata().is_err() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(ImageError::io(path.display()))?;
    }
    let found = path.symlink_metadata().map_err(failed)?;
    let own = found.uid() == nix::unistd::geteuid().as_raw();
    let reason = match found.mode() & 0o022 == 0 {
        _ if found.is_symlink() => {
            "is a symbolic link, which is not followed; mount what it leads to there (mount --bind)"
        }
        _ if !found.is_dir() => "is not a directory; remove it",
        true if own => return Ok(()),
        _ => "can be changed by somebody else (chown root, chmod go-w)",
    };
    Err(ImageError::new(path.display(), reason))
}

/// Sees to it that all is on the disk before it has a name.
fn on_disk(directory: impl AsFd, target: &Path) -> Result<(), ImageError> {
    let written = rustix::fs::syncfs(directory);
    written.map_err(|errno| ImageError::kernel(target.display(), "writing to disk", errno))
}

/// Reads what was written by the same program.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ImageError> {
    let bytes = fs::read(path).map_err(ImageError::io(path.display()))?;
    parse(&path.display().to_string(), &bytes)
}

#[cfg(test)]
mod tests;
