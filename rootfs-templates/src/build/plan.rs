// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is to be in a root directory, all of it known before anything is made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::BuildError;
use crate::template::{JailPath, Mode, Usr};

/// The directories in the root that are links where /usr is merged.
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// The most files, directories and links there can be.
const MOST: usize = 1_000_000;

/// Mode and owner of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub mode: Mode,
    pub uid: u32,
    pub gid: u32,
}

impl Attributes {
    /// Owned by 0:0.
    pub fn of_root(mode: Mode) -> Self {
        Attributes {
            mode,
            uid: 0,
            gid: 0,
        }
    }
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory(Attributes),
    /// A file with this in it.
    Text(Attributes, String),
    /// A copy of a file of the host: its real path, its size, and its time where that is kept. It can
    /// be one of the machine, whatever tree others are taken from.
    Copy {
        of_machine: bool,
        attributes: Attributes,
        source: PathBuf,
        size: u64,
        time: Option<SystemTime>,
    },
    Symlink(String),
}

impl Kind {
    /// Bytes in it.
    pub fn size(&self) -> u64 {
        match self {
            Kind::Text(_, text) => text.len() as u64,
            Kind::Copy { size, .. } => *size,
            Kind::Directory(_) | Kind::Symlink(_) => 0,
        }
    }
}

/// Everything, by its path; what is above something comes before it.
pub struct Plan {
    usr: Usr,
    without: BTreeSet<JailPath>,
    entries: BTreeMap<JailPath, Kind>,
    /// Where each file of the host was put first.
    sources: BTreeMap<PathBuf, JailPath>,
}

impl Plan {
    /// Nothing so far.
    pub fn new(usr: Usr, without: &[JailPath]) -> Self {
        let mut plan = Plan {
            usr,
            without: BTreeSet::new(),
            entries: BTreeMap::new(),
            sources: BTreeMap::new(),
        };
        plan.without = without.iter().map(|path| plan.place(path)).collect();
        plan
    }

    /// Where what is meant to lie at a path is to be.
    pub fn place(&self, path: &JailPath) -> JailPath {
        let first = path.inside().iter().next().and_then(|name| name.to_str());
        match (self.usr, first) {
            (Usr::Merged, Some(name)) if MERGED.contains(&name) && path.as_str() != "/" => {
                JailPath::new(&format!("/usr{path}")).unwrap_or_else(|_| path.clone())
            }
            _ => path.clone(),
        }
    }

    /// The same of a path that is not one of a template.
    pub fn place_path(&self, path: &Path) -> PathBuf {
        match JailPath::new(&path.to_string_lossy()) {
            Ok(known) => self.place(&known).as_str().into(),
            Err(_) => path.to_owned(),
        }
    }

    /// What the template says itself: nothing else may be there.
    pub fn put(&mut self, path: &JailPath, kind: Kind) -> Result<(), BuildError> {
        let path = self.place(path);
        match self.entries.get(&path) {
            // Both of what /usr has been merged of.
            Some(there) if *there == kind => Ok(()),
            Some(_) => Err(BuildError::new(path.as_str(), "is to be there twice")),
            None => self.insert(path, kind),
        }
    }

    /// What comes of something that the template says: what is there already stays.
    pub fn put_if_free(&mut self, path: &JailPath, kind: Kind) -> Result<(), BuildError> {
        let path = self.place(path);
        match self.entries.contains_key(&path) {
            true => Ok(()),
            false => self.insert(path, kind),
        }
    }

    fn insert(&mut self, path: JailPath, kind: Kind) -> Result<(), BuildError> {
        if self.is_left_out(&path) {
            return Ok(());
        }
        if self.entries.len() >= MOST {
            return Err(BuildError::new("/", format!("more than {MOST} files")));
        }
        if let Kind::Copy {
            source,
            of_machine: false,
            ..
        } = &kind
        {
            let source = source.clone();
            self.sources.entry(source).or_insert_with(|| path.clone());
        }
        self.entries.insert(path, kind);
        Ok(())
    }

    fn is_left_out(&self, path: &JailPath) -> bool {
        !self.without.is_empty() && ancestors(path).any(|above| self.without.contains(&above))
    }

    /// Whether a path is not to be there.
    pub fn leaves_out(&self, path: &JailPath) -> bool {
        self.is_left_out(&self.place(path))
    }

    /// Whether something is to be there.
    pub fn contains(&self, path: &JailPath) -> bool {
        self.entries.contains_key(&self.place(path))
    }

    /// Where a file of the host is already.
    pub fn copy_of(&self, source: &Path) -> Option<&JailPath> {
        self.sources.get(source)
    }

    /// All of it, with the directories and links that it takes.
    pub fn finish(mut self) -> Result<BTreeMap<JailPath, Kind>, BuildError> {
        let mut missing = BTreeSet::new();
        for path in self.entries.keys() {
            for above in ancestors(path).skip(1) {
                let wrong = |what| {
                    let what = format!("is {what}, and something is below it");
                    Err(BuildError::new(above.as_str(), what))
                };
                match self.entries.get(&above) {
                    Some(Kind::Directory(_)) => {}
                    Some(Kind::Symlink(_)) => return wrong("a symbolic link"),
                    Some(Kind::Text(..) | Kind::Copy { .. }) => return wrong("a file"),
                    None => drop(missing.insert(above)),
                }
            }
        }
        let directory = Kind::Directory(Attributes::of_root(Mode::TRAVERSABLE));
        for path in missing {
            self.entries.insert(path, directory.clone());
        }
        if self.usr == Usr::Merged {
            for name in MERGED {
                let path = |text: String| JailPath::new(&text).ok();
                let (Some(there), Some(here)) =
                    (path(format!("/usr/{name}")), path(format!("/{name}")))
                else {
                    continue;
                };
                if matches!(self.entries.get(&there), Some(Kind::Directory(_))) {
                    let link = Kind::Symlink(format!("usr/{name}"));
                    self.entries.insert(here, link);
                }
            }
        }
        Ok(self.entries)
    }
}

/// A path, and what is above it but for the root.
fn ancestors(path: &JailPath) -> impl Iterator<Item = JailPath> + '_ {
    let inside = Path::new(path.as_str()).ancestors();
    inside.filter_map(|above| JailPath::new(above.to_str()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> JailPath {
        JailPath::new(text).expect("a path")
    }

    fn text(content: &str) -> Kind {
        Kind::Text(Attributes::of_root(Mode::READABLE), content.to_owned())
    }

    #[test]
    fn a_merged_usr_has_links_to_what_is_there() {
        let mut plan = Plan::new(Usr::Merged, &[]);
        plan.put(&path("/bin/sh"), text("sh")).expect("put");
        plan.put(&path("/usr/lib/x"), text("x")).expect("put");
        plan.put(&path("/binary"), text("b")).expect("put");
        assert!(plan.contains(&path("/usr/bin/sh")));
        // The same by both names is no contradiction, something else is one.
        plan.put(&path("/lib/x"), text("x")).expect("the same");
        plan.put(&path("/lib/x"), text("y")).expect_err("another");
        let entries = plan.finish().expect("whole");
        let names: Vec<&str> = entries.keys().map(JailPath::as_str).collect();
        let expected = [
            "/bin",
            "/binary",
            "/lib",
            "/usr",
            "/usr/bin",
            "/usr/bin/sh",
            "/usr/lib",
            "/usr/lib/x",
        ];
        assert_eq!(names, expected);
        assert_eq!(entries[&path("/bin")], Kind::Symlink("usr/bin".into()));
    }

    #[test]
    fn what_is_left_out_is_left_out_with_all_below_it() {
        let mut plan = Plan::new(Usr::Merged, &[path("/lib/big")]);
        plan.put(&path("/usr/lib/big/a/b"), text("")).expect("put");
        plan.put(&path("/usr/lib/bigger"), text("")).expect("put");
        let entries = plan.finish().expect("whole");
        assert!(!entries.contains_key(&path("/usr/lib/big")));
        assert!(entries.contains_key(&path("/usr/lib/bigger")));
    }
}
