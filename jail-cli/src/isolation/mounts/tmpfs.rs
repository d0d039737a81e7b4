// SPDX-License-Identifier: MIT OR Apache-2.0

//! File systems in memory.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{as_text, below_root, split_once, Noted};
use crate::jails::Value;

/// How many bytes a file system in memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Amount", into = "u64")]
pub struct Size(u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    Text(String),
}

impl Default for Size {
    /// 64 MiB: what a jail has of each unless more is asked for.
    fn default() -> Self {
        Size(64 << 20)
    }
}

impl Size {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// How many files and directories fit, for those take memory as well: one for each page.
    pub fn files(self) -> u64 {
        const PAGE: u64 = 4096;
        const LEAST: u64 = 1024;
        (self.0 / PAGE).max(LEAST)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Value::parse(text, true) {
            Some(Value::At(size)) if size > 0 => Ok(Size(size)),
            _ => Err(format!(
                "{text:?}: expected a number of bytes; K, M and G stand for powers of 1024"
            )),
        }
    }
}

impl TryFrom<Amount> for Size {
    type Error = String;

    fn try_from(amount: Amount) -> Result<Self, String> {
        match amount {
            Amount::Number(number) => number.to_string().parse(),
            Amount::Text(text) => text.parse(),
        }
    }
}

impl From<Size> for u64 {
    fn from(size: Size) -> Self {
        size.0
    }
}

/// An empty file system in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Noted", into = "Noted")]
pub struct Tmpfs {
    /// Where, in the jail.
    pub target: PathBuf,
    /// How much it holds, where something is said.
    pub size: Option<Size>,
}

const SIZE: &str = ":size=";

impl Tmpfs {
    /// Reads what [`Tmpfs::to_text`] has written.
    ///
    /// # Errors
    ///
    /// What was expected.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: expected DST or DST:size=BYTES, with an absolute path below the root; K, \
                 M and G stand for powers of 1024"
            )
        };
        let (target, size) = match split_once(text, SIZE) {
            Some((target, size)) => {
                let size = size.to_str().and_then(|size| size.parse().ok());
                (target, Some(size.ok_or_else(wrong)?))
            }
            None => (text, None),
        };
        let target = below_root(target).ok_or_else(wrong)?;
        Ok(Tmpfs { target, size })
    }

    /// As it is given on the command line.
    pub fn to_text(&self) -> OsString {
        let mut text = OsString::from(&self.target);
        if let Some(size) = self.size {
            text.push(format!("{SIZE}{}", size.bytes()));
        }
        text
    }
}

as_text!(Tmpfs);
