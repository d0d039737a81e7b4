// SPDX-License-Identifier: MIT OR Apache-2.0

//! What has come from the current layer.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// The paths of a layer and of the directories that they are in.
///
/// A hash of each is enough, and a layer of a million entries no burden: it is keyed with a number that
/// nobody knows who makes a layer.
pub struct Placed {
    key: RandomState,
    /// None where there is no other layer yet.
    paths: Option<HashSet<u64>>,
}

impl Placed {
    /// Nothing is, and everything that is there will be from this layer where it is the first.
    pub fn new(first: bool) -> Self {
        Placed {
            key: RandomState::new(),
            paths: (!first).then(HashSet::new),
        }
    }

    /// Whether all there is can only be from this layer.
    pub fn is_first(&self) -> bool {
        self.paths.is_none()
    }

    pub fn add(&mut self, path: &Path) {
        let Some(paths) = &mut self.paths else {
            return;
        };
        // Where one is there, so are those above it.
        for path in path.ancestors() {
            if !paths.insert(self.key.hash_one(path.as_os_str())) {
                break;
            }
        }
    }

    /// Adds `path` alone, where neither it nor a directory that it is in has been; false where one has.
    pub fn add_below_none(&mut self, path: &Path) -> bool {
        if path.ancestors().any(|path| self.has(path)) {
            return false;
        }
        if let Some(paths) = &mut self.paths {
            paths.insert(self.key.hash_one(path.as_os_str()));
        }
        true
    }

    pub fn has(&self, path: &Path) -> bool {
        let hash = || self.key.hash_one(path.as_os_str());
        self.paths
            .as_ref()
            .is_none_or(|paths| paths.contains(&hash()))
    }
}
