// SPDX-License-Identifier: MIT OR Apache-2.0

//! A template from what a program was seen to do: what it opened, and what it wrote.
//!
//! What it opened is told by a program, and so is no more than a list of wishes: each path is looked up
//! again in the tree that the program saw, and what not everybody may read there is not taken unless
//! somebody has asked for it.

mod links;
mod private;
mod text;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::build::Users;
use crate::closure::closure;
use crate::host::Host;
use crate::template::JailPath;

pub use text::Kept;

/// How something was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// To be executed.
    pub executed: bool,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// What was opened, by its path as seen from the root.
    pub opened: BTreeMap<PathBuf, Opened>,
    /// The users that something ran as.
    pub users: BTreeSet<u32>,
}

/// What was tried, and how.
#[derive(Debug)]
pub struct Tried {
    /// The program, as it was asked for.
    pub program: PathBuf,
    /// Who it was started as, where that is a user with a name.
    pub user: Option<String>,
    /// Directories that were made for it beforehand.
    pub made: Vec<JailPath>,
    /// Whether what not everybody may read is taken too.
    pub private: bool,
}

/// Why there is no template.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct TraceError {
    path: PathBuf,
    why: String,
}

impl TraceError {
    fn new(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        TraceError {
            path: path.into(),
            why: why.to_string(),
        }
    }
}

/// What the build makes itself, or has no use for: the loader's index lists what is not there.
const MADE: [&str; 4] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
];

/// Where everybody writes, and nothing is meant to stay.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Files of the tree, sorted by what they are to the program.
#[derive(Debug, Default)]
struct Sorted {
    /// Executed beside the program itself.
    programs: BTreeSet<JailPath>,
    /// Read, and no part of what a program needs by its headers.
    files: BTreeSet<JailPath>,
    /// Read, and not for everybody.
    private: BTreeSet<JailPath>,
    /// Directories that were looked through.
    directories: BTreeSet<JailPath>,
    /// What has no path that a template can have.
    odd: BTreeSet<PathBuf>,
    /// What comes of the program's own headers.
    needed: BTreeSet<PathBuf>,
}

/// Makes a template of what was seen of a program that saw the tree `lower`, and what it wrote in `upper`,
/// a layer of overlayfs upon that.
///
/// # Errors
///
/// Where the program is not there, or one of the trees cannot be read.
pub fn keep(lower: &Host, upper: &Host, seen: &Seen, tried: &Tried) -> Result<Kept, TraceError> {
    let written = written::look(lower, upper, &tried.made)?;
    let users = Users::of(lower).map_err(|error| TraceError::new("/etc/passwd", error))?;
    let mut sorted = Sorted::default();
    let program = sorted.sort(lower, seen, tried)?;
    sorted.add_companions(lower);
    let links = sorted.links(lower, &program);
    Ok(text::keep(
        lower,
        &sorted,
        &written,
        links,
        &users,
        (seen, tried),
        program,
    ))
}

impl Sorted {
    /// Sorts all that was opened; where the program lies.
    fn sort(&mut self, lower: &Host, seen: &Seen, tried: &Tried) -> Result<JailPath, TraceError> {
        let program = crate::build::located(lower, &tried.program)
            .ok_or_else(|| TraceError::new(&tried.program, "there is no such program"))?;
        let path = JailPath::new(&program.0.to_string_lossy());
        let path = path.map_err(|why| TraceError::new(&tried.program, why))?;
        let real = program.1.real;
        self.need(lower, &real);
        for (opened, how) in &seen.opened {
            let Some(jail_path) = opened.to_str().and_then(|text| JailPath::new(text).ok()) else {
                if opened != Path::new("/") {
                    self.odd.insert(opened.clone());
                }
                continue;
            };
            let is_below = |above: &&str| opened.starts_with(above);
            if MADE.iter().any(|made| Path::new(made) == opened) || TEMPORARY.iter().any(is_below) {
                continue;
            }
            // What it has made itself is not there, and a link in its place was laid since.
            let Ok(found) = lower.find(opened) else {
                continue;
            };
            if found.real != *opened || *opened == real {
                continue;
            }
            if found.metadata.is_dir() {
                self.directories.insert(jail_path);
            } else if !found.metadata.is_file() {
                continue;
            } else if private::is_private(lower, &found) {
                self.private.insert(jail_path);
            } else if how.executed && found.metadata.mode() & 0o111 != 0 {
                self.programs.insert(jail_path);
            } else {
                self.files.insert(jail_path);
            }
        }
        for program in self.programs.clone() {
            self.need(lower, Path::new(program.as_str()));
        }
        // The loader is executed by the kernel, and comes with what needs it.
        let needed = &self.needed;
        let is_needed = |path: &JailPath| needed.contains(Path::new(path.as_str()));
        self.programs.retain(|path| !is_needed(path));
        self.files.retain(|path| !is_needed(path));
        Ok(path)
    }

    /// Notes what a program needs by its headers.
    fn need(&mut self, lower: &Host, program: &Path) {
        // A script needs its interpreter, which was executed.
        let needed = closure(lower, program, program, &|path| path.to_owned());
        for file in needed.unwrap_or_default().into_values() {
            if let Ok(found) = lower.find(&file) {
                self.needed.insert(found.real);
            }
        }
    }

    /// What Python has compiled is of no use without what it was compiled from, which it only looks at.
    fn add_companions(&mut self, lower: &Host) {
        let of_compiled = |path: &JailPath| {
            let (directory, name) = path.as_str().split_once("/__pycache__/")?;
            let (module, _) = name.strip_suffix(".pyc")?.split_once('.')?;
            let source = JailPath::new(&format!("{directory}/{module}.py")).ok()?;
            lower.find(Path::new(source.as_str())).ok()?;
            Some(source)
        };
        let sources: Vec<JailPath> = self.files.iter().filter_map(of_compiled).collect();
        self.files.extend(sources);
    }

    /// The links by which what was opened may have been reached.
    fn links(&self, lower: &Host, program: &JailPath) -> BTreeMap<JailPath, String> {
        let files = self.programs.iter().chain(&self.files);
        let reached: BTreeSet<&Path> = files
            .chain(&self.directories)
            .map(|path| Path::new(path.as_str()))
            .collect();
        let mut links = links::to(lower, &reached);
        links.remove(program);
        links
    }
}

/// Whether a path is one that somebody has looked up in a tree.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests;
