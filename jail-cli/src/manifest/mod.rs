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

mod command;
mod hook;
mod order;
mod present;
mod schema;
mod up;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use hook::Hook;
pub use schema::{Description, Hooks};
pub use up::{down, up, Event};

use crate::jails::JailName;
use crate::text::shown;

/// Why a description of jails cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It could not be read.
    #[error("{}: {why}", shown(.path))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// It is no TOML, or something in it is not as it should be; the text says where.
    #[error("{0}")]
    Invalid(String),
    /// A jail depends on one that is not described.
    #[error("jail.{jail}: depends on {missing}, which is not described")]
    Undescribed {
        /// Which jail.
        jail: JailName,
        /// On what.
        missing: JailName,
    },
    /// Jails depend on each other in a circle.
    #[error("these depend on each other in a circle: {0}")]
    Circle(String),
}

/// Several jails.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Where paths that are not absolute begin.
    directory: PathBuf,
    jails: BTreeMap<JailName, Description>,
    /// Each after those that it depends on.
    order: Vec<JailName>,
}

impl Manifest {
    /// Reads it from a file.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let unreadable = |error: std::io::Error| ManifestError::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let whole = fs::canonicalize(path).map_err(unreadable)?;
        let directory = whole.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, directory)
            .map_err(|error| ManifestError::Invalid(format!("{}: {error}", shown(path))))
    }

    /// Reads it from text; paths in it that are not absolute begin in `directory`.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, ManifestError> {
        let jails = schema::parse(text).map_err(ManifestError::Invalid)?;
        let order = order::order(&jails)?;
        Ok(Manifest {
            directory: directory.to_owned(),
            jails,
            order,
        })
    }

    /// The jails, each after those that it depends on.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = (&JailName, &Description)> {
        let described = |name| Some((name, self.jails.get(name)?));
        self.order.iter().filter_map(described)
    }

    /// Where the directory is that becomes the root of a jail.
    pub fn root(&self, description: &Description) -> PathBuf {
        self.directory.join(&description.root)
    }

    /// Where paths that are not absolute begin.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

#[cfg(test)]
mod tests;
