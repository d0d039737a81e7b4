// SPDX-License-Identifier: MIT OR Apache-2.0

//! User and group ids of a jail's own.
//!
//! In the jail they are counted from 0, as they are on its disk. On the host they lie in a block that
//! nobody else has, so that what the kernel counts, or permits, by the number of a user is the jail's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The first id that may be in a block: those below are for the accounts of a host.
const LOWEST: u32 = 1 << 16;

/// Which ids a jail is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Ids {
    /// A block that no other jail has.
    Auto,
    /// This block.
    Block(Block),
}

/// Ids on the host, one after the other; users and groups have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Block {
    base: u32,
    count: u32,
}

impl Block {
    /// How many ids there are in one where nothing else is said.
    pub const USUAL_COUNT: u32 = 1 << 16;

    /// `count` ids from `base` on; `None` where that is none, or more than there are.
    pub(crate) fn new(base: u32, count: u32) -> Option<Self> {
        // The last of all numbers is no id: it stands for "unchanged" (setresuid(2)).
        let is_there = count > 0 && base.checked_add(count).is_some();
        is_there.then_some(Block { base, count })
    }

    /// What of it a jail can have: nothing that is for the accounts of a host.
    pub(crate) fn for_jails(self) -> Option<Self> {
        let base = self.base.max(LOWEST);
        (base <= self.last()).then(|| Block {
            base,
            count: self.last() - base + 1,
        })
    }

    /// The first: what 0 of the jail is on the host.
    pub fn base(self) -> u32 {
        self.base
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.count
    }

    /// The last.
    pub fn last(self) -> u32 {
        self.base + (self.count - 1)
    }

    /// What an id of the jail is on the host; `None` where the jail has no such id.
    pub fn on_host(self, id: u32) -> Option<u32> {
        (id < self.count).then(|| self.base + id)
    }

    /// Whether some id is in both.
    pub fn overlaps(self, other: Block) -> bool {
        self.base <= other.last() && other.base <= self.last()
    }

    /// What is in both.
    pub(crate) fn common(self, other: Block) -> Option<Block> {
        let base = self.base.max(other.base);
        let last = self.last().min(other.last());
        (base <= last).then(|| Block {
            base,
            count: last - base + 1,
        })
    }
}

impl FromStr for Ids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Ids::Auto),
            text => text.parse().map(Ids::Block),
        }
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected BASE, BASE:COUNT or auto");
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<u32>().map_err(|_| wrong()),
            false => Err(wrong()),
        };
        let (base, count) = match text.split_once(':') {
            Some((base, count)) => (number(base)?, number(count)?),
            None => (number(text)?, Block::USUAL_COUNT),
        };
        if base < LOWEST {
            return Err(format!(
                "{text:?}: ids below {LOWEST} are the host's own; begin with {LOWEST} or more"
            ));
        }
        Block::new(base, count)
            .ok_or_else(|| format!("{text:?}: expected 1 to {} ids", u32::MAX - base))
    }
}

impl fmt::Display for Block {
    /// As it is written on a command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.base, self.count)
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ids::Auto => f.write_str("auto"),
            Ids::Block(block) => block.fmt(f),
        }
    }
}

impl TryFrom<String> for Ids {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Ids> for String {
    fn from(ids: Ids) -> Self {
        ids.to_string()
    }
}

impl TryFrom<String> for Block {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Block> for String {
    fn from(block: Block) -> Self {
        block.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        text.parse().expect(text)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for text in ["auto", "100000:65536", "65536:1", "65536:4294901759"] {
            let ids: Ids = text.parse().expect(text);
            assert_eq!(ids.to_string(), text);
        }
        assert_eq!(block("100000"), block("100000:65536"));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "AUTO",
            "+100000",
            "-1",
            "100000:",
            ":100000",
            "100000:0",
            "100000:+1",
            "100000:1:1",
            "0",
            "1000",
            "65535:2",
            "65536:4294901760",
            "4294967295",
            "4294967295:1",
            "99999999999",
        ] {
            assert!(text.parse::<Ids>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_lie_in_it_or_not() {
        let few = block("100000:10");
        assert_eq!((few.base(), few.last()), (100_000, 100_009));
        assert_eq!(few.on_host(0), Some(100_000));
        assert_eq!(few.on_host(9), Some(100_009));
        assert_eq!(few.on_host(10), None);
        for (other, expected) in [
            ("100009:1", true),
            ("100010:1", false),
            ("99999:1", false),
            ("99999:2", true),
            ("65536:100000", true),
        ] {
            assert_eq!(few.overlaps(block(other)), expected, "{other}");
            assert_eq!(few.common(block(other)).is_some(), expected, "{other}");
        }
        assert_eq!(few.common(block("100005")), Some(block("100005:5")));
    }

    #[test]
    fn ids_of_accounts_are_not_for_jails() {
        let of = |base, count| Block::new(base, count).expect("a block").for_jails();
        assert_eq!(of(1000, 100_000), Some(block("65536:35464")));
        assert_eq!(of(65536, 1), Some(block("65536:1")));
        assert_eq!(of(1000, 64536), None);
    }
}
