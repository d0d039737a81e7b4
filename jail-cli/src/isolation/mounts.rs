// SPDX-License-Identifier: MIT OR Apache-2.0

//! What else is mounted in a jail.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::jails::Value;

/// A directory or file of the host that is seen in the jail as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bind {
    /// What is seen, on the host.
    pub source: PathBuf,
    /// Where, in the jail.
    pub target: PathBuf,
    /// Whether nothing can be changed in it from there.
    pub read_only: bool,
}

/// An empty file system in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tmpfs {
    /// Where, in the jail.
    pub target: PathBuf,
    /// How many bytes it may hold; half of the memory where nothing is said.
    pub size: Option<u64>,
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected SRC:DST or SRC:DST:ro, with absolute paths");
        let (paths, read_only) = match text.strip_suffix(":ro") {
            Some(paths) => (paths, true),
            None => (text, false),
        };
        let (source, target) = paths.split_once(':').ok_or_else(wrong)?;
        let bind = Bind {
            source: absolute(source).ok_or_else(wrong)?,
            target: absolute(target).ok_or_else(wrong)?,
            read_only,
        };
        // It would hide what has just been made the root.
        match bind.target == Path::new("/") || target.contains(':') {
            true => Err(wrong()),
            false => Ok(bind),
        }
    }
}

impl FromStr for Tmpfs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: expected DST or DST:size=BYTES, with an absolute path; K, M and G \
                 stand for powers of 1024"
            )
        };
        let (target, size) = match text.split_once(":size=") {
            Some((target, size)) => match Value::parse(size, true) {
                Some(Value::At(size)) if size > 0 => (target, Some(size)),
                _ => return Err(wrong()),
            },
            None => (text, None),
        };
        match absolute(target) {
            Some(target) if target != Path::new("/") && !text.contains('\0') => {
                Ok(Tmpfs { target, size })
            }
            _ => Err(wrong()),
        }
    }
}

fn absolute(text: &str) -> Option<PathBuf> {
    let is_good = text.starts_with('/') && !text.contains('\0');
    is_good.then(|| PathBuf::from(text))
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read_only = if self.read_only { ":ro" } else { "" };
        let (source, target) = (self.source.display(), self.target.display());
        write!(f, "{source}:{target}{read_only}")
    }
}

impl fmt::Display for Tmpfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target.display())?;
        self.size.map_or(Ok(()), |size| write!(f, ":size={size}"))
    }
}

/// As text, which is how they are given and how they are noted.
macro_rules! as_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(Bind);
as_text!(Tmpfs);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let bind: Bind = "/srv/data:/data:ro".parse().expect("a bind");
        assert!(bind.read_only && bind.target == Path::new("/data"));
        let bind: Bind = "/srv/data:/data".parse().expect("a bind");
        assert!(!bind.read_only);
        let tmpfs: Tmpfs = "/tmp:size=2K".parse().expect("a tmpfs");
        assert_eq!(tmpfs.to_string(), "/tmp:size=2048");
        for text in ["", "/a", "a:/b", "/a:b", "/a:/", "/a:/b:rw", ":/b", "/a:"] {
            assert!(text.parse::<Bind>().is_err(), "{text}");
        }
        for text in [
            "",
            "tmp",
            "/",
            "/a:size=",
            "/a:size=0",
            "/a:size=max",
            "/a:size=1X",
        ] {
            assert!(text.parse::<Tmpfs>().is_err(), "{text}");
        }
    }
}
