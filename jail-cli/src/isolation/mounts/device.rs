// SPDX-License-Identifier: MIT OR Apache-2.0

//! Devices of the host.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::text::{absolute, as_text, below_root, split_once, Noted};

/// A device of the host that the jail may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Noted", into = "Noted")]
pub struct Device {
    /// Its node, on the host.
    pub source: PathBuf,
    /// Where it is in the jail.
    pub target: PathBuf,
}

impl Device {
    /// Reads what [`Device::to_text`] has written.
    ///
    /// # Errors
    ///
    /// What was expected.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected SRC or SRC:DST, with absolute paths");
        let (source, target) = split_once(text, ":").unwrap_or((text, text));
        if target.as_bytes().contains(&b':') {
            return Err(wrong());
        }
        Ok(Device {
            source: absolute(source).ok_or_else(wrong)?,
            target: below_root(target).ok_or_else(wrong)?,
        })
    }

    /// As it is given on the command line.
    pub fn to_text(&self) -> OsString {
        let mut text = OsString::from(&self.source);
        if self.source != self.target {
            text.push(":");
            text.push(&self.target);
        }
        text
    }
}

as_text!(Device);
