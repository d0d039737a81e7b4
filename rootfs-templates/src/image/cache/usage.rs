// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much room something takes.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes on the disk of all that is at `path`, as du(1) counts them; what cannot be read counts nothing.
pub fn usage(path: &Path) -> u64 {
    let mut seen = HashSet::new();
    let mut left = vec![path.to_owned()];
    let mut sum = 0;
    while let Some(path) = left.pop() {
        let Ok(found) = path.symlink_metadata() else {
            continue;
        };
        if found.nlink() > 1 && !found.is_dir() && !seen.insert((found.dev(), found.ino())) {
            continue;
        }
        sum += found.blocks() * 512;
        if found.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path()));
        }
    }
    sum
}
