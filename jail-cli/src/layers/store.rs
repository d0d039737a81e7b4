// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that are built once, from a template or an image, for jails in which what is written is thrown
//! away.
//!
//! They lie in the cache, which can be emptied. One that is used is locked by who has started a jail on
//! it, is noted with a jail that outlives that, and is pinned by a root file that was made from such a
//! jail.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jaula_rootfs::image::{
    About, Cache, Config, ImageError, Limits, Platform, Pull, Reference, Root, ABOUT, CACHE,
};
use jaula_rootfs::{build_and_tell, fingerprint, Options, Settings};
use rustix::fs::{flock, FlockOperation};

use super::upper::noted;
use super::{Contents, Layers};
use crate::template;
use crate::text::shown;

/// Where the roots are in the cache.
const ROOTS: &str = "roots";

/// What stands for the machine's own root.
const HOST: &str = "host";

/// What the name of a root begins and ends with in that of the file that says who pins it.
const PINS: (&str, &str) = (".", ".pins");

/// A root of the cache, held there.
#[derive(Debug)]
pub struct Stored {
    /// What a jail on it has for a root.
    pub contents: Contents,
    /// What an image says about running it.
    pub config: Option<Config>,
    _held: Option<Root>,
}

impl Stored {
    fn new(root: Root) -> Self {
        Stored {
            contents: Contents::Layers(Layers::new(vec![root.path().to_owned()], None, None)),
            config: root.about.config.clone(),
            _held: Some(root),
        }
    }
}

/// The root that a template makes now, built where it has not been. `tell` is told how many bytes have
/// been written.
///
/// # Errors
///
/// What the template says, and what is in the way.
pub fn of_template(
    name: &str,
    directory: &Path,
    settings: &Settings,
    tell: &mut dyn FnMut(u64),
) -> Result<Stored, String> {
    if name == HOST {
        if let Some(setting) = settings.keys().next() {
            return Err(format!("{HOST}: there is no variable {setting}"));
        }
        return Ok(Stored {
            contents: Contents::Layers(Layers::new(vec!["/".into()], None, None)),
            config: None,
            _held: None,
        });
    }
    let template = template::load(name, directory, settings)?;
    let about = About {
        kind: "template".to_owned(),
        name: name.to_owned(),
        digest: fingerprint(&template).map_err(|error| error.to_string())?,
        config: None,
    };
    let build = |target: &Path| {
        let mut progress = |at: jaula_rootfs::Progress<'_>| tell(at.done);
        build_and_tell(&template, target, &Options::default(), &mut progress)
            .map(drop)
            .map_err(|error| ImageError::new(name, error))
    };
    let root = open()?
        .root(about, build)
        .map_err(|error| error.to_string())?;
    Ok(Stored::new(root))
}

/// The root of an image, unpacked where it has not been; a path that is not absolute begins in
/// `directory`. Nodes of devices are left out. `tell` is told how many bytes have been read.
///
/// # Errors
///
/// What is wrong with the image, and what is in the way.
pub fn of_image(
    name: &str,
    directory: &Path,
    pull: Pull,
    tell: &mut dyn FnMut(u64),
) -> Result<Stored, String> {
    let reference: Reference = name.parse().map_err(|error| format!("{error}"))?;
    let reference = reference.below(directory);
    let cache = open()?;
    let platform = Platform::of_this_machine();
    let image = cache
        .image(&reference, &platform, &Limits::default(), pull)
        .map_err(|error| error.to_string())?;
    let mut progress = |at: jaula_rootfs::image::Progress| tell(at.read);
    let root = cache.root_of_image(name, &image, true, &mut progress);
    Ok(Stored::new(root.map_err(|error| error.to_string())?))
}

fn open() -> Result<Cache, String> {
    Cache::open(Path::new(CACHE)).map_err(|error| error.to_string())
}

/// A path in the cache for something that is made and not kept.
pub(super) fn scratch() -> Result<PathBuf, String> {
    let name = format!("saving-{}", std::process::id());
    Ok(open()?.path().join(name))
}

/// Locks those of the cache that a jail or a root file needs, so that they stay while it is emptied.
///
/// # Errors
///
/// Where it cannot be told which there are.
pub fn hold_needed() -> Result<Vec<OwnedFd>, String> {
    let directory = Path::new(CACHE).join(ROOTS);
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| format!("{}: {error}", shown(&directory)))?,
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let needed = paths.filter(|path| is_entry(path) && (is_pinned(path) || has_jail(path)));
    let held = needed.filter_map(|path| hold_entry(&path).transpose());
    held.collect()
}

/// Locks a layer that is one of the cache, so that it is not removed meanwhile.
pub(super) fn hold(layer: &Path) -> Result<Option<OwnedFd>, String> {
    match entry_of(layer) {
        Some(entry) => hold_entry(&entry),
        None => Ok(None),
    }
}

fn hold_entry(entry: &Path) -> Result<Option<OwnedFd>, String> {
    let about = |error: std::io::Error| format!("{}: {error}", shown(entry));
    let lock = match File::open(entry) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        lock => lock.map_err(about)?,
    };
    flock(&lock, FlockOperation::LockShared).map_err(|error| about(error.into()))?;
    // Whoever had it before may have moved it away to remove it.
    let (held, there) = (lock.metadata(), entry.symlink_metadata());
    match (held, there) {
        (Ok(held), Ok(there)) if held.ino() == there.ino() => Ok(Some(lock.into())),
        _ => Ok(None),
    }
}

/// What an image says about running it, of which a layer in the cache was made.
pub fn config_of(layer: &Path) -> Option<Config> {
    let about = fs::read(entry_of(layer)?.join(ABOUT)).ok()?;
    serde_json::from_slice::<About>(&about).ok()?.config
}

/// Notes that a root file has these layers: those of them that are in the cache stay as long as it does.
pub(super) fn pin(layers: &[PathBuf], file: &Path) -> Result<(), String> {
    for entry in layers.iter().filter_map(|layer| entry_of(layer)) {
        let path = pins_of(&entry);
        let mut line = file.as_os_str().as_bytes().to_vec();
        line.push(0);
        let mut options = OpenOptions::new();
        options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut pins| pins.write_all(&line))
            .map_err(|error| format!("{}: {error}", shown(&path)))?;
    }
    Ok(())
}

/// Whether there is a root file that needs it.
fn is_pinned(entry: &Path) -> bool {
    let pins = fs::read(pins_of(entry)).unwrap_or_default();
    let mut files = pins
        .split(|&byte| byte == 0)
        .filter(|file| !file.is_empty());
    let entry = entry.as_os_str().as_bytes();
    files.any(|file| {
        let text = fs::read(Path::new(OsStr::from_bytes(file))).unwrap_or_default();
        text.windows(entry.len()).any(|part| part == entry)
    })
}

/// Whether there is a jail that needs it.
fn has_jail(entry: &Path) -> bool {
    let jail = noted(|record| match record.root.made_of() {
        Some(Contents::Layers(layers)) => layers.lower.iter().any(|layer| layer.starts_with(entry)),
        Some(Contents::Volume(_)) => false,
        None => record.root.path.starts_with(entry),
    });
    jail.is_some()
}

fn pins_of(entry: &Path) -> PathBuf {
    let name = entry.file_name().unwrap_or_default().to_string_lossy();
    entry.with_file_name(format!("{}{name}{}", PINS.0, PINS.1))
}

fn is_entry(path: &Path) -> bool {
    entry_of(path).is_some_and(|entry| entry == path)
}

/// What of the cache a layer lies in.
fn entry_of(layer: &Path) -> Option<PathBuf> {
    let roots = Path::new(CACHE).join(ROOTS);
    let name = layer.strip_prefix(&roots).ok()?.components().next()?;
    let name = name.as_os_str();
    (!name.as_bytes().starts_with(b".")).then(|| roots.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_the_cache_is_known_by_its_path() {
        let entry = |path: &str| entry_of(Path::new(path));
        let expected = Path::new("/var/cache/jaula/roots/12ab");
        assert_eq!(
            entry("/var/cache/jaula/roots/12ab/root").as_deref(),
            Some(expected)
        );
        assert_eq!(entry("/var/cache/jaula/roots/.making-12ab"), None);
        assert_eq!(entry("/var/cache/jaula/roots"), None);
        assert_eq!(entry("/srv/12ab"), None);
        assert!(is_entry(expected) && !is_entry(&expected.join("root")));
    }
}
