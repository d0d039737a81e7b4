// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of networks, and of interfaces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::as_string;

/// The longest name of an interface, in bytes (IFNAMSIZ, without the NUL at its end).
const LONGEST: usize = 15;

/// What the name of a network's bridge begins with.
const BRIDGE: &str = "jn-";

/// Names that say something else where a network is named.
const TAKEN: [&str; 6] = ["host", "none", "ns", "bridge", "macvlan", "container"];

/// The name of a network of jaula's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkName(String);

impl NetworkName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its bridge is called.
    pub fn bridge(&self) -> String {
        format!("{BRIDGE}{}", self.0)
    }
}

impl FromStr for NetworkName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let most = LONGEST - BRIDGE.len();
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let why = if text.is_empty() || text.len() > most || !text.bytes().all(is_letter) {
            format!("it takes 1 to {most} letters, digits, '_' and '-'")
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) || text.starts_with('-') {
            "digits alone would be a number, and what begins with '-' an option".into()
        } else if TAKEN.contains(&text) {
            "it means something else there".into()
        } else {
            return Ok(NetworkName(text.to_owned()));
        };
        Err(format!("{text:?} is no name for a network: {why}"))
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

as_string!(NetworkName);

/// The name of an interface of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interface(String);

impl Interface {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Interface {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What the kernel takes, but for what would be read as something else here.
        let is_fit = |byte: u8| byte.is_ascii_graphic() && !b"/:,%\"'\\".contains(&byte);
        let is_name = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_fit);
        match is_name && text != "." && text != ".." {
            true => Ok(Interface(text.to_owned())),
            false => Err(format!("{text:?} is no name of an interface")),
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

as_string!(Interface);
