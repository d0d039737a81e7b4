// SPDX-License-Identifier: MIT OR Apache-2.0

//! /etc/ld.so.conf: the directories that ldconfig(8) makes the loader's index of.

use std::path::{Path, PathBuf};

use crate::host::Host;

/// The largest of its files, how deep they include each other, how many are read, however often they
/// include each other, and how many directories there are.
const LARGEST: u64 = 1 << 20;
const DEEPEST: usize = 8;
const MOST_FILES: usize = 1000;
const MOST: usize = 1000;

/// The directories that it names, in order; none where there is no such file.
pub fn read(host: &Host) -> Vec<PathBuf> {
    let mut reading = Reading {
        host,
        found: Vec::new(),
        left: MOST_FILES,
    };
    reading.file(Path::new("/etc/ld.so.conf"), DEEPEST);
    reading.found
}

struct Reading<'a> {
    host: &'a Host,
    found: Vec<PathBuf>,
    /// How many files may still be read.
    left: usize,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, depth: usize) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        let Ok(bytes) = self.host.read(path, LARGEST) else {
            return;
        };
        for line in String::from_utf8_lossy(&bytes).lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            match line.split_once(char::is_whitespace) {
                Some(("include", patterns)) if depth > 0 => {
                    for pattern in patterns.split_whitespace() {
                        // Not even a directory is looked into when no file may be read any more.
                        if self.left == 0 {
                            return;
                        }
                        for path in matching(self.host, &path.with_file_name(pattern)) {
                            self.file(&path, depth - 1);
                        }
                    }
                }
                // A word about the kind of the libraries, which nobody needs any more.
                Some(("hwcap", _)) => {}
                _ if line.starts_with('/') => {
                    let names = line.split([':', ',', ' ', '\t']);
                    let names = names.filter(|name| name.starts_with('/'));
                    let directories = names.map(|name| {
                        let name = name.split('=').next().unwrap_or(name);
                        PathBuf::from(name.trim_end_matches('/'))
                    });
                    let room = MOST.saturating_sub(self.found.len());
                    self.found.extend(directories.take(room));
                }
                _ => {}
            }
        }
    }
}

/// The files that a pattern stands for, in whose last part a `*` may be, as it is by custom.
fn matching(host: &Host, pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let Some((start, end)) = name.split_once('*') else {
        return vec![pattern.to_owned()];
    };
    let directory = pattern.parent().unwrap_or(Path::new("/"));
    let names = host.names(directory).unwrap_or_default();
    let fits = |name: &PathBuf| {
        let name = name.to_string_lossy();
        name.len() >= start.len() + end.len()
            && !name.starts_with('.')
            && name.starts_with(start)
            && name.ends_with(end)
    };
    names
        .into_iter()
        .filter(fits)
        .map(|name| directory.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn directories_come_in_the_order_of_the_files() {
        let tree = tempfile::tempdir().expect("temporary directory");
        let etc = tree.path().join("etc");
        fs::create_dir_all(etc.join("ld.so.conf.d")).expect("mkdir");
        let write = |name: &str, text: &str| fs::write(etc.join(name), text).expect("write");
        write("ld.so.conf", "# all\ninclude ld.so.conf.d/*.conf\n/last/\n");
        write("ld.so.conf.d/b.conf", "/b # second\n\n/b2=libc6\n");
        write("ld.so.conf.d/a.conf", "/a\nrelative\n");
        write("ld.so.conf.d/a.off", "/not\n");
        let host = Host::at(tree.path()).expect("the tree");
        let expected = ["/a", "/b", "/b2", "/last"].map(PathBuf::from);
        assert_eq!(read(&host), expected);
        // A file that includes itself ends.
        write("ld.so.conf", "include /etc/ld.so.conf\n/x\n");
        assert_eq!(read(&host).len(), DEEPEST + 1);
        // So does one that does so again and again, which would be read more than a sextillion times.
        write("ld.so.conf", &"include /etc/ld.so.conf\n".repeat(100));
        assert!(read(&host).is_empty());
        write("ld.so.conf", &"/a ".repeat(100_000));
        assert_eq!(read(&host).len(), MOST);
    }
}
