// SPDX-License-Identifier: MIT OR Apache-2.0

//! Taking needless long names out of a FAT file system's directories.
//!
//! The FAT crate gives every name a long entry in front of its short one, `.` and `..` too.
//! Those two must not have one (fsck.fat would delete them), and MLO would not be the first
//! entry of its directory, which is where a boot ROM that knows no long names looks.

use super::layout::Partition;
use super::raw::{le16, BootSector, DIRECTORY, DIR_ENTRY};
use anyhow::{ensure, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where a directory entry has its attributes, and those that only a piece of a long name has.
const ATTRIBUTES: usize = 11;
const LONG_NAME: u8 = 0x0f;
/// Where in an entry a piece of a long name is, in bytes.
const PIECES: [std::ops::Range<usize>; 3] = [1..11, 14..26, 28..32];

/// Does so in the root directory, and in the directories below it.
pub fn keep_only_needed(image: &File, partition: &Partition) -> Result<()> {
    let fat = BootSector::read(image, partition)?;
    let root = rewrite(image, fat.root, fat.root_size)?;
    for entry in root.chunks_exact(DIR_ENTRY) {
        if entry[ATTRIBUTES] & DIRECTORY == 0 || entry[ATTRIBUTES] == LONG_NAME {
            continue;
        }
        let cluster = le16(entry, 26);
        ensure!(
            fat.is_last(image, cluster)?,
            "a directory takes more than one cluster"
        );
        rewrite(image, fat.offset(cluster), fat.cluster as usize)?;
    }
    Ok(())
}

fn rewrite(image: &File, at: u64, size: usize) -> Result<Vec<u8>> {
    let mut entries = vec![0; size];
    image.read_exact_at(&mut entries, at)?;
    let mut kept = without_needless(&entries);
    kept.resize(size, 0);
    if kept != entries {
        image.write_all_at(&kept, at)?;
    }
    Ok(kept)
}

/// The entries up to the end of the directory, without the long names that say nothing new.
fn without_needless(entries: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut long: Vec<&[u8]> = Vec::new();
    for entry in entries.chunks_exact(DIR_ENTRY) {
        match (entry[0], entry[ATTRIBUTES]) {
            (0, _) => break,
            (_, LONG_NAME) => {
                long.push(entry);
                continue;
            }
            _ => {}
        }
        let needless = matches!(long[..], [piece] if long_name(piece) == short_name(entry));
        if !needless {
            kept.extend(long.iter().flat_map(|piece| piece.iter()));
        }
        long.clear();
        kept.extend(entry);
    }
    kept
}

fn long_name(entry: &[u8]) -> String {
    let units = PIECES
        .iter()
        .flat_map(|range| entry[range.clone()].chunks_exact(2))
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0);
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn short_name(entry: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (name, extension) = (text(&entry[..8]), text(&entry[8..11]));
    if extension.is_empty() {
        name
    } else {
        format!("{name}.{extension}")
    }
}
