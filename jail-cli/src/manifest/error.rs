// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why a description of jails cannot be used.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::Place;
use crate::text::shown;

/// Something in a description that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    place: Place,
    what: String,
}

impl Invalid {
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        Invalid {
            place,
            what: what.into(),
        }
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for Invalid {}

/// Why a description of jails cannot be used.
#[derive(Clone, Debug, Error)]
pub enum ManifestError {
    /// It could not be read.
    #[error("{}: {why}", shown(.path))]
    Unreadable {
        /// Which file or directory.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// There is nothing in it.
    #[error("{0}")]
    Empty(&'static str),
    /// It is no TOML, or something in it is not as it should be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}
