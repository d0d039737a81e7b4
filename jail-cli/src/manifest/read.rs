// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading the files that say which jails there are.
//!
//! Whatever stands in them is done by root. The file that is named to jaula is its caller's choice;
//! what that includes, and what lies in a directory that is named, has to be root's alone.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::root::Identity;
use crate::stat::fstat;
use crate::text::shown;
use crate::trusted_path;

/// The largest file, in bytes.
const LARGEST: u64 = 1 << 20;

/// The most files that one directory may have.
const MOST: usize = 1000;

/// What the names of files in a directory end in.
const ENDING: &[u8] = b".toml";

/// Who has to have written something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Root, and nobody else can have changed it.
    Root,
    /// Whoever.
    #[cfg(test)]
    Anybody,
}

/// A file that has been read.
#[derive(Debug)]
pub struct Text {
    /// As it was named.
    pub path: PathBuf,
    /// Where paths begin that are not absolute.
    pub directory: PathBuf,
    /// Which file it is, by whatever path.
    pub identity: Identity,
    /// What is in it.
    pub text: String,
}

/// Reads a file that the caller of jaula has named.
///
/// # Errors
///
/// Why not.
pub fn named(path: &Path) -> Result<Text, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    whole(file, path)
}

/// Reads a file that something else has named.
///
/// # Errors
///
/// Why not.
pub fn included(path: &Path, trust: Trust) -> Result<Text, String> {
    let file = open(path, trust)?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is not a file".into());
    }
    if trust == Trust::Root && (metadata.uid() != 0 || metadata.mode() & 0o022 != 0) {
        return Err(format!(
            "can be changed by others than root: it belongs to user {} and has mode {:o}; \
             \"chown root\" and \"chmod go-w\" make it safe",
            metadata.uid(),
            metadata.mode() & 0o7777
        ));
    }
    whole(file, path)
}

/// Opens a file that a description names, and that is read each time the jail is started: who is in the jail
/// may have put something else in its place, if it lies there.
///
/// # Errors
///
/// Why not.
pub fn beside(path: &Path) -> Result<File, String> {
    let found = trusted_path::open(path).map_err(|refusal| refusal.describe())?;
    let file = read_again(&found).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    match metadata.is_file() {
        true => Ok(file),
        false => Err("is not a file".into()),
    }
}

/// Whether there is a directory at a path, and not a file.
pub fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

/// The files of a directory that say which jails there are, in the order of their names: those that
/// end in `.toml` and are not hidden.
///
/// # Errors
///
/// Why not.
pub fn listed(path: &Path, trust: Trust) -> Result<Vec<PathBuf>, String> {
    let directory = open(path, trust)?;
    let entries = fs::read_dir(by_descriptor(&directory)).map_err(|error| error.to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        let bytes = name.as_bytes();
        if bytes.ends_with(ENDING) && !bytes.starts_with(b".") {
            names.push(name);
        }
        if names.len() > MOST {
            return Err(format!(
                "has more than {MOST} files whose names end in .toml"
            ));
        }
    }
    names.sort();
    Ok(names.iter().map(|name| path.join(name)).collect())
}

/// Opens what nobody else can have put there.
fn open(path: &Path, trust: Trust) -> Result<File, String> {
    let found = match trust {
        Trust::Root => trusted_path::open_firm(path).map_err(|refusal| refusal.describe())?,
        #[cfg(test)]
        Trust::Anybody => fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(path)
            .map_err(|error| error.to_string())?
            .into(),
    };
    read_again(&found).map_err(|error| error.to_string())
}

/// The same, to be read from. Whatever it is, opening it must not wait.
fn read_again(found: &OwnedFd) -> std::io::Result<File> {
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(by_descriptor(found))
}

fn by_descriptor(file: impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()).into()
}

fn whole(file: File, path: &Path) -> Result<Text, String> {
    let failed = |error: std::io::Error| error.to_string();
    let identity = fstat(&file).map_err(crate::text::reason)?.into();
    let mut text = String::new();
    file.take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LARGEST {
        return Err(format!("is larger than {LARGEST} bytes"));
    }
    let directory = fs::canonicalize(path).map_err(failed)?;
    let directory = directory.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Text {
        path: path.to_owned(),
        directory,
        identity,
        text,
    })
}

/// An error that begins with the path that it is about.
pub fn about(path: &Path, why: &str) -> String {
    format!("{}: {why}", shown(path))
}
