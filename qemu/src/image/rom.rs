// SPDX-License-Identifier: MIT OR Apache-2.0

//! The boot partition as OMAP3's boot ROM reads it: by the bytes, and without following much.

use super::content::FIRST_STAGE;
use super::layout::{Partition, HEADS, SECTORS_PER_TRACK};
use anyhow::{ensure, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

const DIR_ENTRY: usize = 32;
/// Where a directory entry has its attributes, and those that only a piece of a long name has.
const ATTRIBUTES: usize = 11;
const LONG_NAME: u8 = 0x0f;
/// From this value on, an entry of a FAT16 table says that the file ends.
const LAST: u16 = 0xfff8;

/// The fields of the boot sector that matter.
struct BootSector {
    cluster: u64,
    fat: u64,
    root: u64,
}

/// Makes MLO, the only file so far, the first entry of the root directory.
///
/// The FAT crate puts an entry with the long name before every file's own, which is lawful and
/// what a ROM that looks at the first entry only would stumble over.
pub fn make_first(image: &File, partition: &Partition) -> Result<()> {
    let root = partition.bytes().0 + boot_sector(image, partition)?.root;
    let entries = read(image, root, 2 * DIR_ENTRY)?;
    if entries[ATTRIBUTES] == LONG_NAME {
        image.write_all_at(&entries[DIR_ENTRY..], root)?;
        image.write_all_at(&[0; DIR_ENTRY], root + DIR_ENTRY as u64)?;
    }
    Ok(())
}

/// Fails unless MLO is the first entry of the root directory, begins in the first cluster, and
/// has all of its clusters in a row.
pub fn check(image: &File, partition: &Partition) -> Result<()> {
    let start = partition.bytes().0;
    let boot_sector = boot_sector(image, partition)?;
    let entry = read(image, start + boot_sector.root, DIR_ENTRY)?;
    ensure!(
        entry[..11] == short_name(FIRST_STAGE),
        "the first directory entry is {:?}, not {FIRST_STAGE}",
        String::from_utf8_lossy(&entry[..11])
    );
    let first = le16(&entry, 26);
    ensure!(first == 2, "{FIRST_STAGE} begins in cluster {first}, not 2");
    let size = u64::from(le16(&entry, 28)) | u64::from(le16(&entry, 30)) << 16;
    let clusters = size.div_ceil(boot_sector.cluster) as u16;
    let table = read(
        image,
        start + boot_sector.fat,
        2 * usize::from(first + clusters),
    )?;
    for cluster in first..first + clusters {
        let next = le16(&table, 2 * usize::from(cluster));
        let last = cluster == first + clusters - 1;
        ensure!(
            if last {
                next >= LAST
            } else {
                next == cluster + 1
            },
            "{FIRST_STAGE} is in pieces: cluster {next} follows {cluster}"
        );
    }
    Ok(())
}

fn boot_sector(image: &File, partition: &Partition) -> Result<BootSector> {
    let bytes = read(image, partition.bytes().0, 512)?;
    ensure!(
        bytes[510..] == [0x55, 0xaa],
        "partition {}: the boot sector has no signature",
        partition.number
    );
    let hidden = u32::from(le16(&bytes, 0x1c)) | u32::from(le16(&bytes, 0x1e)) << 16;
    for (what, found, wanted) in [
        ("bytes per sector", u32::from(le16(&bytes, 0x0b)), 512),
        (
            "sectors per track",
            u32::from(le16(&bytes, 0x18)),
            u32::from(SECTORS_PER_TRACK),
        ),
        ("heads", u32::from(le16(&bytes, 0x1a)), u32::from(HEADS)),
        ("hidden sectors", hidden, partition.start),
    ] {
        ensure!(
            found == wanted,
            "partition {}: {found} {what}, not {wanted}",
            partition.number
        );
    }
    let bytes_per_sector = u64::from(le16(&bytes, 0x0b));
    let reserved = u64::from(le16(&bytes, 0x0e));
    let fats = u64::from(bytes[0x10]) * u64::from(le16(&bytes, 0x16));
    Ok(BootSector {
        cluster: u64::from(bytes[0x0d]) * bytes_per_sector,
        fat: reserved * bytes_per_sector,
        root: (reserved + fats) * bytes_per_sector,
    })
}

/// `MLO` the way a directory entry has it.
fn short_name(name: &str) -> [u8; 11] {
    let mut short = [b' '; 11];
    short[..name.len()].copy_from_slice(name.as_bytes());
    short
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn read(image: &File, at: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    image.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}
