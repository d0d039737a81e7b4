// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where what a jail prints goes, and how much of it is kept.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::journal;
use crate::jails::Value;

/// How many of the last bytes can be read unless something else is said.
pub const SIZE: u64 = 1 << 20;

/// Where what a jail prints goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// Into files of jaula's own.
    #[default]
    Kept,
    /// To the host's systemd-journald.
    Journald,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "kept" => Ok(Destination::Kept),
            "journald" => Ok(Destination::Journald),
            _ => Err("expected kept or journald".into()),
        }
    }
}

/// What is done with what a jail prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where it goes.
    pub destination: Destination,
    /// How many of the last bytes can be read at any time; twice as many are kept at most.
    pub size: u64,
}

/// Reads a size: bytes, or K, M and G for powers of 1024.
///
/// # Errors
///
/// What is expected, where it is something else.
pub fn size(text: &str) -> Result<u64, String> {
    match Value::parse(text, true) {
        Some(Value::At(size)) if size > 0 => Ok(size),
        _ => Err("expected a number of bytes; K, M and G stand for powers of 1024".into()),
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            destination: Destination::default(),
            size: SIZE,
        }
    }
}

impl Settings {
    /// Whether this machine can do it.
    ///
    /// # Errors
    ///
    /// What is missing, in words for the user.
    pub fn check(&self) -> Result<(), String> {
        match self.destination {
            Destination::Kept => Ok(()),
            Destination::Journald => journal::is_there(),
        }
    }
}
