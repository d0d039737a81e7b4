// SPDX-License-Identifier: MIT OR Apache-2.0

//! The partitions of a disk: GPT, an EFI system partition and the root file system.

use anyhow::{ensure, Context, Result};
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition_types::{EFI, LINUX_ROOT_X64};
use gpt::GptConfig;
use std::fs::File;
use std::ops::Range;
use uuid::Uuid;

/// Size of a disk unless another is asked for.
pub const SIZE: u64 = 4 << 30;
/// What Debian takes, with some room to work in.
pub const MIN_SIZE: u64 = 2 << 30;

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;
const ESP_SIZE: u64 = 64 * MIB;

/// Where the partitions are, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The EFI system partition.
    pub esp: Range<u64>,
    /// The root file system.
    pub root: Range<u64>,
}

/// Writes the partition table of an empty disk. The root file system gets all that is left.
pub fn write(disk: &File) -> Result<Layout> {
    let size = disk.metadata()?.len();
    ensure!(
        size >= MIN_SIZE && size % MIB == 0,
        "a disk of {size} bytes: it takes {} MiB, and whole ones",
        MIN_SIZE / MIB
    );
    let sectors = u32::try_from(size / SECTOR - 1).unwrap_or(u32::MAX);
    let mut device = disk;
    ProtectiveMBR::with_lb_size(sectors)
        .overwrite_lba0(&mut device)
        .context("partition table")?;
    let mut table = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(device, Some(Uuid::new_v4()))
        .context("partition table")?;
    let mut add = |name, bytes, kind| -> Result<Range<u64>> {
        let number = table
            .add_partition(name, bytes, kind, 0, Some(MIB / SECTOR))
            .with_context(|| format!("partition {name}"))?;
        let partition = &table.partitions()[&number];
        Ok(partition.first_lba * SECTOR..(partition.last_lba + 1) * SECTOR)
    };
    let esp = add("EFI", ESP_SIZE, EFI)?;
    // The copy of the table at the end takes less than one.
    let root = add("root", size - esp.end - MIB, LINUX_ROOT_X64)?;
    table.write().context("partition table")?;
    Ok(Layout { esp, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_aligned_and_fill_the_disk() -> Result<()> {
        let disk = tempfile::tempfile()?;
        disk.set_len(SIZE)?;
        let layout = write(&disk)?;
        assert_eq!(layout.esp, MIB..65 * MIB);
        assert_eq!(layout.root, 65 * MIB..SIZE - MIB);
        let table = GptConfig::new().open_from_device(&disk)?;
        let kinds: Vec<_> = table
            .partitions()
            .values()
            .map(|partition| partition.part_type_guid.clone())
            .collect();
        assert_eq!(kinds, [EFI, LINUX_ROOT_X64]);
        Ok(())
    }

    #[test]
    fn a_disk_that_is_too_small_is_refused() -> Result<()> {
        let disk = tempfile::tempfile()?;
        for size in [0, MIN_SIZE - MIB, SIZE + 1] {
            disk.set_len(size)?;
            assert!(write(&disk).is_err(), "{size}");
        }
        Ok(())
    }
}
