// SPDX-License-Identifier: MIT OR Apache-2.0

//! What engines call their containers.

use std::fmt;
use std::str::FromStr;

/// The name of a container: also that of its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerId(String);

impl ContainerId {
    /// How long one can be: the path of a socket that lies in the directory has 107 bytes.
    const LIMIT: usize = 80;

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_usual = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
        match text.chars().all(is_usual) && !text.starts_with('.') {
            true if (1..=Self::LIMIT).contains(&text.len()) => Ok(ContainerId(text.to_owned())),
            _ => Err(format!(
                "expected 1 to {} letters, digits, '_', '+', '-' and '.', and no '.' first",
                Self::LIMIT
            )),
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leads_nowhere_else() {
        let long = "a".repeat(64);
        for id in ["a", "0", "web_1+x-y.z", long.as_str()] {
            assert_eq!(
                id.parse().map(|id: ContainerId| id.to_string()),
                Ok(id.into())
            );
        }
        let too_long = "a".repeat(81);
        for id in [
            "",
            ".",
            "..",
            ".scratch-1-0",
            "a/b",
            "a\0",
            "a b",
            "ä",
            too_long.as_str(),
        ] {
            assert!(id.parse::<ContainerId>().is_err(), "{id:?}");
        }
    }
}
