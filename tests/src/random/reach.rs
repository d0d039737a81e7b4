// SPDX-License-Identifier: MIT OR Apache-2.0

//! The reference: who may reach what, by where the two are in the tree of jails.
//!
//! Written from the documentation and not from the kernel's policy, so that a mistake there is
//! not made here as well.

use crate::sys::Errno;
use std::collections::BTreeMap;

/// A jail, by its number; 0 is the host.
pub type Jail = i64;

/// The host.
pub const HOST: Jail = 0;

/// What a process does with something of another jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Uses, changes or removes a System V object.
    SystemV,
    /// Sends a signal to a process.
    Signal,
    /// Sends or connects to an abstract unix socket.
    Socket,
    /// Opens or removes a POSIX message queue.
    Queue,
}

/// Which jail lies in which: all that there ever were.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    parents: BTreeMap<Jail, Jail>,
}

impl Tree {
    /// Adds a jail.
    pub fn add(&mut self, jail: Jail, parent: Jail) {
        self.parents.insert(jail, parent);
    }

    /// Whether `jail` is in `ancestor`, at any depth; none is in itself.
    pub fn lies_in(&self, jail: Jail, ancestor: Jail) -> bool {
        let mut at = jail;
        while let Some(&parent) = self.parents.get(&at) {
            if parent == ancestor {
                return true;
            }
            at = parent;
        }
        false
    }

    /// How many jails a jail lies in, itself included; the host in none.
    pub fn depth(&self, jail: Jail) -> usize {
        match self.parents.get(&jail) {
            Some(&parent) => 1 + self.depth(parent),
            None => 0,
        }
    }

    /// What comes of a deed by a process in `subject` on what is of `object`.
    pub fn verdict(&self, subject: Jail, object: Jail, deed: Deed) -> Result<(), Errno> {
        let same = subject == object;
        let down = self.lies_in(object, subject);
        let (may, refusal) = match deed {
            Deed::SystemV => (same, Errno::EACCES),
            Deed::Signal => (same || down, Errno::EPERM),
            Deed::Socket => (same, Errno::EPERM),
            Deed::Queue => (same, Errno::EACCES),
        };
        match may {
            true => Ok(()),
            false => Err(refusal),
        }
    }

    /// What comes of `attach_jail` or `destroy_jail` by a process in `subject` that has
    /// `CAP_SYS_ADMIN`, on a jail that exists if `exists`.
    pub fn administer(&self, subject: Jail, object: Jail, exists: bool) -> Result<(), Errno> {
        match object {
            ..=0 => Err(Errno::EINVAL),
            own if own == subject => Err(Errno::EINVAL),
            other if exists && self.lies_in(other, subject) => Ok(()),
            _ => Err(Errno::ESRCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{self, Place, Relation};

    /// 1 with 2 with 3 in it, and 4 beside them.
    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (jail, parent) in [(1, HOST), (2, 1), (3, 2), (4, HOST)] {
            tree.add(jail, parent);
        }
        tree
    }

    #[test]
    fn ancestry_has_all_generations_and_not_oneself() {
        let tree = tree();
        assert!(tree.lies_in(3, 2) && tree.lies_in(3, 1) && tree.lies_in(3, HOST));
        assert!(!tree.lies_in(2, 3) && !tree.lies_in(4, 1) && !tree.lies_in(1, 1));
        assert!(!tree.lies_in(HOST, HOST) && !tree.lies_in(HOST, 1));
        assert_eq!(
            [HOST, 1, 2, 3, 4].map(|jail| tree.depth(jail)),
            [0, 1, 2, 3, 1]
        );
    }

    #[test]
    fn deeds_are_judged_as_the_table_says() {
        let (ok, eacces, eperm) = (Ok(()), Err(Errno::EACCES), Err(Errno::EPERM));
        // Same, down, up, across.
        for (deed, expected) in [
            (Deed::SystemV, [ok, eacces, eacces, eacces]),
            (Deed::Signal, [ok, ok, eperm, eperm]),
            (Deed::Socket, [ok, eperm, eperm, eperm]),
            (Deed::Queue, [ok, eacces, eacces, eacces]),
        ] {
            let tree = tree();
            let got = [(2, 2), (1, 3), (3, 1), (2, 4)]
                .map(|(subject, object)| tree.verdict(subject, object, deed));
            assert_eq!(got, expected, "{deed:?}");
            let at_host = [(HOST, HOST), (HOST, 3), (3, HOST), (4, HOST)]
                .map(|(subject, object)| tree.verdict(subject, object, deed));
            assert_eq!(at_host, expected, "{deed:?} and the host");
        }
    }

    #[test]
    fn every_topology_is_judged_by_how_the_two_stand() {
        for topology in topology::all() {
            let number = |place: Place| place.index().map_or(HOST, |index| index as Jail + 1);
            let mut tree = Tree::default();
            for (at, parent) in topology.parents.iter().enumerate() {
                tree.add(at as Jail + 1, number(*parent));
            }
            let reached = match topology.relation() {
                Relation::Same => [true; 4],
                Relation::Down => [false, true, false, false],
                Relation::Up | Relation::Across => [false; 4],
            };
            let deeds = [Deed::SystemV, Deed::Signal, Deed::Socket, Deed::Queue];
            let got = deeds.map(|deed| {
                let (subject, object) = (number(topology.subject), number(topology.object));
                tree.verdict(subject, object, deed).is_ok()
            });
            assert_eq!(got, reached, "{topology}");
        }
    }

    #[test]
    fn jails_are_administered_from_above_alone() {
        let tree = tree();
        assert_eq!(tree.administer(HOST, 3, true), Ok(()));
        assert_eq!(tree.administer(1, 3, true), Ok(()));
        assert_eq!(tree.administer(1, 3, false), Err(Errno::ESRCH));
        assert_eq!(tree.administer(1, 1, true), Err(Errno::EINVAL));
        assert_eq!(tree.administer(3, 1, true), Err(Errno::ESRCH));
        assert_eq!(tree.administer(4, 2, true), Err(Errno::ESRCH));
        assert_eq!(tree.administer(HOST, HOST, true), Err(Errno::EINVAL));
    }
}
