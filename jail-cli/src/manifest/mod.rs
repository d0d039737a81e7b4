// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula.toml`: several jails and how they depend on each other.
//!
//! ```
//! let manifest = jaula::manifest::Manifest::parse(
//!     "[jail.db]\nroot = '/srv/db'\n[jail.web]\nroot = '/srv/web'\ndepends = ['db']\n",
//!     "/etc".as_ref(),
//! )?;
//! let order: Vec<&str> = manifest.order().map(|(name, _)| name.as_str()).collect();
//! assert_eq!(order, ["db", "web"]);
//! # Ok::<(), jaula::manifest::ManifestError>(())
//! ```

mod again;
mod command;
mod down;
mod error;
mod foreground;
mod hook;
mod limits;
mod load;
mod order;
mod present;
mod read;
mod room;
mod schema;
mod sources;
mod up;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use down::down;
pub use error::{Invalid, ManifestError};
pub use foreground::foreground;
pub use hook::Hook;
pub use schema::{Description, Hooks};
pub use sources::Place;
pub use up::{up, Event, Failed};

use crate::jails::JailName;
use load::{Loader, MOST_JAILS};
use order::Fault;
use read::Trust;

/// Several jails.
#[derive(Debug)]
pub struct Manifest {
    files: Vec<ManifestFile>,
    jails: BTreeMap<JailName, Member>,
    /// Each after those that it depends on.
    order: Vec<JailName>,
    /// The directory that the files lie in, where that is what was named.
    directory: Option<PathBuf>,
}

/// One of the files that jails are described in.
#[derive(Debug)]
pub struct ManifestFile {
    /// As it was named.
    pub path: PathBuf,
    /// Why nothing of it can be used, where that is so.
    pub fault: Option<ManifestError>,
}

/// A jail, and in which of the files it is described, itself or by what that includes.
#[derive(Debug)]
struct Member {
    file: usize,
    description: Description,
}

impl Manifest {
    /// Reads it from a file and what that includes.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let mut manifest = Self::empty(None);
        let unreadable = |why: String| ManifestError::Unreadable {
            path: path.to_owned(),
            why,
        };
        let text = read::named(path).map_err(unreadable)?;
        let mut loader = Loader::new(Trust::Root);
        loader.file(&text)?;
        if loader.jails.is_empty() && !loader.includes {
            return Err(unreadable(NO_JAIL.into()));
        }
        manifest.add(path, loader)?;
        manifest.put_in_order()
    }

    /// Reads all files of a directory whose names end in `.toml`, each for itself: one that is wrong is
    /// [said so](Manifest::files), and its jails are left out.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be read.
    pub fn load_directory(path: &Path) -> Result<Self, ManifestError> {
        Self::of_directory(path, Trust::Root)
    }

    fn of_directory(path: &Path, trust: Trust) -> Result<Self, ManifestError> {
        let unreadable = |path: &Path, why: String| ManifestError::Unreadable {
            path: path.to_owned(),
            why,
        };
        let files = read::listed(path, trust).map_err(|why| unreadable(path, why))?;
        let mut manifest = Self::empty(Some(path.to_owned()));
        for file in files {
            let text = read::included(&file, trust).map_err(|why| unreadable(&file, why));
            let result = text.and_then(|text| {
                let mut loader = Loader::new(trust);
                loader.file(&text)?;
                manifest.add(&file, loader)
            });
            if let Err(error) = result {
                manifest.files.push(ManifestFile {
                    path: file,
                    fault: Some(error),
                });
            }
        }
        manifest.leave_out_what_cannot_be_ordered();
        Ok(manifest)
    }

    /// Reads it from text; paths in it that are not absolute begin in `directory`.
    ///
    /// # Errors
    ///
    /// As [`Manifest::load`].
    pub fn parse(text: &str, directory: &Path) -> Result<Self, ManifestError> {
        let mut loader = Loader::new(Trust::Root);
        loader.text(text, directory)?;
        if loader.jails.is_empty() && !loader.includes {
            return Err(ManifestError::Empty(NO_JAIL));
        }
        let mut manifest = Self::empty(None);
        manifest.add(Path::new(""), loader)?;
        manifest.put_in_order()
    }

    fn empty(directory: Option<PathBuf>) -> Self {
        Manifest {
            files: Vec::new(),
            jails: BTreeMap::new(),
            order: Vec::new(),
            directory,
        }
    }

    /// Adds the jails of one file; all or, where one is described already, none.
    fn add(&mut self, path: &Path, loader: Loader) -> Result<(), ManifestError> {
        for (name, description) in &loader.jails {
            if let Some(first) = self.jails.get(name) {
                let what = format!(
                    "jail.{name}: is described already: {}",
                    first.description.place()
                );
                return Err(Invalid::new(description.place().clone(), what).into());
            }
        }
        if self.jails.len() + loader.jails.len() > MOST_JAILS {
            let places = loader.jails.values().map(Description::place).next();
            let what = format!("there are more than {MOST_JAILS} jails, with those of other files");
            return Err(Invalid::new(places.cloned().unwrap_or_default(), what).into());
        }
        let file = self.files.len();
        self.files.push(ManifestFile {
            path: path.to_owned(),
            fault: None,
        });
        for (name, description) in loader.jails {
            self.jails.insert(name, Member { file, description });
        }
        Ok(())
    }

    fn put_in_order(mut self) -> Result<Self, ManifestError> {
        self.order = order::order(&self.jails, &|_| None).map_err(|fault| fault.error)?;
        Ok(self)
    }

    /// Each file is one thing: with one of its jails, all are left out.
    fn leave_out_what_cannot_be_ordered(&mut self) {
        let mut left_out: BTreeMap<JailName, PathBuf> = BTreeMap::new();
        loop {
            let why = |name: &JailName| left_out.get(name).cloned();
            let Fault { jails, error } = match order::order(&self.jails, &why) {
                Ok(order) => {
                    self.order = order;
                    return;
                }
                Err(fault) => fault,
            };
            for name in jails {
                let Some(file) = self.jails.get(&name).map(|member| member.file) else {
                    continue;
                };
                let path = self.files[file].path.clone();
                self.files[file].fault = Some(error.clone().into());
                for (name, member) in &self.jails {
                    if member.file == file {
                        left_out.insert(name.clone(), path.clone());
                    }
                }
                self.jails.retain(|_, member| member.file != file);
            }
        }
    }

    /// The jails, each after those that it depends on.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = (&JailName, &Description)> {
        self.members()
            .map(|(name, member)| (name, &member.description))
    }

    fn members(&self) -> impl DoubleEndedIterator<Item = (&JailName, &Member)> {
        let described = |name| Some((name, self.jails.get(name)?));
        self.order.iter().filter_map(described)
    }

    /// How a jail is described.
    pub fn get(&self, name: &JailName) -> Option<&Description> {
        self.jails.get(name).map(|member| &member.description)
    }

    /// The files that it was read from, without those that they include.
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// The directory that they lie in, where that is what was named.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }
}

const NO_JAIL: &str = "describes no jail; expected tables such as [jail.NAME]";

#[cfg(test)]
mod tests;
