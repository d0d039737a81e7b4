// SPDX-License-Identifier: MIT OR Apache-2.0

//! From an image to a root directory.

mod ahead;
mod attributes;
mod layer;
mod placed;
mod remove;
mod stream;
mod tree;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread;

use rustix::fs::syncfs;
use rustix::io::Errno;

use super::error::ImageError;
use super::open::Image;
use crate::build::stage::Stage;

pub(crate) use attributes::is_kept;
pub(crate) use layer::archive;
pub(crate) use remove::remove;

/// How an image is unpacked.
#[derive(Debug, Default)]
pub struct Options {
    /// The directory that the new one is to be in, open; else it is looked up by its path.
    pub above: Option<OwnedFd>,
    /// Put the new directory in place of one that is there. What was there is kept beside it,
    /// with `.old` after its name.
    pub replace: bool,
    /// Leave nodes of devices out; an image that has one is refused otherwise.
    pub without_devices: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which layer it is at, from 1 on.
    pub layer: usize,
    /// How many there are.
    pub layers: usize,
    /// Bytes that have been read, of all layers as they are stored.
    pub read: u64,
    /// How many there are.
    pub stored: u64,
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Layers.
    pub layers: usize,
    /// Regular files, of all layers.
    pub files: u64,
    /// Directories, of all layers.
    pub directories: u64,
    /// Symbolic links, of all layers.
    pub symlinks: u64,
    /// Further names of files, of all layers.
    pub hardlinks: u64,
    /// Named pipes, of all layers.
    pub fifos: u64,
    /// What a layer takes away of those below it.
    pub whiteouts: u64,
    /// Nodes of devices that were left out.
    pub devices_left_out: u64,
    /// Extended attributes that mean nothing in a root, or something to the host alone.
    pub xattrs_left_out: u64,
    /// Bytes in the files of all layers.
    pub bytes: u64,
}

/// Unpacks an image at `target`, whole or not at all.
///
/// It grows in a directory beside `target`, which only the caller can enter, and is moved there when it
/// is complete. `target` must not exist or be an empty directory, unless `options` says to replace it.
///
/// # Errors
///
/// What is wrong, with the layer and the entry; `target` is then as it was.
pub fn unpack(
    image: &Image,
    target: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, ImageError> {
    unpack_and(image, target, options, progress, |_| ()).map(|(summary, ())| summary)
}

/// The same, and has `look` look at the root before it is at `target`, while it is written to the disk.
///
/// # Errors
///
/// Those of [`unpack`].
pub fn unpack_and<T>(
    image: &Image,
    target: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
    look: impl FnOnce(&OwnedFd) -> T,
) -> Result<(Summary, T), ImageError> {
    let above = options.above.as_ref().map(AsFd::as_fd);
    let stage = Stage::new(target, options.replace, above)?;
    let root = stage.open()?;
    let summary = layer::all(image, &root, options.without_devices, progress)?;
    let (seen, written) = thread::scope(|scope| {
        let written = scope.spawn(|| syncfs(&root));
        (look(&root), written.join())
    });
    written
        .unwrap_or(Err(Errno::IO))
        .map_err(|errno| ImageError::kernel(target.display(), "writing to disk", errno))?;
    stage.commit()?;
    Ok((summary, seen))
}

#[cfg(test)]
mod tests;
