// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ids in extended attributes, which are those of the host where a jail has its own.

use std::borrow::Cow;
use std::ffi::CStr;

use crate::isolation::Block;

/// Lists of who may do what with a file (acl(5)): a number for the version, and eight bytes for each entry.
const LISTS: [&CStr; 2] = [c"system.posix_acl_access", c"system.posix_acl_default"];
const VERSION: usize = 4;
const ENTRY: usize = 8;
/// What an entry says about a user, or a group, of the number in it.
const OF_ONE: [u16; 2] = [0x02, 0x08];

/// The capabilities of a program (capabilities(7)). Those of a user namespace end with whose root they are
/// for.
const CAPABILITIES: &CStr = c"security.capability";
const OF_NAMESPACE: usize = 24;
const ROOT: usize = 20;

/// The value of an attribute as it is on the disk; `None` where it says nothing to anybody of the jail.
pub fn value_on_disk<'a>(
    name: &CStr,
    value: &'a [u8],
    ids: Option<Block>,
) -> Option<Cow<'a, [u8]>> {
    let Some(block) = ids else {
        return Some(value.into());
    };
    if LISTS.contains(&name) {
        return Some(list(value, block).into());
    }
    if name != CAPABILITIES || value.len() != OF_NAMESPACE {
        return Some(value.into());
    }
    let mut value = value.to_vec();
    put(&mut value[ROOT..], block)?;
    Some(value.into())
}

/// What the jail does not know is left out: it is nobody there.
fn list(value: &[u8], block: Block) -> Vec<u8> {
    let (version, entries) = value.split_at(value.len().min(VERSION));
    let mut list = version.to_vec();
    for entry in entries.chunks(ENTRY) {
        let mut entry = entry.to_vec();
        let is_of_one = match entry[..] {
            [low, high, ..] => OF_ONE.contains(&u16::from_le_bytes([low, high])),
            _ => false,
        };
        if !is_of_one || entry.len() == ENTRY && put(&mut entry[4..], block).is_some() {
            list.extend(entry);
        }
    }
    list
}

/// Puts the number that an id of the host has in the jail in its place.
fn put(place: &mut [u8], block: Block) -> Option<()> {
    let place: &mut [u8; 4] = place.try_into().ok()?;
    let inside = u32::from_le_bytes(*place).checked_sub(block.base())?;
    *place = (inside < block.count()).then(|| inside.to_le_bytes())?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u32 = 1_879_048_192;

    fn block() -> Option<Block> {
        Some("1879048192:65536".parse().expect("a block"))
    }

    fn entry(tag: u16, id: u32) -> Vec<u8> {
        [
            &tag.to_le_bytes()[..],
            &6_u16.to_le_bytes(),
            &id.to_le_bytes(),
        ]
        .concat()
    }

    fn of(entries: &[Vec<u8>]) -> Vec<u8> {
        [&2_u32.to_le_bytes()[..], &entries.concat()].concat()
    }

    #[test]
    fn lists_have_the_ids_of_the_disk() {
        let (owner, mask) = (entry(0x01, u32::MAX), entry(0x10, u32::MAX));
        let of_jail = of(&[
            owner.clone(),
            entry(0x02, BASE + 5),
            entry(0x02, 7),
            entry(0x08, BASE + 6),
            mask.clone(),
        ]);
        let on_disk = of(&[owner, entry(0x02, 5), entry(0x08, 6), mask]);
        for name in LISTS {
            assert_eq!(
                value_on_disk(name, &of_jail, None).as_deref(),
                Some(&of_jail[..])
            );
            assert_eq!(
                value_on_disk(name, &of_jail, block()).as_deref(),
                Some(&on_disk[..])
            );
        }
        // What is none comes to no harm.
        for odd in [&b""[..], b"ab", &of_jail[..7], &of_jail[..17]] {
            let _ = value_on_disk(LISTS[0], odd, block());
        }
    }

    #[test]
    fn capabilities_are_for_the_root_of_the_disk() {
        let of_root = |root: u32| [&[1; ROOT][..], &root.to_le_bytes()].concat();
        let on_disk =
            |value: &[u8]| value_on_disk(CAPABILITIES, value, block()).map(Cow::into_owned);
        assert_eq!(on_disk(&of_root(BASE)), Some(of_root(0)));
        assert_eq!(on_disk(&of_root(4)), None);
        assert_eq!(on_disk(&[1; ROOT]), Some(vec![1; ROOT]));
    }
}
