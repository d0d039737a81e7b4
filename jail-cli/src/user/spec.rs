// SPDX-License-Identifier: MIT OR Apache-2.0

//! `USER|UID[:GROUP|GID]` as it is written on a command line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const EXPECTED: &str = "USER|UID[:GROUP|GID]";

/// A user or group, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Name {
    /// A number; 2^32 - 1 stands for "unchanged" in setresuid(2) and is never one.
    Id(u32),
    /// A name to be looked up.
    Text(String),
}

/// Who is to run in a jail, before it has been looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSpec {
    /// The user.
    pub user: Name,
    /// The group, where it is not to be the user's own.
    pub group: Option<Name>,
}

impl Default for UserSpec {
    /// 1000:1000, the first user of most systems.
    fn default() -> Self {
        UserSpec {
            user: Name::Id(1000),
            group: Some(Name::Id(1000)),
        }
    }
}

impl Name {
    /// A group as it is written on a command line.
    ///
    /// # Errors
    ///
    /// What is expected in its place.
    pub fn group(text: &str) -> Result<Self, String> {
        name(text, "group", "GROUP|GID")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Id(id) => id.fmt(f),
            Name::Text(text) => text.fmt(f),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Name::group(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl fmt::Display for UserSpec {
    /// As it is written on a command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)?;
        match &self.group {
            Some(group) => write!(f, ":{group}"),
            None => Ok(()),
        }
    }
}

impl FromStr for UserSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(name(group, "group", EXPECTED)?)),
            None => (text, None),
        };
        Ok(UserSpec {
            user: name(user, "user", EXPECTED)?,
            group,
        })
    }
}

fn name(text: &str, what: &str, expected: &str) -> Result<Name, String> {
    if text.is_empty() {
        return Err(format!("the {what} is empty; expected {expected}"));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(id) if id != u32::MAX => Ok(Name::Id(id)),
            _ => Err(format!(
                "{what} id {text} is out of range; the largest is {}",
                u32::MAX - 1
            )),
        };
    }
    if text.contains([':', '\n', '\0']) {
        return Err(format!(
            "{text:?} is not a {what} name; expected {expected}"
        ));
    }
    Ok(Name::Text(text.to_owned()))
}
