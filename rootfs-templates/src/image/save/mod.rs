// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a root directory to an image.

mod compress;
mod container;
mod documents;
mod pax;
mod tree;

use std::os::fd::OwnedFd;
use std::path::Path;

use super::config::Config;
use super::error::ImageError;
use super::platform::Platform;
use container::Container;

pub use compress::Compression;
use documents::Described;
use tree::Packed;

/// A directory that becomes a layer.
#[derive(Debug)]
pub struct Part {
    /// The directory, open to be read.
    pub directory: OwnedFd,
    /// What overlayfs has written over the parts before it, with its own notes of what it hides.
    pub is_upper: bool,
}

/// What the image is to be.
#[derive(Debug)]
pub struct SaveOptions {
    /// What to run in it.
    pub config: Config,
    /// What it is for.
    pub platform: Platform,
    /// What it is called in its index.
    pub tag: Option<String>,
    /// How its layers are compressed.
    pub compression: Compression,
    /// When it was made, in seconds since 1970; the time of the newest file if not given.
    pub created: Option<i64>,
    /// Bytes that all files may have, holes among them.
    pub most: u64,
    /// A directory, and not a file.
    pub layout: bool,
    /// Put it in place of what is there.
    pub replace: bool,
    /// The directory that it is to be in, open; else it is looked up by its path.
    pub above: Option<OwnedFd>,
}

/// What was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The digest of its manifest.
    pub digest: String,
    /// Regular files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Bytes of the layers as they are stored.
    pub stored: u64,
    /// Sockets, which are nothing without who has made them.
    pub sockets_left_out: u64,
    /// Nodes of devices.
    pub devices_left_out: u64,
    /// Directories that something else is mounted on; what is mounted there.
    pub mounts_left_out: u64,
}

/// Saves directories, the lowest first, as an image at `target`: as a directory that is an OCI layout, or
/// the same in a tar file. The same directories make the same bytes.
///
/// # Errors
///
/// What is wrong, and where; nothing is at `target` then that was not there before.
pub fn save(
    parts: &[Part],
    target: &Path,
    options: &SaveOptions,
    progress: &mut dyn FnMut(&Saved),
) -> Result<Saved, ImageError> {
    let mut container = Container::new(target, options)?;
    let mut saved = Saved::default();
    let mut described = Described::default();
    for part in parts {
        let mut packed = Packed::default();
        let stored = container.blob(|output| {
            let layer = compress::Layer::new(output, options.compression);
            packed = tree::pack(part, layer, options.most, &mut saved, progress)?;
            Ok(())
        })?;
        saved.stored += stored.size;
        described.add(stored, packed);
    }
    saved.digest = described.write(&mut container, options)?;
    container.commit()?;
    Ok(saved)
}

#[cfg(test)]
mod tests;
