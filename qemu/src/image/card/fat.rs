// SPDX-License-Identifier: MIT OR Apache-2.0

//! FAT16 file systems inside of the image.

use super::content::CardFile;
use super::layout::{Partition, HEADS, SECTORS_PER_TRACK};
use anyhow::{ensure, Context, Result};
use fatfs::{
    Date, DateTime, Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider,
};
use fscommon::StreamSlice;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const CLUSTER: u32 = 2048;
/// Where the boot sector has the number of sectors before the partition.
const HIDDEN_SECTORS: u64 = 0x1c;

type Slice<'a> = StreamSlice<&'a File>;
type Fat<'a> = FileSystem<Slice<'a>>;

/// The first day that FAT knows, so that the same files give the same image.
#[derive(Debug)]
struct Always;

impl TimeProvider for Always {
    fn get_current_date(&self) -> Date {
        Date {
            year: 1980,
            month: 1,
            day: 1,
        }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime {
            date: self.get_current_date(),
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        }
    }
}

/// Makes an empty file system in a partition.
pub fn format(image: &File, partition: &Partition, label: Option<&str>) -> Result<()> {
    let mut options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat16)
        .bytes_per_cluster(CLUSTER)
        .total_sectors(partition.sectors)
        .heads(u16::from(HEADS))
        .sectors_per_track(u16::from(SECTORS_PER_TRACK))
        .volume_id(partition.volume_id);
    if let Some(label) = label {
        let mut padded = [b' '; 11];
        ensure!(label.len() <= padded.len(), "{label}: too long for a label");
        padded[..label.len()].copy_from_slice(label.as_bytes());
        options = options.volume_label(padded);
    }
    let cannot = || format!("partition {}: cannot be formatted", partition.number);
    fatfs::format_volume(slice(image, partition)?, options).with_context(cannot)?;
    // The crate knows nothing of partitions, and leaves this at 0.
    let mut boot_sector = slice(image, partition)?;
    boot_sector
        .seek(SeekFrom::Start(HIDDEN_SECTORS))
        .and_then(|_| boot_sector.write_all(&partition.start.to_le_bytes()))
        .with_context(cannot)
}

/// Writes files, in their order, each from the first free cluster on.
pub fn add_files(image: &File, partition: &Partition, files: &[CardFile]) -> Result<()> {
    let fat = open(image, partition)?;
    ensure_room(&fat, partition, files)?;
    for file in files {
        let cannot = || {
            format!(
                "{}: cannot be written to partition {}",
                file.name, partition.number
            )
        };
        let root = fat.root_dir();
        if let Some(dir) = Path::new(&file.name).parent() {
            if !dir.as_os_str().is_empty() {
                root.create_dir(&dir.to_string_lossy())
                    .with_context(cannot)?;
            }
        }
        let mut entry = root.create_file(&file.name).with_context(cannot)?;
        entry.write_all(&file.content).with_context(cannot)?;
        entry.flush().with_context(cannot)?;
    }
    fat.unmount()
        .with_context(|| format!("partition {}: cannot be finished", partition.number))
}

fn ensure_room(fat: &Fat, partition: &Partition, files: &[CardFile]) -> Result<()> {
    let cluster = u64::from(fat.cluster_size());
    let free = u64::from(fat.stats()?.free_clusters()) * cluster;
    // One cluster more each, for the directory that it may be the first in.
    let needed: u64 = files
        .iter()
        .map(|file| (file.content.len() as u64).next_multiple_of(cluster) + cluster)
        .sum();
    let mut largest: Vec<_> = files.iter().collect();
    largest.sort_by_key(|file| std::cmp::Reverse(file.content.len()));
    ensure!(
        needed <= free,
        "the files take {needed} bytes, and partition {} holds {free}; the largest: {}",
        partition.number,
        largest
            .iter()
            .take(3)
            .map(|file| format!("{} ({} bytes)", file.name, file.content.len()))
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(())
}

/// Every file of a partition's file system.
pub fn read_files(image: &File, partition: &Partition) -> Result<BTreeMap<String, Vec<u8>>> {
    let fat = open(image, partition)?;
    ensure!(
        fat.fat_type() == FatType::Fat16,
        "partition {}: is {:?}, not FAT16",
        partition.number,
        fat.fat_type()
    );
    let mut files = BTreeMap::new();
    read_dir(&fat.root_dir(), "", &mut files)
        .with_context(|| format!("partition {}", partition.number))?;
    Ok(files)
}

fn read_dir(dir: &Dir<Slice>, path: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in dir.iter() {
        let entry = entry.with_context(|| format!("/{path}: cannot be listed"))?;
        let name = entry.file_name();
        if name == "." || name == ".." {
            continue;
        }
        let name = format!("{path}{name}");
        if entry.is_dir() {
            read_dir(&entry.to_dir(), &format!("{name}/"), files)?;
            continue;
        }
        let mut content = Vec::new();
        entry
            .to_file()
            .read_to_end(&mut content)
            .with_context(|| format!("/{name}: cannot be read"))?;
        ensure!(
            content.len() as u64 == entry.len(),
            "/{name}: has {} bytes of {}",
            content.len(),
            entry.len()
        );
        files.insert(name, content);
    }
    Ok(())
}

/// The label, and how many bytes are in use, with the file system's own.
pub fn usage(image: &File, partition: &Partition) -> Result<(Option<String>, u64)> {
    let fat = open(image, partition)?;
    let stats = fat.stats()?;
    let free = u64::from(stats.free_clusters()) * u64::from(stats.cluster_size());
    let (start, end) = partition.bytes();
    Ok((fat.read_volume_label_from_root_dir()?, end - start - free))
}

fn open<'a>(image: &'a File, partition: &Partition) -> Result<Fat<'a>> {
    FileSystem::new(
        slice(image, partition)?,
        FsOptions::new().time_provider(&Always),
    )
    .with_context(|| format!("partition {}: no FAT file system", partition.number))
}

fn slice<'a>(image: &'a File, partition: &Partition) -> Result<Slice<'a>> {
    let (start, end) = partition.bytes();
    Ok(StreamSlice::new(image, start, end)?)
}
