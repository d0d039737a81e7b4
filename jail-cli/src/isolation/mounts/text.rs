// SPDX-License-Identifier: MIT OR Apache-2.0

//! How mounts are written: as text, which may hold any bytes, for file names do.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// As it is noted: text where it is UTF-8, a list of bytes where it is not.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Noted {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<OsString> for Noted {
    fn from(text: OsString) -> Self {
        text.into_string()
            .map_or_else(|text| Noted::Bytes(text.into_vec()), Noted::Text)
    }
}

impl From<Noted> for OsString {
    fn from(noted: Noted) -> Self {
        match noted {
            Noted::Text(text) => text.into(),
            Noted::Bytes(bytes) => OsString::from_vec(bytes),
        }
    }
}

/// What is before the first `separator`, and what is after it.
pub fn split_once<'a>(text: &'a OsStr, separator: &str) -> Option<(&'a OsStr, &'a OsStr)> {
    let (bytes, separator) = (text.as_bytes(), separator.as_bytes());
    let at = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    let (before, after) = (&bytes[..at], &bytes[at + separator.len()..]);
    Some((OsStr::from_bytes(before), OsStr::from_bytes(after)))
}

/// A path that begins at the root.
pub fn absolute(text: &OsStr) -> Option<PathBuf> {
    let bytes = text.as_bytes();
    (bytes.starts_with(b"/") && !bytes.contains(&0)).then(|| PathBuf::from(text))
}

/// A path in the jail that something can be mounted on: not the root itself, which that would hide.
pub fn below_root(text: &OsStr) -> Option<PathBuf> {
    let is_below = |path: &Path| {
        path.components()
            .any(|part| matches!(part, Component::Normal(_)))
    };
    absolute(text).filter(|path| is_below(path))
}

/// Reading and writing of a type that has `parse` and `to_text`.
macro_rules! as_text {
    ($type:ty) => {
        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::parse(text.as_ref())
            }
        }

        impl TryFrom<super::text::Noted> for $type {
            type Error = String;

            fn try_from(noted: super::text::Noted) -> Result<Self, String> {
                Self::parse(&std::ffi::OsString::from(noted))
            }
        }

        impl From<$type> for super::text::Noted {
            fn from(value: $type) -> Self {
                value.to_text().into()
            }
        }
    };
}

pub(super) use as_text;
