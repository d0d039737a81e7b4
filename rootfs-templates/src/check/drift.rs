// SPDX-License-Identifier: MIT OR Apache-2.0

//! In what a root is not any more as it was built.
//!
//! What lies in a directory that was made for others than root is theirs, and no concern of this.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::findings::{Finding, Findings, Topic};
use crate::listing::{Entry, Kind, Listing, WalkError};

const ADVICE: &str = "build the root again to have it as it was";

/// What has been seen of what was there.
pub struct Drift<'a> {
    built: &'a Listing,
    seen: BTreeSet<PathBuf>,
    /// The directory whose content is not compared, as far as the walk has come.
    passed: Option<PathBuf>,
}

impl<'a> Drift<'a> {
    /// Nothing so far.
    pub fn new(built: &'a Listing) -> Self {
        Drift {
            built,
            seen: BTreeSet::new(),
            passed: None,
        }
    }

    /// Compares an entry.
    ///
    /// # Errors
    ///
    /// Where it cannot be looked at.
    pub fn look(&mut self, entry: &Entry, findings: &mut Findings) -> Result<(), WalkError> {
        let path = &entry.path;
        if self
            .passed
            .as_ref()
            .is_some_and(|passed| path.starts_with(passed))
        {
            return Ok(());
        }
        let Some(was) = self.built.get(path) else {
            if entry.kind == Kind::Directory {
                self.passed = Some(path.clone());
            }
            let what = "is there and was not built";
            findings.add(Finding::problem(Topic::Drift, path, what, ADVICE));
            return Ok(());
        };
        self.seen.insert(path.clone());
        // What has another size is not read: there may be a lot of it.
        let digest = was.kind == 'f' && was.size == entry.metadata.len();
        let now = entry.item(digest)?;
        let changes = was.changes(&now);
        if !changes.is_empty() {
            let what = format!("was changed: {}", changes.join(", "));
            findings.add(Finding::problem(Topic::Drift, path, what, ADVICE));
        }
        if was.is_data() {
            self.passed = Some(path.clone());
        }
        Ok(())
    }

    /// Says what is not there any more.
    pub fn finish(self, findings: &mut Findings) {
        let mut gone: Option<&Path> = None;
        let mut data: Option<&Path> = None;
        for (path, item) in self.built.iter() {
            let is_below =
                |above: Option<&Path>| above.is_some_and(|above| path.starts_with(above));
            if self.seen.contains(path) {
                if item.is_data() {
                    data = Some(path);
                }
                continue;
            }
            // With a directory goes what is in it, and what is in one of the users' own is theirs.
            if is_below(gone) || is_below(data) {
                continue;
            }
            gone = Some(path);
            let what = "was built and is not there any more";
            findings.add(Finding::problem(Topic::Drift, path, what, ADVICE));
        }
    }
}
