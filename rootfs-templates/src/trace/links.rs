// SPDX-License-Identifier: MIT OR Apache-2.0

//! The symbolic links by which something can have been reached. Nobody sees a link being followed; but there
//! are not many that lead to what was opened.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::template::{leads_out, JailPath};

/// The most directories that are looked through, and how deep.
const MOST: usize = 1_000_000;
const DEEPEST: usize = 64;

/// Those of the directory itself, which the build makes where they are needed.
const MERGED: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// All links in the file system of the tree that lead to one of these paths, or to a directory that one of
/// them is in, with what they say.
pub fn to(tree: &Host, reached: &BTreeSet<&Path>) -> BTreeMap<JailPath, String> {
    let mut links = BTreeMap::new();
    let above: BTreeSet<&Path> = reached
        .iter()
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|path| *path != Path::new("/"))
        .collect();
    let Ok(root) = tree.find(Path::new("/")) else {
        return links;
    };
    let device = root.metadata.dev();
    let mut left = vec![(PathBuf::from("/"), DEEPEST)];
    let mut looked = 0;
    while let Some((directory, depth)) = left.pop() {
        looked += 1;
        if looked > MOST {
            break;
        }
        for name in tree.names(&directory).unwrap_or_default() {
            let path = directory.join(name);
            let Ok(found) = tree.find_itself(&path) else {
                continue;
            };
            if found.metadata.is_dir() && found.metadata.dev() == device && depth > 0 {
                left.push((path, depth - 1));
            } else if found.metadata.is_symlink() {
                let Ok(target) = tree.find(&path) else {
                    continue;
                };
                let real = target.real.as_path();
                let leads_there = reached.contains(real) || above.contains(real);
                // One that leads to what it lies in leads to itself.
                if leads_there && !path.starts_with(real) {
                    links.extend(link(&path, found.link().ok()));
                }
            }
        }
    }
    links
}

fn link(path: &Path, target: Option<PathBuf>) -> Option<(JailPath, String)> {
    let text = path.to_str().filter(|text| !MERGED.contains(text))?;
    let target = target?;
    let is_within = !leads_out(text, &target);
    let target = target.to_str().filter(|_| is_within)?.to_owned();
    Some((JailPath::new(text).ok()?, target))
}
