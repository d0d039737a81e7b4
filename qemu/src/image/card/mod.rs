// SPDX-License-Identifier: MIT OR Apache-2.0

//! SD card images that a board boots: made without root, and read back before they are given out.
//!
//! [`write()`] is the whole of it. [`board`] and [`firmware`] say what a board needs, [`content`]
//! gathers the files, [`layout`] and [`fat`] put them on the card, and [`check`] reads the card back
//! and compares.

pub mod board;
pub mod check;
pub mod content;
pub mod extlinux;
pub mod fat;
pub mod firmware;
pub mod layout;
mod raw;
mod rom;
mod short_names;

use super::target::Target;
use anyhow::{bail, Context, Result};
use board::Board;
use content::CardFile;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What a card is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The board that is to boot it.
    pub board: &'a Board,
    /// The directory with the board's `MLO` and `u-boot.img`.
    pub firmware: &'a Path,
    /// The compressed kernel image.
    pub zimage: &'a Path,
    /// The device trees that the board names.
    pub device_trees: &'a [PathBuf],
    /// The initramfs.
    pub initramfs: &'a Path,
    /// Kernel arguments beside the console's.
    pub append: &'a str,
}

/// Makes the card and puts it where `target` says; gives what was found on reading it back.
///
/// The same parts give the same bytes.
pub fn write(target: Target, parts: &Parts) -> Result<check::Found> {
    let files = content::gather(parts)?;
    let work = target.work_file()?;
    let name = target.name();
    fill(work.as_file(), &files).with_context(|| format!("{name}: cannot write the image"))?;
    let found = verify(work.as_file(), &files)
        .with_context(|| format!("{name}: the image does not read back as it was written"))?;
    target.commit(work)?;
    Ok(found)
}

fn fill(image: &File, files: &[CardFile]) -> Result<()> {
    image.set_len(layout::IMAGE_SIZE)?;
    layout::write_table(image)?;
    // No label here: it would take the first directory entry, which is MLO's.
    fat::format(image, &layout::BOOT, None)?;
    fat::add_files(image, &layout::BOOT, files)?;
    short_names::keep_only_needed(image, &layout::BOOT)?;
    fat::format(image, &layout::DATA, Some(layout::DATA_LABEL))?;
    image.sync_all()?;
    Ok(())
}

fn verify(image: &File, files: &[CardFile]) -> Result<check::Found> {
    let found = check::image(image)?;
    for file in files {
        match found.files.get(&file.name) {
            Some(content) if *content == file.content => {}
            Some(_) => bail!("{}: has another content", file.name),
            None => bail!("{}: is missing", file.name),
        }
    }
    if let Some(extra) = found
        .files
        .keys()
        .find(|name| files.iter().all(|file| file.name != **name))
    {
        bail!("{extra}: nobody has put it there");
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
