// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where things are on the card: the partition table of the master boot record.
//!
//! OMAP3's boot ROM wants a table that fits the geometry of 255 heads and 63 sectors, with
//! partitions on track and cylinder boundaries, as disks used to have it.

use anyhow::{ensure, Context, Result};
use mbrman::{MBRHeader, MBRPartitionEntry, BOOT_ACTIVE, BOOT_INACTIVE, CHS};
use std::fs::File;
use std::io::{Seek, SeekFrom};

/// Bytes in a sector.
pub const SECTOR: u64 = 512;
/// Size of the image. QEMU takes only powers of two for an SD card.
pub const IMAGE_SIZE: u64 = 128 << 20;
/// How much of it may be in use.
pub const MAX_USED: u64 = 64 << 20;
/// Heads of the geometry.
pub const HEADS: u8 = 255;
/// Sectors of a track.
pub const SECTORS_PER_TRACK: u8 = 63;
/// The name of the second partition's file system.
pub const DATA_LABEL: &str = "JAULA-DATA";

const CYLINDER: u32 = HEADS as u32 * SECTORS_PER_TRACK as u32;
const CYLINDERS: u16 = 16;
/// Fixed, so that the same parts give the same image.
const DISK_SIGNATURE: [u8; 4] = *b"JAUL";

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1.
    pub number: usize,
    /// The first sector.
    pub start: u32,
    /// How many sectors.
    pub sectors: u32,
    /// The type byte.
    pub kind: u8,
    /// Whether it has the boot flag.
    pub bootable: bool,
    /// The serial number of its file system.
    pub volume_id: u32,
}

/// What the boot ROM, U-Boot and the kernel are read from: after one track, up to the end of
/// cylinder 7.
pub const BOOT: Partition = Partition {
    number: 1,
    start: SECTORS_PER_TRACK as u32,
    sectors: 8 * CYLINDER - SECTORS_PER_TRACK as u32,
    kind: 0x0c, // FAT, LBA
    bootable: true,
    volume_id: 0x4a41_0001,
};

/// What the user writes: cylinders 8 to 15.
pub const DATA: Partition = Partition {
    number: 2,
    start: 8 * CYLINDER,
    sectors: (CYLINDERS as u32 - 8) * CYLINDER,
    kind: 0x0e, // FAT16, LBA
    bootable: false,
    volume_id: 0x4a41_0002,
};

impl Partition {
    /// The first byte and the first one after it.
    pub fn bytes(&self) -> (u64, u64) {
        let start = u64::from(self.start) * SECTOR;
        (start, start + u64::from(self.sectors) * SECTOR)
    }

    fn entry(&self) -> Result<MBRPartitionEntry> {
        let chs = |sector| {
            CHS::from_lba_exact(sector, CYLINDERS, HEADS, SECTORS_PER_TRACK)
                .with_context(|| format!("partition {}: geometry", self.number))
        };
        Ok(MBRPartitionEntry {
            boot: if self.bootable {
                BOOT_ACTIVE
            } else {
                BOOT_INACTIVE
            },
            first_chs: chs(self.start)?,
            sys: self.kind,
            last_chs: chs(self.start + self.sectors - 1)?,
            starting_lba: self.start,
            sectors: self.sectors,
        })
    }
}

/// Writes the partition table.
pub fn write_table(mut image: &File) -> Result<()> {
    let mut header = MBRHeader::new(DISK_SIGNATURE);
    for partition in [BOOT, DATA] {
        header[partition.number] = partition.entry()?;
    }
    image.seek(SeekFrom::Start(0))?;
    header.write_into(&mut image).context("partition table")
}

/// Fails unless the partition table is the one that [`write_table`] makes.
pub fn check_table(mut image: &File) -> Result<()> {
    image.seek(SeekFrom::Start(0))?;
    let header = MBRHeader::read_from(&mut image).context("partition table")?;
    for partition in [BOOT, DATA] {
        let (wanted, found) = (partition.entry()?, &header[partition.number]);
        ensure!(
            *found == wanted,
            "partition {}: is {found:?}, not {wanted:?}",
            partition.number
        );
    }
    for (number, entry) in header.iter().skip(2) {
        ensure!(entry.is_unused(), "partition {number}: is in use");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_end_on_cylinders_and_fit() -> Result<()> {
        for partition in [BOOT, DATA] {
            let entry = partition.entry()?;
            assert_eq!(entry.last_chs.head, HEADS - 1);
            assert_eq!(entry.last_chs.sector, SECTORS_PER_TRACK);
            assert!(partition.bytes().1 <= IMAGE_SIZE);
        }
        assert_eq!(BOOT.start, 63);
        assert_eq!(BOOT.bytes().1, DATA.bytes().0);
        assert!(IMAGE_SIZE.is_power_of_two());
        Ok(())
    }
}
