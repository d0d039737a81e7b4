// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a program wrote, by the layer that took it: all in there was made or changed by it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{is_missing, TraceError, TEMPORARY};
use crate::host::{Found, Host};
use crate::template::{JailPath, Mode};

/// How much is looked at.
const MOST: usize = 1_000_000;

/// A directory that was there and something was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub uid: u32,
    pub gid: u32,
    pub mode: Mode,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    /// Where.
    pub places: BTreeMap<JailPath, Place>,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Looks through the layer. Directories that were `made` before count as if they had been there.
pub fn look(lower: &Host, upper: &Host, made: &[JailPath]) -> Result<Written, TraceError> {
    let mut written = Written::default();
    for path in made {
        let found = upper.find_itself(Path::new(path.as_str()));
        let found = found.or_else(|_| lower.find_itself(Path::new(path.as_str())));
        let found = found.map_err(|error| TraceError::new(path.as_str(), error))?;
        written.places.insert(path.clone(), place(&found));
    }
    let mut left = vec![PathBuf::from("/")];
    let mut looked = 0;
    while let Some(directory) = left.pop() {
        let names = upper.names(&directory);
        let names = names.map_err(|error| TraceError::new(&directory, error))?;
        for name in names {
            looked += 1;
            if looked > MOST {
                let why = format!("more than {MOST} files were written");
                return Err(TraceError::new(directory, why));
            }
            let path = directory.join(name);
            if TEMPORARY
                .iter()
                .any(|temporary| path.starts_with(temporary))
            {
                continue;
            }
            let found = upper.find_itself(&path);
            let found = found.map_err(|error| TraceError::new(&path, error))?;
            let is_made = made.iter().any(|made| Path::new(made.as_str()) == path);
            let was_there = is_made || is_directory(lower, &path)?;
            if found.metadata.is_dir() {
                left.push(path.clone());
                if was_there {
                    continue;
                }
            } else {
                written.files.push(path.clone());
            }
            written.note(lower, &path)?;
        }
    }
    written.files.sort();
    Ok(written)
}

impl Written {
    /// Notes the directory that something is in, if it was there before.
    fn note(&mut self, lower: &Host, path: &Path) -> Result<(), TraceError> {
        let Some(above) = path.parent().and_then(Path::to_str) else {
            return Ok(());
        };
        let Ok(above) = JailPath::new(above) else {
            return Ok(());
        };
        if self.places.contains_key(&above) || !is_directory(lower, Path::new(above.as_str()))? {
            return Ok(());
        }
        let found = lower.find_itself(Path::new(above.as_str()));
        let found = found.map_err(|error| TraceError::new(above.as_str(), error))?;
        self.places.insert(above, place(&found));
        Ok(())
    }
}

fn is_directory(lower: &Host, path: &Path) -> Result<bool, TraceError> {
    match lower.find_itself(path) {
        Ok(found) => Ok(found.metadata.is_dir()),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(TraceError::new(path, error)),
    }
}

fn place(found: &Found) -> Place {
    Place {
        uid: found.metadata.uid(),
        gid: found.metadata.gid(),
        mode: Mode::from_bits(found.metadata.mode() & 0o1777),
    }
}
