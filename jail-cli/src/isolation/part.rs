// SPDX-License-Identifier: MIT OR Apache-2.0

//! The parts that can be turned off, each by its name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Something that is put around a command by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Part {
    /// Mounts of its own, with the root directory as the only root there is.
    Mounts,
    /// A /proc that shows the jail alone, where the root has such a directory.
    Proc,
    /// A /dev with little in it, where the root has such a directory.
    Dev,
    /// The filter of system calls.
    Seccomp,
    /// That nothing executed gives new privileges.
    NoNewPrivs,
    /// That capabilities are cut to what the jail may use.
    Capabilities,
    /// That what a process inherits of its caller is reset.
    Reset,
    /// The limits of each process.
    Rlimits,
    /// The umask.
    Umask,
    /// A session of its own, for what does not run on a terminal.
    Session,
    /// A terminal of its own, for what runs on one.
    Pty,
}

impl Part {
    /// All of them, in the order in which they are put around a command.
    pub const ALL: [Part; 11] = [
        Part::Mounts,
        Part::Proc,
        Part::Dev,
        Part::Seccomp,
        Part::NoNewPrivs,
        Part::Capabilities,
        Part::Reset,
        Part::Rlimits,
        Part::Umask,
        Part::Session,
        Part::Pty,
    ];

    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Mounts => "mounts",
            Part::Proc => "proc",
            Part::Dev => "dev",
            Part::Seccomp => "seccomp",
            Part::NoNewPrivs => "no-new-privs",
            Part::Capabilities => "capabilities",
            Part::Reset => "reset",
            Part::Rlimits => "rlimits",
            Part::Umask => "umask",
            Part::Session => "session",
            Part::Pty => "pty",
        }
    }

    /// Why it cannot be had, and what to do where it is not wanted.
    pub(crate) fn missing(self, why: impl fmt::Display) -> String {
        format!("{why}; \"--without {self}\" does without it")
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || {
            let names: Vec<&str> = Part::ALL.iter().map(|part| part.name()).collect();
            format!("there is no part {text:?}; there are {}", names.join(", "))
        };
        let found = Part::ALL.into_iter().find(|part| part.name() == text);
        found.ok_or_else(known)
    }
}

impl TryFrom<String> for Part {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Part> for &'static str {
    fn from(part: Part) -> Self {
        part.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_others_are_listed() {
        for part in Part::ALL {
            assert_eq!(part.name().parse(), Ok(part));
        }
        let error = "colour".parse::<Part>().expect_err("no such part");
        assert!(error.contains("seccomp, no-new-privs"), "{error}");
    }
}
