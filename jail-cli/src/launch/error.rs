// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why nothing was executed, and the exit status that says so.

use std::fmt;
use std::path::Path;

use crate::text::shown;

/// Exit status: something failed before anything was executed.
pub const EXIT_FAILED: u8 = 125;
/// Exit status: the command is there but cannot be executed.
pub const EXIT_NOT_EXECUTABLE: u8 = 126;
/// Exit status: the command, its interpreter or its loader is not there.
pub const EXIT_NOT_FOUND: u8 = 127;

/// A launch that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchError {
    status: u8,
    message: String,
}

impl LaunchError {
    pub(crate) fn new(status: u8, message: impl Into<String>) -> Self {
        LaunchError {
            status,
            message: message.into(),
        }
    }

    /// A failure before anything was executed that is about the root directory `root`.
    pub(crate) fn about(root: &Path, what: impl fmt::Display) -> Self {
        Self::new(EXIT_FAILED, format!("{}: {what}", shown(root)))
    }

    /// A failure before anything was executed.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(EXIT_FAILED, what)
    }

    /// The exit status for it: 125, 126 or 127, as the `EXIT_` constants define them.
    pub fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LaunchError {}
