// SPDX-License-Identifier: MIT OR Apache-2.0

//! /etc/ld.so.cache, the loader's index of libraries.
//!
//! The layout is `struct cache_file_new` of glibc's sysdeps/generic/dl-cache.h: a header of 48
//! bytes, entries of 24, then the strings, all offsets from the start of the header. Files by
//! ldconfig before 2.32 can have it behind an older index.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::host::Host;

/// The largest one, in bytes.
const LARGEST: u64 = 16 << 20;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;

/// Strings can lie in one another, as a name does at the end of its path; but no index has more of
/// them than so many times what it is large.
const MOST_SHARED: usize = 4;

/// One library.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name programs ask for.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// The entries that hold for every processor of a machine; none where there is no cache, as
/// with other C libraries, or where it makes no sense.
pub fn read(host: &Host) -> Vec<Entry> {
    host.read(Path::new("/etc/ld.so.cache"), LARGEST)
        .ok()
        .and_then(|bytes| parse(&bytes))
        .unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Option<Vec<Entry>> {
    let start = bytes
        .windows(MAGIC.len())
        .position(|window| window == MAGIC)?;
    let bytes = &bytes[start..];
    let count = number(bytes, MAGIC.len())?;
    let mut entries = Vec::new();
    let mut left = bytes.len().saturating_mul(MOST_SHARED);
    for index in 0..count {
        let at = HEADER.checked_add(index.checked_mul(ENTRY)?)?;
        // hwcap: a variant for some processors only.
        if bytes
            .get(at + 16..at + ENTRY)?
            .iter()
            .any(|&byte| byte != 0)
        {
            continue;
        }
        let name = string(bytes, number(bytes, at + 4)?)?;
        let path = string(bytes, number(bytes, at + 8)?)?;
        left = left.checked_sub(name.len() + path.len())?;
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            path: OsString::from_vec(path.to_vec()).into(),
        });
    }
    Some(entries)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_ne_bytes(field.try_into().ok()?)).ok()
}

fn string(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at..)?.split(|&byte| byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(&str, &str, u64)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((entries.len() as u32).to_ne_bytes());
        bytes.resize(HEADER, 0);
        let mut strings = Vec::new();
        let base = HEADER + entries.len() * ENTRY;
        for (name, path, hwcap) in entries {
            bytes.extend([0; 4]);
            for text in [name, path] {
                bytes.extend(((base + strings.len()) as u32).to_ne_bytes());
                strings.extend(text.bytes().chain([0]));
            }
            bytes.extend([0; 4]);
            bytes.extend(hwcap.to_ne_bytes());
        }
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn reads_entries_for_every_processor() {
        let bytes = cache(&[("a.so", "/lib/a.so", 0), ("b.so", "/lib/v3/b.so", 2)]);
        let expected = Entry {
            name: "a.so".into(),
            path: "/lib/a.so".into(),
        };
        assert_eq!(parse(&bytes), Some(vec![expected]));
        let behind_an_older_index = [b"ld.so-1.7.0\0\0\0\0\0".to_vec(), bytes].concat();
        assert_eq!(
            parse(&behind_an_older_index).map(|entries| entries.len()),
            Some(1)
        );
    }

    #[test]
    fn a_truncated_cache_is_survived() {
        let bytes = cache(&[("a.so", "/lib/a.so", 0)]);
        for length in 0..bytes.len() {
            parse(&bytes[..length]);
        }
    }

    #[test]
    fn one_long_string_is_not_taken_for_every_entry() {
        let long = "a".repeat(1 << 20);
        let mut bytes = cache(&[("a.so", long.as_str(), 0); 100]);
        assert!(parse(&bytes).is_some());
        // All entries have the path of the first.
        let first = number(&bytes, HEADER + 8).expect("an offset") as u32;
        for entry in 0..100 {
            let at = HEADER + entry * ENTRY + 8;
            bytes[at..at + 4].copy_from_slice(&first.to_ne_bytes());
        }
        bytes.truncate(HEADER + 100 * ENTRY + (2 << 20));
        assert_eq!(parse(&bytes), None);
    }

    #[test]
    fn every_entry_of_this_host_is_a_path() {
        for entry in read(&Host::machine().expect("the machine")) {
            assert!(
                entry.path.is_absolute() && !entry.name.is_empty(),
                "{entry:?}"
            );
        }
    }
}
