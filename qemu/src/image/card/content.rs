// SPDX-License-Identifier: MIT OR Apache-2.0

//! The files of the boot partition.

use super::{board, extlinux, Parts};
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::Path;

/// The boot loader's first stage, which the boot ROM looks for by this name.
pub const FIRST_STAGE: &str = "MLO";
/// Its second stage, which the first one looks for.
pub const SECOND_STAGE: &str = "u-boot.img";
/// The kernel.
pub const KERNEL: &str = "zImage";
/// The root file system.
pub const INITRAMFS: &str = "initramfs.cpio";

/// A file on the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFile {
    /// Its path from the top of the partition.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// Reads everything, in the order in which it goes to the card.
pub fn gather(parts: &Parts) -> Result<Vec<CardFile>> {
    let mut files = Vec::new();
    let mut add = |name: &str, from: &Path| -> Result<()> {
        let content = fs::read(from)
            .with_context(|| format!("{}: cannot be read for the card", from.display()))?;
        ensure!(
            !content.is_empty(),
            "{}: is empty, and cannot be the card's {name}",
            from.display()
        );
        files.push(CardFile {
            name: name.to_owned(),
            content,
        });
        Ok(())
    };
    // First of all: early boot ROMs read the first directory entry, and no fragments.
    for name in [FIRST_STAGE, SECOND_STAGE] {
        add(name, &parts.firmware.join(name))?;
    }
    add(KERNEL, parts.zimage)?;
    for (name, from) in parts.board.device_trees.iter().zip(parts.device_trees) {
        add(board::name_on_card(name), from)?;
    }
    add(INITRAMFS, parts.initramfs)?;
    files.push(CardFile {
        name: extlinux::PATH.to_owned(),
        content: extlinux::config(parts.board, parts.append).into_bytes(),
    });
    Ok(files)
}
