// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why a case did not pass.

use crate::sys::Errno;
use std::fmt;

/// What a case returns.
pub type CaseResult = Result<(), Failure>;

/// Why a case did not pass: it failed, or it does not apply to this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was seen and what had been expected.
    pub message: String,
    /// The case could not be tried here; this is not a failure of what is tested.
    pub skipped: bool,
}

/// A failure with this message.
pub fn fail(message: impl Into<String>) -> Failure {
    Failure {
        message: message.into(),
        skipped: false,
    }
}

/// Leaves the case out for this reason.
pub fn skip(reason: impl Into<String>) -> Failure {
    Failure {
        message: reason.into(),
        skipped: true,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        fail(format!("a call that the case needs failed: {errno}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        fail(format!("a call that the case needs failed: {error}"))
    }
}

/// Says what a failed step was about.
pub trait Context<T> {
    /// Puts `what` before the reason of a failure.
    fn context(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T> Context<T> for Result<T, Errno> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|errno| fail(format!("{what}: {errno}")))
    }
}

impl<T> Context<T> for Result<T, std::io::Error> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| fail(format!("{what}: {error}")))
    }
}

impl<T> Context<T> for Result<T, Failure> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|failure| Failure {
            message: format!("{what}: {}", failure.message),
            skipped: failure.skipped,
        })
    }
}
