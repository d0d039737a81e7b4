// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why nothing was built.

use std::fmt::Display;
use std::path::Path;

use nix::errno::Errno;

/// A root directory that could not be built: which path, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct BuildError {
    path: String,
    reason: String,
}

impl BuildError {
    /// Something is wrong with a path, of the host or of the root directory.
    pub(crate) fn new(path: impl AsRef<Path>, reason: impl Display) -> Self {
        BuildError {
            path: path.as_ref().display().to_string(),
            reason: reason.to_string(),
        }
    }

    /// The kernel refused to do `what` with a path.
    pub(crate) fn kernel(path: impl AsRef<Path>, what: &str, errno: Errno) -> Self {
        Self::new(path, format!("{what}: {} ({errno:?})", errno.desc()))
    }

    /// The path, and what is wrong with it.
    pub(crate) fn into_parts(self) -> (String, String) {
        (self.path, self.reason)
    }
}
