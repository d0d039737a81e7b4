// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding a block of ids that is nobody's, and holding it for a jail.

use std::fs;
use std::io;

use nix::unistd::getpid;

use super::place::is_alive;
use super::world::{mapped_ids, UserNamespace};
use super::{LaunchError, Place, Plan};
use crate::isolation::{Block, Ids};
use crate::jails::Jails;
use crate::process::ProcessId;
use crate::state::Store;

/// Which ids are given to whom for namespaces of users (subuid(5), subgid(5)).
const FILES: [&str; 2] = ["/etc/subuid", "/etc/subgid"];

/// Whose entry there says what jails get.
const ACCOUNT: &[u8] = b"jaula";

/// What they get where there is no such entry: 4094 blocks that neither systemd nor the tools that
/// write those files give to anybody.
const DEFAULT: (u32, u32) = (0x7000_0000, 0x0FFE_0000);

impl Plan {
    /// Settles which ids the jail has, where it is to have its own, and makes the user namespace that
    /// says so, or finds that which the jail has already.
    pub(super) fn user_namespace(&mut self) -> Result<Option<UserNamespace>, LaunchError> {
        let Some(ids) = self.isolation.ids else {
            return Ok(None);
        };
        let path = self.path.clone();
        let about = |why: String| LaunchError::about(&path, format!("ids of its own: {why}"));
        let block = match (&self.place, ids) {
            (Place::Existing(_), Ids::Block(block)) => block,
            (Place::Existing(_), Ids::Auto) => {
                return Err(about("it is not noted which ids the jail has".into()))
            }
            (Place::New(_), ids) => reserve(ids).map_err(about)?,
        };
        let more = self.user.groups.iter().map(|id| ("group", *id));
        let own = [("user", self.user.uid), ("group", self.user.gid)];
        for (what, id) in own.into_iter().chain(more) {
            if block.on_host(id).is_none() {
                let count = block.count();
                return Err(about(format!("there is no {what} {id} among {count} ids")));
            }
        }
        self.isolation.ids = Some(Ids::Block(block));
        let found = self.user_namespace_of_jail(block).map_err(about)?;
        let namespace = match found {
            Some(namespace) => namespace,
            None => UserNamespace::new(block, &self.isolation).map_err(about)?,
        };
        self.user_namespace = Some(namespace.inode().map_err(about)?);
        Ok(Some(namespace))
    }

    /// That of a jail that exists, where somebody in it is left in it.
    fn user_namespace_of_jail(&self, block: Block) -> Result<Option<UserNamespace>, String> {
        let Place::Existing(existing) = &self.place else {
            return Ok(None);
        };
        let record = Store::default().read(existing.number);
        let record = record.filter(|record| record.created == existing.created);
        match record.and_then(|record| record.user_namespace) {
            Some(inode) => UserNamespace::of_jail(existing.number, inode, block),
            None => Ok(None),
        }
    }
}

/// Has the block for this process, so that it is given to nobody else.
fn reserve(ids: Ids) -> Result<Block, String> {
    let jails = Jails::open().map_err(|error| error.to_string())?;
    let store = Store::default();
    let own = ProcessId::of(getpid().as_raw())?;
    store.reserve_ids(own, |reserved| {
        let mut taken = store.noted_ids(|record| is_alive(&jails, record))?;
        taken.extend(reserved);
        // What is noted can have been lost. What runs cannot.
        taken.extend(mapped_ids()?);
        match ids {
            Ids::Auto => choose(&ranges()?, &taken),
            Ids::Block(block) => match taken.iter().find(|other| other.overlaps(block)) {
                None => Ok(block),
                Some(other) => Err(format!(
                    "{block} is not free: a jail has {} to {}",
                    other.base(),
                    other.last()
                )),
            },
        }
    })
}

fn choose(ranges: &[Block], taken: &[Block]) -> Result<Block, String> {
    let is_free = |block: &Block| !taken.iter().any(|other| other.overlaps(*block));
    let mut blocks = ranges.iter().flat_map(|range| blocks_of(*range));
    blocks.find(is_free).ok_or_else(|| {
        let [users, groups] = FILES;
        format!(
            "no block of {} ids is free; lines \"jaula:BASE:COUNT\" in {users} and {groups} say \
             which jails may have",
            Block::USUAL_COUNT
        )
    })
}

/// What a range is cut into.
fn blocks_of(range: Block) -> impl Iterator<Item = Block> {
    let count = Block::USUAL_COUNT;
    (0..range.count() / count).filter_map(move |which| {
        let base = range.base().checked_add(which.checked_mul(count)?)?;
        Block::new(base, count)
    })
}

/// Where blocks are taken from.
fn ranges() -> Result<Vec<Block>, String> {
    let mut entries = Vec::new();
    for file in FILES {
        let text = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            result => result.map_err(|error| format!("{file}: {error}"))?,
        };
        entries.push(parse(&text));
    }
    Ok(combine(&entries[0], &entries[1]))
}

/// An entry of those files: whose it is, and what.
type Entry = (Vec<u8>, Block);

/// The entries of such a file. Lines that are none are passed over, as other programs do.
fn parse(text: &[u8]) -> Vec<Entry> {
    let parse = |line: &[u8]| {
        let mut fields = line.split(|&byte| byte == b':');
        let [name, base, count] = [fields.next()?, fields.next()?, fields.next()?];
        let number = |field| std::str::from_utf8(field).ok()?.trim().parse().ok();
        let block = Block::new(number(base)?, number(count)?)?;
        Some((name.to_owned(), block))
    };
    text.split(|&byte| byte == b'\n')
        .filter_map(parse)
        .collect()
}

/// What jails may have, as users and as groups.
fn combine(users: &[Entry], groups: &[Entry]) -> Vec<Block> {
    let of_jaula = |entries: &[Entry]| -> Vec<Block> {
        let own = entries.iter().filter(|(name, _)| name == ACCOUNT);
        own.map(|(_, block)| *block).collect()
    };
    let (own_users, own_groups) = (of_jaula(users), of_jaula(groups));
    if !own_users.is_empty() || !own_groups.is_empty() {
        let pairs = own_users
            .iter()
            .flat_map(|users| own_groups.iter().map(move |groups| (users, groups)));
        return pairs
            .filter_map(|(users, groups)| users.common(*groups)?.for_jails())
            .collect();
    }
    let (base, count) = DEFAULT;
    let range = Block::new(base, count);
    let blocks = range.into_iter().flat_map(blocks_of);
    // An administrator may have given part of it away.
    let is_given = |block: Block| {
        let mut others = users.iter().chain(groups);
        others.any(|(_, other)| other.overlaps(block))
    };
    blocks.filter(|block| !is_given(*block)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        text.parse().expect(text)
    }

    fn ranges_of(users: &str, groups: &str) -> Vec<Block> {
        combine(&parse(users.as_bytes()), &parse(groups.as_bytes()))
    }

    #[test]
    fn the_default_is_cut_into_blocks_of_the_usual_size() {
        let found = ranges_of("", "");
        assert_eq!(found.len(), 4094);
        assert_eq!(found.first(), Some(&block("1879048192:65536")));
        assert_eq!(found.last().map(|last| last.last()), Some(2_147_352_575));
    }

    #[test]
    fn what_others_have_been_given_is_left_out() {
        let found = ranges_of("eve:1879048192:65536\n", "# none\nbob:1879113729:1\n");
        assert_eq!(found.len(), 4092);
        assert_eq!(found[0], block("1879179264:65536"));
    }

    #[test]
    fn an_entry_of_its_own_says_what_there_is() {
        let found = ranges_of(
            "root:1000000:65536\njaula:200000:131072\nbroken\njaula:x:1\n",
            "jaula:200000:65540\n",
        );
        assert_eq!(found, [block("200000:65540")]);
        assert_eq!(choose(&found, &[]), Ok(block("200000:65536")));
        // In one of the files alone it gives nothing.
        assert!(ranges_of("jaula:200000:65536\n", "").is_empty());
        assert!(choose(&[], &[]).is_err());
        // Nobody gives away what is for accounts.
        let low = "jaula:1000:200000\njaula:0:65536\n";
        assert_eq!(ranges_of(low, low), [block("65536:135464")]);
    }

    #[test]
    fn the_first_that_is_free_is_chosen() {
        let found = ranges_of("", "");
        let taken = [block("1879048192:1"), block("1879179263:2")];
        assert_eq!(choose(&found, &taken), Ok(block("1879244800:65536")));
        assert!(choose(&found[..3], &taken).is_err());
    }
}
