// SPDX-License-Identifier: MIT OR Apache-2.0

//! How an administrator says which jail is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::jail::JailNumber;

/// The longest name, in bytes.
const LONGEST: usize = 63;

/// The name of a jail: `[A-Za-z0-9_-]{1,63}`, and not digits alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JailName(String);

impl JailName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JailName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let why = if text.is_empty() || text.len() > LONGEST || !text.bytes().all(character) {
            "expected 1 to 63 letters, digits, '_' and '-'"
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            "digits alone would be a number"
        } else {
            return Ok(JailName(text.to_owned()));
        };
        Err(format!("{text:?} is no name for a jail: {why}"))
    }
}

impl TryFrom<String> for JailName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<JailName> for String {
    fn from(name: JailName) -> Self {
        name.0
    }
}

impl fmt::Display for JailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A jail, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JailId {
    /// By its number, which is never the host's.
    Number(JailNumber),
    /// By its name.
    Name(JailName),
}

impl FromStr for JailId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(JailId::Name);
        }
        match text.parse().ok().and_then(JailNumber::new) {
            Some(JailNumber::HOST) => Err("0 is the host, which is no jail".into()),
            Some(number) => Ok(JailId::Number(number)),
            None => Err(format!("{text} is no jail's number: it is too large")),
        }
    }
}

impl fmt::Display for JailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JailId::Number(number) => number.fmt(f),
            JailId::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_all_else_a_name() {
        assert_eq!(
            "17".parse().map(|id: JailId| id.to_string()),
            Ok("17".into())
        );
        assert!(matches!("17".parse(), Ok(JailId::Number(_))));
        assert!(matches!("17a".parse(), Ok(JailId::Name(_))));
        assert!(matches!("-".parse(), Ok(JailId::Name(_))));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "0",
            "2147483648",
            "a b",
            "a/b",
            "..",
            "é",
            &"x".repeat(64),
        ] {
            assert!(text.parse::<JailId>().is_err(), "{text:?}");
        }
        assert!("12".parse::<JailName>().is_err());
        assert!("x".repeat(63).parse::<JailName>().is_ok());
    }
}
