// SPDX-License-Identifier: MIT OR Apache-2.0

//! Directories and files of the host.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::text::{absolute, as_text, below_root, split_once, Noted};

/// A directory or file of the host that is seen in the jail as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Noted", into = "Noted")]
pub struct Bind {
    /// What is seen, on the host.
    pub source: PathBuf,
    /// Where, in the jail.
    pub target: PathBuf,
    /// Whether nothing can be changed in it from there.
    pub read_only: bool,
}

const READ_ONLY: &str = ":ro";

impl Bind {
    /// Reads what [`Bind::to_text`] has written.
    ///
    /// # Errors
    ///
    /// What was expected.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: expected SRC:DST or SRC:DST:ro, with absolute paths, DST below the root"
            )
        };
        let (paths, read_only) = match text.as_bytes().strip_suffix(READ_ONLY.as_bytes()) {
            Some(paths) => (OsStr::from_bytes(paths), true),
            None => (text, false),
        };
        let (source, target) = split_once(paths, ":").ok_or_else(wrong)?;
        if target.as_bytes().contains(&b':') {
            return Err(wrong());
        }
        Ok(Bind {
            source: absolute(source).ok_or_else(wrong)?,
            target: below_root(target).ok_or_else(wrong)?,
            read_only,
        })
    }

    /// As it is given on the command line.
    pub fn to_text(&self) -> OsString {
        let mut text = OsString::from(&self.source);
        text.push(":");
        text.push(&self.target);
        text.push(if self.read_only { READ_ONLY } else { "" });
        text
    }
}

as_text!(Bind);
