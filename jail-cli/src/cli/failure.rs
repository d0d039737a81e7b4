// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is printed when something fails, and the exit status.

use std::fmt::Display;
use std::io::{stderr, IsTerminal};

use jaula::launch::{LaunchError, EXIT_FAILED};
use jaula::text::shown_text;

/// The reason why `jaula` does not do what it is asked to do.
#[derive(Debug)]
pub enum Failure {
    /// The command line; also when it asks for help or the version.
    Usage(clap::Error),
    /// Anything else, with the exit status for it.
    Other(u8, String),
}

impl Failure {
    /// Prints it, and returns the exit status.
    pub fn print(&self) -> u8 {
        match self {
            Failure::Usage(error) => {
                // Where it cannot be printed there is nothing better to do.
                let _ = error.print();
                if error.use_stderr() {
                    EXIT_FAILED
                } else {
                    0
                }
            }
            Failure::Other(status, message) => {
                let name = if stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
                    "\x1b[1;31mjaula:\x1b[0m"
                } else {
                    "jaula:"
                };
                // Names in it can be those of a tree that somebody has made.
                jaula::complain!("{name} {}", shown_text(message));
                *status
            }
        }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Failure::Usage(error)
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        Failure::Other(error.status(), error.to_string())
    }
}

impl From<jaula::JailError> for Failure {
    fn from(error: jaula::JailError) -> Self {
        Failure::failed(error)
    }
}

impl From<jaula::jails::JailsError> for Failure {
    fn from(error: jaula::jails::JailsError) -> Self {
        Failure::failed(error)
    }
}

impl Failure {
    /// A failure of what needs no jail.
    pub fn failed(error: impl Display) -> Self {
        Failure::Other(EXIT_FAILED, error.to_string())
    }
}
