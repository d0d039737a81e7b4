// SPDX-License-Identifier: MIT OR Apache-2.0

//! The boot partition as OMAP3's boot ROM reads it: by the bytes, and without following much.

use super::content::FIRST_STAGE;
use super::layout::Partition;
use super::raw::{le16, le32, BootSector, DIRECTORY, DIR_ENTRY};
use anyhow::{ensure, Context, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Fails unless MLO is the first entry of the root directory, begins in the first cluster, and
/// has all of its clusters in a row.
pub fn check(image: &File, partition: &Partition) -> Result<()> {
    let fat = BootSector::read(image, partition)?;
    let mut entry = [0; DIR_ENTRY];
    image.read_exact_at(&mut entry, fat.root)?;
    ensure!(
        entry[..11] == short_name(FIRST_STAGE),
        "the first directory entry is {:?}, not {FIRST_STAGE}",
        String::from_utf8_lossy(&entry[..11])
    );
    let first = le16(&entry, 26);
    ensure!(first == 2, "{FIRST_STAGE} begins in cluster {first}, not 2");
    let size = u64::from(le32(&entry, 28));
    let clusters = u16::try_from(size.div_ceil(fat.cluster)).unwrap_or(u16::MAX);
    let end = first.checked_add(clusters);
    let end = end.filter(|end| *end > first);
    let end = end.with_context(|| format!("{FIRST_STAGE} has {size} bytes"))?;
    for cluster in first..end {
        let next = fat.next(image, cluster)?;
        ensure!(
            if cluster == end - 1 {
                fat.is_last(image, cluster)?
            } else {
                next == cluster + 1
            },
            "{FIRST_STAGE} is in pieces: cluster {next} follows {cluster}"
        );
    }
    check_directories(image, &fat)
}

/// Every directory below the root begins with `.` and `..`.
fn check_directories(image: &File, fat: &BootSector) -> Result<()> {
    let mut root = vec![0; fat.root_size];
    image.read_exact_at(&mut root, fat.root)?;
    let directories = root
        .chunks_exact(DIR_ENTRY)
        // A piece of a long name has the bits of several attributes at once.
        .filter(|entry| entry[0] != 0 && entry[11] & 0x3f == DIRECTORY);
    for directory in directories {
        let name = String::from_utf8_lossy(&directory[..8])
            .trim_end()
            .to_owned();
        let mut entries = [0; 2 * DIR_ENTRY];
        image.read_exact_at(&mut entries, fat.offset(le16(directory, 26)))?;
        ensure!(
            entries[..11] == short_name(".") && entries[DIR_ENTRY..][..11] == short_name(".."),
            "directory {name} does not begin with `.` and `..`"
        );
    }
    Ok(())
}

/// A name the way a directory entry has it.
fn short_name(name: &str) -> [u8; 11] {
    let mut short = [b' '; 11];
    short[..name.len()].copy_from_slice(name.as_bytes());
    short
}
