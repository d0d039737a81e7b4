// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links: those that lead out of the root, and those that lead nowhere.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::findings::{Finding, Findings, Topic};
use crate::host::Host;
use crate::listing::{Entry, Kind};
use crate::template::leads_out;

/// Where a jail has what a root has not.
const MOUNTED: [&str; 5] = ["/proc", "/dev", "/sys", "/run", "/tmp"];

/// How many files with several names are kept in mind, and bytes of their paths.
const MOST: usize = 1_000_000;
const MOST_BYTES: usize = 64 << 20;

/// All links of a root.
pub struct Links<'a> {
    host: &'a Host,
    /// By number: how many names a file has, how many were seen, and the first.
    names: HashMap<u64, (u64, u64, PathBuf)>,
    bytes: usize,
}

impl<'a> Links<'a> {
    /// None so far.
    pub fn new(host: &'a Host) -> Self {
        Links {
            host,
            names: HashMap::new(),
            bytes: 0,
        }
    }

    /// Looks at an entry.
    pub fn look(&mut self, entry: &Entry, findings: &mut Findings) {
        match entry.kind {
            Kind::Symlink => self.symlink(entry, findings),
            Kind::File if entry.metadata.nlink() > 1 => self.count(entry),
            _ => {}
        }
    }

    fn count(&mut self, entry: &Entry) {
        let is_room = self.names.len() < MOST && self.bytes < MOST_BYTES;
        match self.names.entry(entry.metadata.ino()) {
            Occupied(mut known) => known.get_mut().1 += 1,
            Vacant(new) if is_room => {
                self.bytes += entry.path.as_os_str().len();
                new.insert((entry.metadata.nlink(), 1, entry.path.clone()));
            }
            Vacant(_) => {}
        }
    }

    fn symlink(&self, entry: &Entry, findings: &mut Findings) {
        let Ok(target) = entry.target() else {
            return;
        };
        let target = Path::new(&target);
        let shown = target.display();
        if leads_out(&entry.path.to_string_lossy(), target) {
            findings.add(Finding::problem(
                Topic::Link,
                &entry.path,
                format!("leads out of the root, to {shown}"),
                "in the jail it ends at the root; give the path as seen there, or remove it",
            ));
            return;
        }
        let whole = entry.path.parent().unwrap_or(Path::new("/")).join(target);
        if MOUNTED.iter().any(|mounted| whole.starts_with(mounted)) {
            return;
        }
        let what = match self
            .host
            .find_itself(&entry.path)
            .and(self.host.find(&entry.path))
        {
            Err(error) if error.kind() == ErrorKind::NotFound => "and nothing is there",
            Err(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => "and back to itself",
            _ => return,
        };
        findings.add(Finding::note(
            Topic::Link,
            &entry.path,
            format!("leads to {shown}, {what}"),
            "",
        ));
    }

    /// A file whose names are not all in the root has another outside of it, or had one that was
    /// looked at while it was moved.
    pub fn finish(self, findings: &mut Findings) {
        let mut outside: Vec<_> = self
            .names
            .into_values()
            .filter(|(all, seen, _)| seen < all)
            .collect();
        outside.sort_by(|one, other| one.2.cmp(&other.2));
        for (all, seen, path) in outside {
            findings.add(Finding::problem(
                Topic::HardLink,
                &path,
                format!("has {all} names, and {seen} of them in the root: who writes to it changes a file outside"),
                "put a copy in its place",
            ));
        }
    }
}
