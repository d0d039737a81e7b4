// SPDX-License-Identifier: MIT OR Apache-2.0

//! Paths and modes as templates write them.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// An absolute path in the root directory to be, without `.`, `..` or repeated slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
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

/// Permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u32);

impl Mode {
    /// For directories and programs.
    pub const TRAVERSABLE: Mode = Mode(0o755);
    /// For files.
    pub const READABLE: Mode = Mode(0o644);

    /// These bits, of those that a mode can have.
    pub fn from_bits(bits: u32) -> Self {
        Mode(bits & 0o7777)
    }

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether set-user-ID or set-group-ID is among them: a jail starts with no_new_privs, under which
    /// those do nothing, and whoever gets there from outside is given something.
    pub fn sets_id(self) -> bool {
        self.0 & 0o6000 != 0
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        format!("{:04o}", mode.0)
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.len() == 4 && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(&text, 8) {
            Ok(bits) if digits => Ok(Mode(bits)),
            _ => Err(format!(
                "mode {text:?} is not four octal digits, as in \"0755\""
            )),
        }
    }
}

/// The number of a user or group: a number, or a text of digits, as a variable makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "Number")]
pub struct Id(pub u32);

#[derive(Deserialize)]
#[serde(untagged, expecting = "an id is a number from 0 to 4294967294")]
enum Number {
    Number(u32),
    Text(String),
}

impl TryFrom<Number> for Id {
    type Error = String;

    fn try_from(number: Number) -> Result<Self, String> {
        match number {
            Number::Number(id) => Ok(Id(id)),
            Number::Text(text) => match text.bytes().all(|byte| byte.is_ascii_digit()) {
                true => text
                    .parse()
                    .map(Id)
                    .map_err(|_| format!("{text:?} is no id")),
                false => Err(format!("{text:?} is no id")),
            },
        }
    }
}

/// Names: a list of them, or a text in which blanks part them, as a variable makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Listed")]
pub struct Words(pub Vec<String>);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "names are a list of texts, or a text in which blanks part them"
)]
enum Listed {
    List(Vec<String>),
    Text(String),
}

impl From<Listed> for Words {
    fn from(listed: Listed) -> Self {
        let texts = match listed {
            Listed::List(list) => list,
            Listed::Text(text) => vec![text],
        };
        let words = texts.iter().flat_map(|text| text.split_whitespace());
        Words(words.map(str::to_owned).collect())
    }
}
