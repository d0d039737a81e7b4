// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a root directory from a template.

mod accounts;
mod busybox;
mod collect;
mod data;
mod error;
mod plan;
pub(crate) mod program;
pub(crate) mod stage;
mod tree;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use accounts::Users;
pub use error::BuildError;

use crate::debian;
use crate::host::{Found, Host};
use crate::listing::{Limits, Listing};
use crate::template::Template;
use plan::Kind;
use sha2::{Digest, Sha256};

use collect::Collector;
use stage::Stage;
use tree::Tree;

/// Says what everything in a root is given as the time of its last change, in seconds since 1970; see
/// reproducible-builds.org.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Where is kept what takes long to make.
pub const CACHE: &str = "/var/cache/jaula";

/// How a root directory is built.
#[derive(Debug, Default)]
pub struct Options {
    /// The directory that the new one is to be in, open; else it is looked up by its path.
    pub above: Option<OwnedFd>,
    /// Put the new directory in place of one that is there. What was there is kept beside it,
    /// with `.old` after its name.
    pub replace: bool,
    /// The tree that programs and files are taken from, open, in place of the machine's own.
    pub sysroot: Option<OwnedFd>,
    /// What that tree is called.
    pub sysroot_path: Option<PathBuf>,
    /// Where is kept what takes long to make; else in [`CACHE`].
    pub cache: Option<PathBuf>,
}

/// What was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many files, programs and libraries among them.
    pub files: usize,
    /// How many directories.
    pub directories: usize,
    /// How many symbolic links.
    pub symlinks: usize,
    /// Bytes in the files.
    pub bytes: u64,
    /// What is there, by which it can be seen later whether it has changed.
    pub listing: Listing,
}

impl Summary {
    /// Counts what is there, whoever has made it.
    fn count(&mut self) {
        let of = |kind| {
            self.listing
                .iter()
                .filter(move |(_, item)| item.kind == kind)
        };
        let bytes = of('f').map(|(_, item)| item.size).sum();
        // The root itself is none of them.
        let directories = of('d').count().saturating_sub(1);
        let (files, symlinks) = (of('f').count(), of('l').count());
        (self.files, self.directories) = (files, directories);
        (self.symlinks, self.bytes) = (symlinks, bytes);
    }
}

/// How far a build has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is written now, as seen from within the root.
    pub path: &'a str,
    /// How many bytes have been written.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Builds `template` at `target`, whole or not at all.
///
/// It grows in a directory beside `target`, which only the caller can enter, and is moved there
/// when it is complete. `target` must not exist or be an empty directory, unless `options` says
/// to replace it. Of the same template and the same host comes the same, byte for byte: the time of
/// everything is the beginning of 1970, or what SOURCE_DATE_EPOCH says.
///
/// # Errors
///
/// As [`BuildError`] says; `target` is then as it was.
pub fn build(template: &Template, target: &Path, options: &Options) -> Result<Summary, BuildError> {
    build_and_tell(template, target, options, &mut |_| {})
}

/// The same, telling how far it has come.
///
/// # Errors
///
/// As [`build`].
pub fn build_and_tell(
    template: &Template,
    target: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, BuildError> {
    let time = time()?;
    let shown = options.sysroot_path.as_deref().unwrap_or(Path::new("/"));
    let machine = Host::machine().map_err(|error| BuildError::new("/", error))?;
    let tree = options.sysroot.as_ref();
    let tree = tree.map(|tree| tree.try_clone().and_then(Host::of));
    let tree = tree.transpose();
    let tree = tree.map_err(|error| BuildError::new(shown, error))?;
    let host = tree.as_ref().unwrap_or(&machine);
    let above = options.above.as_ref().map(AsFd::as_fd);
    let stage = Stage::new(target, options.replace, above)?;
    let plan = Collector::new(template, host, &machine, options)?.collect()?;
    let entries = plan.finish()?;
    if let Some(system) = template.debian() {
        let cache = options.cache.as_deref().unwrap_or(Path::new(CACHE));
        debian::put(system, cache, epoch()?, stage.open()?)
            .map_err(|error| BuildError::new(target, error))?;
    }
    let mut tree = Tree::new(stage.open()?, host, &machine, time, progress)?;
    if template.debian().is_some() {
        tree = tree.adding();
    }
    let mut summary = tree.fill(&entries)?;
    let listing = Listing::of(stage.open()?, &Limits::NONE);
    summary.listing = listing.map_err(|error| BuildError::new(target, error))?;
    if template.debian().is_some() {
        summary.count();
    }
    stage.commit()?;
    Ok(summary)
}

/// What stands for all that [`build`] would make a root of now: it is another one where the template, its
/// settings, or a file of the host that it takes have changed. Nothing is copied for it.
///
/// # Errors
///
/// As [`build`].
pub fn fingerprint(template: &Template) -> Result<String, BuildError> {
    use std::os::unix::fs::MetadataExt;

    let host = Host::machine().map_err(|error| BuildError::new("/", error))?;
    let options = Options::default();
    let plan = Collector::new(template, &host, &host, &options)?.collect()?;
    let mut digest = Sha256::new();
    digest.update(format!("{:?} {:?}\n", time()?, template.debian()));
    for (path, kind) in plan.finish()? {
        digest.update(format!("{path} {kind:?}\n"));
        if let Kind::Copy { source, .. } = &kind {
            let found = host.open(source).and_then(|file| file.metadata());
            let found = found.map_err(|error| BuildError::new(source, error))?;
            let (change, part) = (found.ctime(), found.ctime_nsec());
            digest.update(format!("{} {} {change}.{part}\n", found.dev(), found.ino()));
        }
    }
    let digest = digest.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where a program of a tree lies, and what lies there.
pub(crate) fn located(tree: &Host, program: &Path) -> Option<(PathBuf, Found)> {
    program::locate(tree, &program::directories(false), program)
}

/// The time of everything in a root.
fn time() -> Result<SystemTime, BuildError> {
    let epoch = epoch()?.unwrap_or(0);
    Ok(UNIX_EPOCH + Duration::from_secs(epoch.into()))
}

fn epoch() -> Result<Option<u32>, BuildError> {
    let Some(text) = std::env::var_os(EPOCH) else {
        return Ok(None);
    };
    let seconds = text.to_str().and_then(|text| text.parse::<u32>().ok());
    let wrong = || BuildError::new(EPOCH, "is no number of seconds since 1970");
    seconds.ok_or_else(wrong).map(Some)
}

#[cfg(test)]
mod tests;
