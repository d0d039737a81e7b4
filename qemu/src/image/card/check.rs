// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading an image back.

use super::content::{FIRST_STAGE, INITRAMFS, KERNEL, SECOND_STAGE};
use super::extlinux::{self, Named};
use super::layout::{self, BOOT, DATA, DATA_LABEL, IMAGE_SIZE, MAX_USED};
use super::{fat, rom};
use anyhow::{ensure, Context, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// What is on a card.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The files of the boot partition, by their paths.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many bytes of the image are in use.
    pub used: u64,
}

/// Opens an image file and checks everything that a board relies on.
pub fn file(path: &Path) -> Result<Found> {
    let check = || -> Result<Found> {
        let image = File::open(path)?;
        let size = image.metadata()?.len();
        ensure!(
            size == IMAGE_SIZE,
            "the image has {size} bytes, not {IMAGE_SIZE}"
        );
        self::image(&image)
    };
    check().with_context(|| format!("{}: not a card image", path.display()))
}

/// The same for an image, or a card with one, that is open already.
pub fn image(image: &File) -> Result<Found> {
    layout::check_table(image)?;
    rom::check(image, &BOOT)?;
    let files = fat::read_files(image, &BOOT)?;
    for name in [FIRST_STAGE, SECOND_STAGE, KERNEL, INITRAMFS] {
        ensure!(files.contains_key(name), "{name}: is missing");
    }
    check_entries(&files)?;
    fat::read_files(image, &DATA)?;
    let (label, data) = fat::usage(image, &DATA)?;
    ensure!(
        label.as_deref() == Some(DATA_LABEL),
        "partition {}: its label is {label:?}, not {DATA_LABEL}",
        DATA.number
    );
    let used = BOOT.bytes().0 + fat::usage(image, &BOOT)?.1 + data;
    ensure!(
        used <= MAX_USED,
        "{used} bytes are in use, more than {MAX_USED}"
    );
    Ok(Found { files, used })
}

/// Every path in extlinux.conf must lead to something, and every entry must name a console.
fn check_entries(files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let text = files
        .get(extlinux::PATH)
        .with_context(|| format!("{}: is missing", extlinux::PATH))?;
    let text = std::str::from_utf8(text).with_context(|| extlinux::PATH.to_owned())?;
    let named = extlinux::named(text);
    ensure!(!named.is_empty(), "{}: names nothing", extlinux::PATH);
    for named in named {
        match named {
            Named::File(name) => ensure!(
                files.contains_key(&name),
                "{}: /{name} is not on the card",
                extlinux::PATH
            ),
            Named::Directory(dir) => ensure!(
                files.keys().any(|name| is_device_tree_in(name, &dir)),
                "{}: no device tree in /{dir}",
                extlinux::PATH
            ),
        }
    }
    for arguments in extlinux::arguments(text) {
        ensure!(
            arguments.contains("console="),
            "{}: an entry without a console",
            extlinux::PATH
        );
    }
    Ok(())
}

fn is_device_tree_in(name: &str, dir: &str) -> bool {
    let path = Path::new(name);
    path.parent() == Some(Path::new(dir)) && path.extension().is_some_and(|ext| ext == "dtb")
}
