// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is told to engines, in the words that they look for.
//!
//! There are no codes: podman and containerd search a message for parts of runc's.

use std::fmt;

use super::{ContainerId, Status};
use crate::launch::{LaunchError, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciError {
    message: String,
    is_missing: bool,
}

impl OciError {
    /// No such container.
    pub(super) fn missing(id: &ContainerId) -> Self {
        OciError {
            message: format!("container {id} does not exist"),
            is_missing: true,
        }
    }

    /// Whether there is no such container.
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// A container has that name already.
    pub(super) fn exists(id: &ContainerId) -> Self {
        OciError::from(format!(
            "container {id}: a container with that ID already exists"
        ))
    }

    /// One that has ended is sent no signal.
    pub(super) fn not_running(id: &ContainerId) -> Self {
        OciError::from(format!("container {id}: container not running"))
    }

    /// It can be deleted by force alone.
    pub(super) fn not_stopped(id: &ContainerId, status: Status) -> Self {
        OciError::from(format!(
            "cannot delete container {id} that is not stopped: {status}; --force kills it first"
        ))
    }

    /// It does not wait to be started.
    pub(super) fn not_created(id: &ContainerId, status: Status) -> Self {
        OciError::from(format!("cannot start container {id}: it is {status}"))
    }

    /// The command was not executed.
    pub(super) fn launch(id: &ContainerId, error: &LaunchError) -> Self {
        // By these words alone 127 and 126 become the exit status of an engine's command.
        let kind = match error.status() {
            EXIT_NOT_FOUND => "executable file not found in $PATH or at its path: ",
            EXIT_NOT_EXECUTABLE => "permission denied, or no program: ",
            _ => "",
        };
        OciError::from(format!("container {id}: {kind}{error}"))
    }
}

impl From<String> for OciError {
    fn from(message: String) -> Self {
        OciError {
            message,
            is_missing: false,
        }
    }
}

impl fmt::Display for OciError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl std::error::Error for OciError {}
