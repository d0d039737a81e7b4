// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the jail's user may do with a file, as its mode says.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::accounts::Who;
use crate::host::Host;

/// Reading and executing, as bits of a mode for others.
pub const READ: u32 = 0o4;
pub const WRITE: u32 = 0o2;
pub const EXECUTE: u32 = 0o1;

/// Whether a user may do this with what has this mode.
pub fn may(who: &Who, metadata: &Metadata, wanted: u32) -> bool {
    if who.uid == 0 {
        return true;
    }
    let mode = metadata.mode();
    let bits = match () {
        () if metadata.uid() == who.uid => mode >> 6,
        () if who.groups.contains(&metadata.gid()) => mode >> 3,
        () => mode,
    };
    bits & wanted == wanted
}

/// What a user gets to in a root.
pub struct Access<'a> {
    host: &'a Host,
    who: &'a Who,
}

impl<'a> Access<'a> {
    /// For this user.
    pub fn new(host: &'a Host, who: &'a Who) -> Self {
        Access { host, who }
    }

    /// What keeps the user from doing this with what lies at a path; nothing where that is not there.
    pub fn obstacle(&self, path: &Path, wanted: u32) -> Option<String> {
        let found = self.host.find(path).ok()?;
        for above in found.real.ancestors().skip(1) {
            let directory = self.host.find(above).ok()?;
            if !may(self.who, &directory.metadata, EXECUTE) {
                let mode = directory.metadata.mode() & 0o7777;
                return Some(format!(
                    "user {} cannot enter {} (mode {mode:04o})",
                    self.who.name,
                    above.display()
                ));
            }
        }
        let mode = found.metadata.mode() & 0o7777;
        let what = match wanted & EXECUTE {
            0 => "read",
            _ => "execute",
        };
        (!may(self.who, &found.metadata, wanted))
            .then(|| format!("user {} cannot {what} it (mode {mode:04o})", self.who.name))
    }
}
