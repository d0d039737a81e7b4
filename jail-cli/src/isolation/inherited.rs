// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a process has of the one that started it, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Something that a process has of its parent unless it is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Inherited {
    /// The scheduling policy, its priority, and the nice value.
    Scheduling,
    /// The class and priority of what it reads and writes.
    IoPriority,
    /// The processors that it runs on.
    Affinity,
    /// From which nodes its memory comes, whether in huge pages, and whether equal pages are merged.
    Memory,
    /// What is changed about the kernel's interface (personality(2)).
    Personality,
    /// How likely it is killed where memory runs out.
    OomScoreAdj,
    /// How late it may be woken.
    TimerSlack,
    /// Who logged in, for the audit log and for PAM.
    LoginUid,
    /// The limits of the process.
    Rlimits,
    /// The signals that are ignored.
    Signals,
}

impl Inherited {
    /// All of them.
    pub const ALL: [Inherited; 10] = [
        Inherited::Scheduling,
        Inherited::IoPriority,
        Inherited::Affinity,
        Inherited::Memory,
        Inherited::Personality,
        Inherited::OomScoreAdj,
        Inherited::TimerSlack,
        Inherited::LoginUid,
        Inherited::Rlimits,
        Inherited::Signals,
    ];

    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Inherited::Scheduling => "scheduling",
            Inherited::IoPriority => "io-priority",
            Inherited::Affinity => "affinity",
            Inherited::Memory => "memory",
            Inherited::Personality => "personality",
            Inherited::OomScoreAdj => "oom-score-adj",
            Inherited::TimerSlack => "timer-slack",
            Inherited::LoginUid => "login-uid",
            Inherited::Rlimits => "rlimits",
            Inherited::Signals => "signals",
        }
    }
}

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Inherited {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Inherited::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            let names = Inherited::ALL.map(Inherited::name);
            format!("{text:?} is not inherited; there are {}", names.join(", "))
        })
    }
}

impl TryFrom<String> for Inherited {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Inherited> for &'static str {
    fn from(inherited: Inherited) -> Self {
        inherited.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_others_are_listed() {
        for inherited in Inherited::ALL {
            assert_eq!(inherited.name().parse(), Ok(inherited));
        }
        let error = "colour".parse::<Inherited>().expect_err("no such name");
        assert!(error.contains("scheduling, io-priority"), "{error}");
    }

    #[test]
    fn each_is_in_the_guide() {
        let guide = include_str!("../../../docs/guide.md");
        let table = guide.split_once("### What is inherited");
        let (_, table) = table.expect("the guide has such a part");
        for inherited in Inherited::ALL {
            assert!(table.contains(&format!("| `{inherited}` |")), "{inherited}");
        }
    }
}
