// SPDX-License-Identifier: MIT OR Apache-2.0

//! Paths and modes as templates write them.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

/// An absolute path in the root directory to be, without `.`, `..` or repeated slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct JailPath(String);

impl JailPath {
    /// Checks that `text` is such a path, and not `/` itself.
    pub fn new(text: &str) -> Result<Self, String> {
        let wrong = |why| Err(format!("path {text:?} {why}"));
        let Some(inside) = text.strip_prefix('/') else {
            return wrong("is not absolute: paths are written as seen in the jail, from / on");
        };
        if inside
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return wrong("has an empty part, \".\" or \"..\" in it");
        }
        if text.contains(|character: char| character.is_control()) {
            return wrong("has a control character in it");
        }
        Ok(JailPath(text.to_owned()))
    }

    /// The path as seen in the jail.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path from the root directory on: without the slash.
    pub fn inside(&self) -> &Path {
        Path::new(self.0.trim_start_matches('/'))
    }
}

impl fmt::Display for JailPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for JailPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

/// Permission bits, with the sticky bit but without set-user-ID and set-group-ID: a jail
/// starts with no_new_privs, under which those do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(u32);

impl Mode {
    /// For directories and programs.
    pub const TRAVERSABLE: Mode = Mode(0o755);
    /// For files.
    pub const READABLE: Mode = Mode(0o644);

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.len() == 4 && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(&text, 8) {
            Ok(bits) if digits && bits <= 0o1777 => Ok(Mode(bits)),
            Ok(_) if digits => Err(format!(
                "mode {text:?} has set-user-ID or set-group-ID, which does nothing in a jail"
            )),
            _ => Err(format!(
                "mode {text:?} is not four octal digits, as in \"0755\""
            )),
        }
    }
}
