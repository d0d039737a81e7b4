// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links: those that lead out of the root, and those that lead nowhere.

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

/// How many files with several names are kept in mind.
const MOST: usize = 1_000_000;

/// All links of a root.
pub struct Links<'a> {
    host: &'a Host,
    /// By number: how many names a file has, how many were seen, and the first.
    names: HashMap<u64, (u64, u64, PathBuf)>,
}

impl<'a> Links<'a> {
    /// None so far.
    pub fn new(host: &'a Host) -> Self {
        Links {
            host,
            names: HashMap::new(),
        }
    }

    /// Looks at an entry.
    pub fn look(&mut self, entry: &Entry, findings: &mut Findings) {
        match entry.kind {
            Kind::Symlink => self.symlink(entry, findings),
            Kind::File if entry.metadata.nlink() > 1 && self.names.len() < MOST => {
                let known = self.names.entry(entry.metadata.ino());
                let known = known.or_insert((entry.metadata.nlink(), 0, entry.path.clone()));
                known.1 += 1;
            }
            _ => {}
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
