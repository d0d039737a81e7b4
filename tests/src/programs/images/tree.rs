// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two trees are the same.

use jaula_tests::check;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is known of each path of a tree.
type Tree = BTreeMap<PathBuf, String>;

/// Fails where two trees differ in more than when they were read last.
pub fn same(one: &str, other: &str) -> CaseResult {
    let (first, second) = (tree(one)?, tree(other)?);
    check!(first.len() > 10, "{one} has {} entries", first.len());
    for (path, said) in &first {
        let there = second.get(path).map_or("nothing", String::as_str);
        check!(
            said == there,
            "{}: {said} in {one}, {there} in {other}",
            path.display()
        );
    }
    let more = second.keys().find(|path| !first.contains_key(*path));
    check!(more.is_none(), "{more:?} is in {other} alone");
    Ok(())
}

fn tree(root: &str) -> Result<Tree, Failure> {
    let root = Path::new(root);
    let mut tree = Tree::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let found = path.symlink_metadata().context(path.display())?;
        let mut said = format!(
            "mode {:o}, owner {}:{}, {} names, changed at {}.{}",
            found.mode(),
            found.uid(),
            found.gid(),
            found.nlink(),
            found.mtime(),
            found.mtime_nsec(),
        );
        if found.is_file() {
            let content = fs::read(&path).context(path.display())?;
            let sum = content.iter().fold(0u64, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
            });
            said += &format!(", {} bytes like {sum}", content.len());
        } else if found.is_symlink() {
            said += &format!(", to {:?}", fs::read_link(&path).context(path.display())?);
        } else if found.is_dir() {
            let entries = fs::read_dir(&path).context(path.display())?;
            left.extend(entries.flatten().map(|entry| entry.path()));
        }
        let path = path.strip_prefix(root).unwrap_or(&path);
        tree.insert(path.to_owned(), said);
    }
    Ok(tree)
}
