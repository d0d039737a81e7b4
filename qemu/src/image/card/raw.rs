// SPDX-License-Identifier: MIT OR Apache-2.0

//! A FAT16 file system by its bytes, for what the FAT crate does not tell.

use super::layout::{Partition, HEADS, SECTOR, SECTORS_PER_TRACK};
use anyhow::{ensure, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Size of a directory entry.
pub const DIR_ENTRY: usize = 32;
/// The attribute of a directory.
pub const DIRECTORY: u8 = 0x10;
/// From this value on, an entry of a FAT16 table says that the file ends.
const LAST: u16 = 0xfff8;

/// Where things are in a file system: byte offsets in the image.
pub struct BootSector {
    /// Bytes in a cluster.
    pub cluster: u64,
    /// The first table.
    fat: u64,
    /// The root directory.
    pub root: u64,
    /// Bytes that it takes.
    pub root_size: usize,
}

impl BootSector {
    /// Reads it; fails unless it fits the partition and the card's geometry.
    pub fn read(image: &File, partition: &Partition) -> Result<Self> {
        let start = partition.bytes().0;
        let mut bytes = [0; SECTOR as usize];
        image.read_exact_at(&mut bytes, start)?;
        ensure!(
            bytes[510..] == [0x55, 0xaa],
            "partition {}: the boot sector has no signature",
            partition.number
        );
        for (what, found, wanted) in [
            ("bytes per sector", le16(&bytes, 0x0b).into(), SECTOR as u32),
            (
                "sectors per track",
                le16(&bytes, 0x18).into(),
                u32::from(SECTORS_PER_TRACK),
            ),
            ("heads", le16(&bytes, 0x1a).into(), u32::from(HEADS)),
            ("hidden sectors", le32(&bytes, 0x1c), partition.start),
        ] {
            ensure!(
                found == wanted,
                "partition {}: {found} {what}, not {wanted}",
                partition.number
            );
        }
        ensure!(
            bytes[0x0d].is_power_of_two(),
            "partition {}: {} sectors per cluster",
            partition.number,
            bytes[0x0d]
        );
        let reserved = u64::from(le16(&bytes, 0x0e));
        let tables = u64::from(bytes[0x10]) * u64::from(le16(&bytes, 0x16));
        Ok(Self {
            cluster: u64::from(bytes[0x0d]) * SECTOR,
            fat: start + reserved * SECTOR,
            root: start + (reserved + tables) * SECTOR,
            root_size: usize::from(le16(&bytes, 0x11)) * DIR_ENTRY,
        })
    }

    /// Where a cluster begins.
    pub fn offset(&self, cluster: u16) -> u64 {
        self.root + self.root_size as u64 + u64::from(cluster.saturating_sub(2)) * self.cluster
    }

    /// What the table says of a cluster: the number of the one that follows, as a rule.
    pub fn next(&self, image: &File, cluster: u16) -> Result<u16> {
        let mut entry = [0; 2];
        image.read_exact_at(&mut entry, self.fat + 2 * u64::from(cluster))?;
        Ok(u16::from_le_bytes(entry))
    }

    /// Whether a file ends with this cluster.
    pub fn is_last(&self, image: &File, cluster: u16) -> Result<bool> {
        Ok(self.next(image, cluster)? >= LAST)
    }
}

/// Two bytes of the file system as a number.
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes of the file system as a number.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from(le16(bytes, at)) | u32::from(le16(bytes, at + 2)) << 16
}
