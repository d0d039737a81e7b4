// SPDX-License-Identifier: MIT OR Apache-2.0

//! `USER|UID[:GROUP|GID]` as it is written on a command line.

use std::fmt;
use std::str::FromStr;

/// A user or group, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Id(id) => id.fmt(f),
            Name::Text(text) => text.fmt(f),
        }
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
            Some((user, group)) => (user, Some(name(group, "group")?)),
            None => (text, None),
        };
        Ok(UserSpec {
            user: name(user, "user")?,
            group,
        })
    }
}

fn name(text: &str, what: &str) -> Result<Name, String> {
    if text.is_empty() {
        return Err(format!(
            "the {what} is empty; expected USER|UID[:GROUP|GID]"
        ));
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
            "{text:?} is not a {what} name; expected USER|UID[:GROUP|GID]"
        ));
    }
    Ok(Name::Text(text.to_owned()))
}
