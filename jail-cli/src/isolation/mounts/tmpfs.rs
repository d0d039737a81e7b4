// SPDX-License-Identifier: MIT OR Apache-2.0

//! File systems in memory.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::{as_text, below_root, Noted};
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
    /// So many mebibytes.
    pub(crate) const fn of_mebibytes(count: u64) -> Self {
        Size(count << 20)
    }

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
    /// The permissions of its root directory, where something is said.
    pub mode: Option<Mode>,
}

/// The permissions of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Default for Mode {
    /// As `/tmp` has it.
    fn default() -> Self {
        Mode(0o1777)
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        match u32::from_str_radix(text, 8) {
            Ok(mode) if is_octal && mode <= 0o7777 => Ok(Mode(mode)),
            _ => Err(format!("{text:?}: expected an octal number up to 7777")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:o}", self.0)
    }
}

const SIZE: &str = "size=";
const MODE: &str = "mode=";

impl Tmpfs {
    /// Reads what [`Tmpfs::to_text`] has written.
    ///
    /// # Errors
    ///
    /// What was expected.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: expected DST or DST:size=BYTES,mode=OCTAL or one of the two, with an absolute \
                 path below the root; K, M and G stand for powers of 1024"
            )
        };
        let (target, options) = split_options(text);
        let mut tmpfs = Tmpfs {
            target: below_root(target).ok_or_else(wrong)?,
            size: None,
            mode: None,
        };
        let Some(options) = options else {
            return Ok(tmpfs);
        };
        for option in options.to_str().ok_or_else(wrong)?.split(',') {
            if let (Some(size), None) = (option.strip_prefix(SIZE), tmpfs.size) {
                tmpfs.size = Some(size.parse().map_err(|_| wrong())?);
            } else if let (Some(mode), None) = (option.strip_prefix(MODE), tmpfs.mode) {
                tmpfs.mode = Some(mode.parse().map_err(|_| wrong())?);
            } else {
                return Err(wrong());
            }
        }
        Ok(tmpfs)
    }

    /// As it is given on the command line.
    pub fn to_text(&self) -> OsString {
        let size = self.size.map(|size| format!("{SIZE}{}", size.bytes()));
        let mode = self.mode.map(|mode| format!("{MODE}{mode}"));
        let options: Vec<String> = size.into_iter().chain(mode).collect();
        let mut text = OsString::from(&self.target);
        if !options.is_empty() {
            text.push(format!(":{}", options.join(",")));
        }
        text
    }
}

/// The path, which may have colons, and the options after the first that is followed by one.
fn split_options(text: &OsStr) -> (&OsStr, Option<&OsStr>) {
    let bytes = text.as_bytes();
    let begins = |rest: &[u8]| {
        let rest = rest.strip_prefix(b":");
        rest.is_some_and(|rest| {
            rest.starts_with(SIZE.as_bytes()) || rest.starts_with(MODE.as_bytes())
        })
    };
    match (0..bytes.len()).find(|&at| begins(&bytes[at..])) {
        Some(at) => (
            OsStr::from_bytes(&bytes[..at]),
            Some(OsStr::from_bytes(&bytes[at + 1..])),
        ),
        None => (text, None),
    }
}

as_text!(Tmpfs);
