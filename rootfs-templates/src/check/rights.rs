// SPDX-License-Identifier: MIT OR Apache-2.0

//! What gives somebody more than he should have.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::access::{may, WRITE};
use super::accounts::Who;
use super::findings::{Finding, Findings, Topic};
use crate::listing::{Entry, Kind, Listing};

/// Where nothing is for users to change.
const SYSTEM: [&str; 8] = [
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/etc", "/boot",
];

const STICKY: u32 = 0o1000;
const FOR_ALL: u32 = 0o002;

/// The rights that files give.
pub struct Rights<'a> {
    who: &'a Who,
    built: Option<&'a Listing>,
    /// The directory that is the users' own, as far as the walk has come.
    own: Option<PathBuf>,
}

impl<'a> Rights<'a> {
    /// For this user; what was built so is meant so.
    pub fn new(who: &'a Who, built: Option<&'a Listing>) -> Self {
        Rights {
            who,
            built,
            own: None,
        }
    }

    /// Looks at an entry.
    pub fn look(&mut self, entry: &Entry, findings: &mut Findings) {
        match entry.kind {
            Kind::File => self.privileged(entry, findings),
            Kind::Directory => {}
            Kind::Symlink | Kind::Other(_) => return,
        }
        self.writable(entry, findings);
    }

    fn privileged(&self, entry: &Entry, findings: &mut Findings) {
        let mode = entry.metadata.mode();
        let capability = entry.attributes().contains_key("security.capability");
        let what = match mode & 0o6000 {
            0 if capability => "gives capabilities to who executes it".to_owned(),
            0 => return,
            _ => format!(
                "is set-user-ID or set-group-ID (mode {:04o})",
                mode & 0o7777
            ),
        };
        // Where it is not known what was meant, it is only said.
        let add = match self.built.is_none() || self.was_built_so(entry) {
            true => Finding::note,
            false => Finding::problem,
        };
        findings.add(add(
            Topic::SetId,
            &entry.path,
            what,
            "it does nothing in a jail, and what it says for who gets there outside of one: chmod ug-s, \
             setcap -r",
        ));
    }

    fn was_built_so(&self, entry: &Entry) -> bool {
        let item = self.built.and_then(|built| built.get(&entry.path));
        item.is_some_and(|item| {
            item.mode == entry.metadata.mode() & 0o7777 && item.uid == entry.metadata.uid()
        })
    }

    fn writable(&mut self, entry: &Entry, findings: &mut Findings) {
        if self
            .own
            .as_ref()
            .is_some_and(|own| entry.path.starts_with(own))
        {
            return;
        }
        let mode = entry.metadata.mode();
        let is_directory = entry.kind == Kind::Directory;
        if is_directory && self.is_own(entry) {
            self.own = Some(entry.path.clone());
            return;
        }
        if is_directory && mode & FOR_ALL != 0 && mode & STICKY == 0 {
            findings.add(Finding::problem(
                Topic::Writable,
                &entry.path,
                format!(
                    "everybody may write there, and remove what is another's (mode {:04o})",
                    mode & 0o7777
                ),
                "chmod o-w, or +t",
            ));
            return;
        }
        if self.who.uid == 0 || !may(self.who, &entry.metadata, WRITE) {
            return;
        }
        let is_system = entry.path == Path::new("/")
            || SYSTEM.iter().any(|system| entry.path.starts_with(system));
        let add = match is_system {
            true => Finding::problem,
            false => Finding::note,
        };
        let what = match is_directory {
            true => "can write there",
            false => "can write to it",
        };
        findings.add(add(
            Topic::Writable,
            &entry.path,
            format!("user {} {what} (mode {:04o})", self.who.name, mode & 0o7777),
            "chown root, chmod go-w",
        ));
    }

    /// A directory that is for this: everybody's, the user's home, or one that was built for somebody.
    fn is_own(&self, entry: &Entry) -> bool {
        let mode = entry.metadata.mode();
        let everybodys = mode & FOR_ALL != 0 && mode & STICKY != 0;
        let home = self.who.home != "/" && entry.path == Path::new(&self.who.home);
        let item = self.built.and_then(|built| built.get(&entry.path));
        everybodys || home || item.is_some_and(|item| item.is_data())
    }
}
