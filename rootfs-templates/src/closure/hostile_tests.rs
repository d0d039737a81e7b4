// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files that were made to have whoever reads them work for ever, or remember more than there is room for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;

/// Far more than any of this takes.
const LONG: Duration = Duration::from_secs(120);

/// A program for x86-64 that has these entries, each with a name.
fn elf(entries: &[(u64, String)]) -> Vec<u8> {
    let dynamic = 64 + 2 * 56;
    let strings = dynamic + (entries.len() + 2) * 16;
    let mut texts = Vec::new();
    let mut table = Vec::new();
    // Entries of one name share it.
    let mut known: HashMap<&str, u64> = HashMap::new();
    for (tag, name) in entries {
        let at = *known.entry(name).or_insert_with(|| {
            let at = texts.len() as u64;
            texts.extend(name.bytes().chain([0]));
            at
        });
        table.extend([*tag, at].map(u64::to_le_bytes).concat());
    }
    table.extend([DT_STRTAB, strings as u64].map(u64::to_le_bytes).concat());
    table.extend([0; 16]);
    let size = (strings + texts.len()) as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([3_u16, 62].map(u16::to_le_bytes).concat());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([0_u64, 64, 0].map(u64::to_le_bytes).concat());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend([64_u16, 56, 2, 64, 0, 0].map(u16::to_le_bytes).concat());
    for (kind, at, size) in [
        (PT_LOAD, 0, size),
        (PT_DYNAMIC, dynamic as u64, table.len() as u64),
    ] {
        bytes.extend([kind, 4].map(u32::to_le_bytes).concat());
        let words = [at, at, at, size, size, 8];
        bytes.extend(words.map(u64::to_le_bytes).concat());
    }
    [bytes, table, texts].concat()
}

fn needed(names: impl IntoIterator<Item = String>) -> Vec<(u64, String)> {
    names.into_iter().map(|name| (DT_NEEDED, name)).collect()
}

/// Looks into all programs of a tree in the directory; how much was found, and whether there was too much.
fn look(dir: &TempDir, programs: &[PathBuf]) -> (usize, bool) {
    let host = Host::at(dir.path()).expect("the tree");
    let mut inspector = Inspector::of(&host);
    let began = Instant::now();
    let mut found = 0;
    for program in programs {
        if inspector.is_exhausted() {
            break;
        }
        let closure = inspector.inspect(program).expect("read");
        found += closure.files.len() + closure.missing.len();
        assert!(began.elapsed() < LONG, "it takes {:?}", began.elapsed());
    }
    (found, inspector.is_exhausted())
}

#[test]
fn a_file_has_one_search_path_however_often_it_names_one() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let deep: PathBuf = (0..15).map(|_| "d".repeat(200)).collect();
    fs::create_dir_all(dir.path().join(&deep)).expect("mkdir");
    let path = "$ORIGIN:".repeat(500);
    let rpaths = (0..3000).map(|_| (DT_RPATH, path.clone()));
    let mut entries: Vec<_> = rpaths.collect();
    entries.extend(needed((0..1000).map(|n| format!("lib{n}"))));
    let program = deep.join("program");
    fs::write(dir.path().join(&program), elf(&entries)).expect("write");
    let (found, _) = look(&dir, &[Path::new("/").join(program)]);
    assert!(found <= 1000, "{found}");
}

#[test]
fn a_library_that_is_many_is_looked_into_so_often_and_no_more() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(dir.path().join("lib")).expect("mkdir");
    let names = || (0..4000).map(|n| format!("lib{n}"));
    let file = dir.path().join("lib/lib0");
    fs::write(&file, elf(&needed(names()))).expect("write");
    for name in names().skip(1) {
        fs::hard_link(&file, dir.path().join("lib").join(name)).expect("link");
    }
    let programs: Vec<PathBuf> = names().map(|name| Path::new("/lib").join(name)).collect();
    let (_, is_too_much) = look(&dir, &programs);
    assert!(is_too_much);
}

#[test]
fn names_are_no_longer_together_than_those_of_any_program() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let long = |n: usize| format!("{n}{}", "x".repeat(4000));
    let host = Host::at(dir.path()).expect("the tree");
    let read = |count: usize| {
        let bytes = elf(&needed((0..count).map(long)));
        fs::write(dir.path().join("program"), bytes).expect("write");
        let found = host.find(Path::new("/program")).expect("there");
        Object::read(&found).map(|object| object.needed.len())
    };
    assert_eq!(read(60).expect("few"), 60);
    let error = read(70).expect_err("many").to_string();
    assert!(error.contains("too long together"), "{error}");
}
