// SPDX-License-Identifier: MIT OR Apache-2.0

//! Limits of each process (getrlimit(2)): those that are asked for.

use std::fmt;
use std::str::FromStr;

use rustix::process::{Resource, Rlimit as Values};
use serde::{Deserialize, Serialize};

/// What can be limited, by its name in /etc/security/limits.conf and prlimit(1).
const RESOURCES: [(&str, Resource); 15] = [
    ("as", Resource::As),
    ("core", Resource::Core),
    ("cpu", Resource::Cpu),
    ("data", Resource::Data),
    ("fsize", Resource::Fsize),
    ("memlock", Resource::Memlock),
    ("msgqueue", Resource::Msgqueue),
    ("nice", Resource::Nice),
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("rss", Resource::Rss),
    ("rtprio", Resource::Rtprio),
    ("rttime", Resource::Rttime),
    ("sigpending", Resource::Sigpending),
    ("stack", Resource::Stack),
];

/// One of the names above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name(&'static str);

/// One limit: soft and hard; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rlimit {
    name: Name,
    soft: Option<u64>,
    hard: Option<u64>,
}

impl Rlimit {
    /// Neither core files, which the kernel would write where the jail can be written, nor, by this
    /// very number (core(5)), a program of the host that is given them.
    pub const NO_CORE: Rlimit = Rlimit {
        name: Name("core"),
        soft: Some(1),
        hard: Some(1),
    };

    /// What is limited.
    pub fn name(&self) -> &'static str {
        self.name.0
    }

    /// What is limited, as the kernel knows it.
    pub(crate) fn resource(&self) -> Option<Resource> {
        let found = RESOURCES.iter().find(|(name, _)| *name == self.name());
        found.map(|(_, resource)| *resource)
    }

    /// The soft and the hard limit.
    pub(crate) fn values(&self) -> Values {
        Values {
            current: self.soft,
            maximum: self.hard,
        }
    }
}

/// All that can be limited.
pub(crate) fn resources() -> impl Iterator<Item = Resource> {
    RESOURCES.iter().map(|(_, resource)| *resource)
}

impl FromStr for Rlimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let names: Vec<&str> = RESOURCES.iter().map(|(name, _)| *name).collect();
            format!(
                "{text:?}: expected NAME=SOFT[:HARD], numbers or \"max\" (K, M and G stand for \
                 powers of 1024), where NAME is one of {}",
                names.join(", ")
            )
        };
        let (name, values) = text.split_once('=').ok_or_else(wrong)?;
        let found = RESOURCES.iter().find(|(known, _)| *known == name);
        let name = found.ok_or_else(wrong)?.0;
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let (soft, hard) = (
            value(soft).ok_or_else(wrong)?,
            value(hard).ok_or_else(wrong)?,
        );
        // No limit is the largest there is.
        if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
            return Err(format!("{text:?}: the soft limit is above the hard one"));
        }
        Ok(Rlimit {
            name: Name(name),
            soft,
            hard,
        })
    }
}

/// A number or no limit; `None` where it is neither.
fn value(text: &str) -> Option<Option<u64>> {
    match crate::jails::Value::parse(text, true)? {
        // The kernel takes the largest number for no limit.
        crate::jails::Value::At(u64::MAX) => None,
        crate::jails::Value::At(number) => Some(Some(number)),
        crate::jails::Value::Max => Some(None),
    }
}

impl fmt::Display for Rlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: Option<u64>| value.map_or("max".to_owned(), |value| value.to_string());
        write!(f, "{}={}:{}", self.name(), text(self.soft), text(self.hard))
    }
}

impl TryFrom<String> for Rlimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rlimit> for String {
    fn from(limit: Rlimit) -> Self {
        limit.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        for (text, shown) in [
            ("core=0", "core=0:0"),
            ("nofile=10:20", "nofile=10:20"),
            ("as=1G", "as=1073741824:1073741824"),
            ("stack=8M:max", "stack=8388608:max"),
            ("cpu=max", "cpu=max:max"),
        ] {
            let limit: Rlimit = text.parse().expect(text);
            assert_eq!(limit.to_string(), shown);
        }
        assert_eq!("core=1".parse(), Ok(Rlimit::NO_CORE));
        for text in [
            "",
            "core",
            "core=",
            "core=-1",
            "core=1:",
            "files=3",
            "nofile=20:10",
            "cpu=max:3",
        ] {
            assert!(text.parse::<Rlimit>().is_err(), "{text}");
        }
    }
}
