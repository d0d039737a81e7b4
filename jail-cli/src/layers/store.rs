// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that were built once, for jails in which what is written is thrown away.
//!
//! Each is a directory named after what it was built from. One that is used is locked, shared, by who has
//! started a jail on it, and noted with jails that outlive that. A root file that was made from such a jail
//! pins it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{flock, FlockOperation};

use super::upper::noted;
use super::{Contents, Layers};
use crate::text::shown;
use crate::trusted_path;

/// Where they are.
pub const DIRECTORY: &str = "/var/cache/jaula/roots";

/// Users of the host are not to get there: programs in it can be set-user-ID.
const MODE: u32 = 0o700;

/// What is between the name of a root and who pins it.
const PINS: &str = ".pins";

/// A root that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Who keeps it from being removed.
    pub used_by: Option<String>,
}

/// The root called `name`, which `build` makes at the path that it is given where there is none.
///
/// # Errors
///
/// What is in the way, and what `build` says.
pub fn keep(
    name: &str,
    build: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let directory = prepare()?;
    let path = directory.join(name);
    if path.is_dir() {
        return Ok(path);
    }
    // Whoever wants the same meanwhile waits for it.
    let making = directory.join(format!(".{name}.lock"));
    let lock = lock_file(&making).map_err(|error| failed("locking", &making, &error))?;
    let built = match path.is_dir() {
        true => Ok(()),
        false => build(&path),
    };
    let _ = fs::remove_file(&making);
    drop(lock);
    built.map(|()| path)
}

/// A root of nothing but the one at `path`, in which what is written is thrown away.
pub fn thrown_away(path: PathBuf) -> Contents {
    Contents::Layers(Layers::new(vec![path], None, None))
}

/// Those that there are.
///
/// # Errors
///
/// Why they cannot be listed.
pub fn list() -> Result<Vec<Built>, String> {
    let directory = Path::new(DIRECTORY);
    let mut found = Vec::new();
    for name in names(directory)? {
        let path = directory.join(&name);
        let used_by = user_of(&name, &path);
        found.push(Built {
            name,
            path,
            used_by,
        });
    }
    Ok(found)
}

/// Removes one, unless it is used.
///
/// # Errors
///
/// Who uses it, or what is in the way.
pub fn remove(name: &str) -> Result<(), String> {
    let path = Path::new(DIRECTORY).join(name);
    let lock = File::open(&path).map_err(|error| failed("opening", &path, &error))?;
    let is_free = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
    if let Some(user) = user_of(name, &path) {
        return Err(format!("{}: is used by {user}", shown(&path)));
    }
    if !is_free {
        return Err(format!(
            "{}: a jail that is being started uses it",
            shown(&path)
        ));
    }
    // Nobody finds half of it.
    let hidden = Path::new(DIRECTORY).join(format!(".{name}.old"));
    let removed = match hidden.exists() {
        true => fs::remove_dir_all(&hidden),
        false => Ok(()),
    };
    removed
        .and_then(|()| fs::rename(&path, &hidden))
        .and_then(|()| fs::remove_dir_all(&hidden))
        .map_err(|error| failed("removing", &path, &error))?;
    let _ = fs::remove_file(pins_of(name));
    Ok(())
}

/// Locks a layer that is one of these, so that it is not removed meanwhile.
pub(super) fn hold(layer: &Path) -> Result<Option<OwnedFd>, String> {
    if name_of(layer).is_none() {
        return Ok(None);
    }
    let lock = File::open(layer).map_err(|error| failed("opening", layer, &error))?;
    flock(&lock, FlockOperation::LockShared)
        .map_err(|error| failed("locking", layer, &error.into()))?;
    let is_there = |layer: &Path| layer.metadata().map(|found| found.ino());
    match (lock.metadata().map(|found| found.ino()), is_there(layer)) {
        (Ok(held), Ok(there)) if held == there => Ok(Some(lock.into())),
        _ => Err(format!("{}: has just been removed", shown(layer))),
    }
}

/// Notes that a root file has these layers: those of them that are here stay as long as it does.
pub(super) fn pin(layers: &[PathBuf], file: &Path) -> Result<(), String> {
    for name in layers.iter().filter_map(|layer| name_of(layer)) {
        let path = pins_of(&name);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let mut line = file.as_os_str().as_bytes().to_vec();
        line.push(0);
        options
            .open(&path)
            .and_then(|mut pins| pins.write_all(&line))
            .map_err(|error| failed("writing", &path, &error))?;
    }
    Ok(())
}

fn pins_of(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(format!(".{name}{PINS}"))
}

/// Who keeps it from being removed.
fn user_of(name: &str, path: &Path) -> Option<String> {
    let pins = fs::read(pins_of(name)).unwrap_or_default();
    let mut files = pins
        .split(|&byte| byte == 0)
        .filter(|file| !file.is_empty());
    let needs = |file: &&[u8]| {
        let text = fs::read(Path::new(OsStr::from_bytes(file))).unwrap_or_default();
        let path = path.as_os_str().as_bytes();
        text.windows(path.len()).any(|part| part == path)
    };
    if let Some(file) = files.find(needs) {
        return Some(shown(OsStr::from_bytes(file)).to_string());
    }
    let jail = noted(|record| match record.root.made_of() {
        Some(Contents::Layers(layers)) => layers.lower.iter().any(|layer| layer == path),
        None => false,
    });
    jail.map(|jail| format!("jail {jail}"))
}

/// The name of a layer that is one of these.
fn name_of(layer: &Path) -> Option<String> {
    let name = layer.strip_prefix(DIRECTORY).ok()?;
    let mut parts = name.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().is_none().then_some(first)
}

fn names(directory: &Path) -> Result<Vec<String>, String> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failed("listing", directory, &error))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    Ok(names)
}

/// The directory, which is made where it is missing. Nobody but root can change what leads there.
fn prepare() -> Result<PathBuf, String> {
    let directory = PathBuf::from(DIRECTORY);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory.parent().unwrap_or(&directory))
        .and_then(|()| match DirBuilder::new().mode(MODE).create(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        })
        .and_then(|()| fs::set_permissions(&directory, Permissions::from_mode(MODE)))
        .map_err(|error| failed("creating", &directory, &error))?;
    trusted_path::open_firm(&directory)
        .map_err(|refusal| format!("{}: {}", shown(&directory), refusal.describe()))?;
    Ok(directory)
}

fn lock_file(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        // Whoever had it before has removed it.
        let there = path.metadata().map(|found| found.ino());
        if there.is_ok_and(|there| file.metadata().is_ok_and(|found| found.ino() == there)) {
            return Ok(file);
        }
    }
}

fn failed(step: &str, path: &Path, error: &io::Error) -> String {
    format!("{step} {}: {error}", shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_the_store_is_known_by_its_path() {
        let name = |path: &str| name_of(Path::new(path));
        assert_eq!(name("/var/cache/jaula/roots/a-1").as_deref(), Some("a-1"));
        assert_eq!(name("/var/cache/jaula/roots"), None);
        assert_eq!(name("/var/cache/jaula/roots/a/b"), None);
        assert_eq!(name("/srv/a"), None);
    }
}
