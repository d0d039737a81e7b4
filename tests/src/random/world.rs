// SPDX-License-Identifier: MIT OR Apache-2.0

//! What there is, as the model has it, and what must come of a step.

use super::reach::{Deed, Jail, Tree, HOST};
use super::step::{OnObject, OnSocket, Step};
use crate::sys::Errno;
use crate::sysv::Family;
use std::collections::BTreeMap;

/// How deep jails may lie in each other.
const MAX_DEPTH: usize = 8;

/// A worker that lives.
#[derive(Clone, Copy, Debug)]
pub struct Worker {
    /// Its process.
    pub pid: libc::pid_t,
    /// Where it is.
    pub jail: Jail,
}

/// What a jail may do beyond the ordinary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rights {
    /// It has `CAP_SYS_ADMIN`, so that it may make, enter and end jails.
    pub admin: bool,
    /// It may have jails in it.
    pub children: bool,
}

/// A System V object that exists.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Whose it is.
    pub jail: Jail,
    /// Its kind.
    pub family: Family,
    /// Its identifier.
    pub id: i32,
    /// Its key.
    pub key: i32,
}

/// A socket that somebody holds.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    /// The worker that holds it.
    pub slot: usize,
    /// Whose it is.
    pub jail: Jail,
    /// Its type.
    pub kind: i32,
}

/// All that there is.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The jails that there were.
    pub tree: Tree,
    /// The jails that there are, but for the host.
    pub jails: BTreeMap<Jail, Rights>,
    /// The workers, by slot.
    pub workers: BTreeMap<usize, Worker>,
    /// The objects.
    pub objects: Vec<Made>,
    /// The sockets, by name.
    pub sockets: BTreeMap<String, Socket>,
    /// The message queues, by name, and whose they are.
    pub queues: BTreeMap<String, Jail>,
}

impl World {
    fn rights(&self, jail: Jail) -> Rights {
        match jail {
            HOST => Rights {
                admin: true,
                children: true,
            },
            jail => self.jails.get(&jail).copied().unwrap_or_default(),
        }
    }

    /// What must come of a step by the worker of a slot; `None` where the model does not say.
    pub fn predict(&self, slot: usize, step: &Step) -> Option<Result<(), Errno>> {
        let subject = self.workers.get(&slot)?.jail;
        let rights = self.rights(subject);
        let admin = |result| match rights.admin {
            true => result,
            false => Err(Errno::EPERM),
        };
        Some(match step {
            Step::Number | Step::Exit | Step::NewSocket(..) | Step::Drain(_) => Ok(()),
            Step::Create(_) => admin(match rights.children {
                false => Err(Errno::EPERM),
                true if self.tree.depth(subject) == MAX_DEPTH => Err(Errno::EAGAIN),
                true => Ok(()),
            }),
            Step::Attach(_, jail) | Step::Destroy(jail) => {
                let exists = self.jails.contains_key(jail);
                admin(self.tree.administer(subject, *jail, exists))
            }
            Step::NewObject(family, key) => {
                match self
                    .objects
                    .iter()
                    .find(|object| (object.family, object.key) == (*family, *key))
                {
                    None => Ok(()),
                    Some(object) if object.jail == subject => Err(Errno::EEXIST),
                    Some(_) => Err(Errno::EACCES),
                }
            }
            Step::UseObject(how, family, id, key) => {
                let named = |object: &&Made| {
                    object.family == *family
                        && match how {
                            OnObject::Find => object.key == *key,
                            OnObject::Stat | OnObject::Remove => object.id == *id,
                        }
                };
                match (self.objects.iter().find(named), how) {
                    (Some(object), _) => self.tree.verdict(subject, object.jail, Deed::SystemV),
                    (None, OnObject::Find) => Err(Errno::ENOENT),
                    (None, _) => Err(Errno::EINVAL),
                }
            }
            Step::Signal(_, pid) => {
                let target = self.workers.values().find(|worker| worker.pid == *pid)?;
                self.tree.verdict(subject, target.jail, Deed::Signal)
            }
            Step::UseSocket(how, kind, name) => {
                let socket = self.sockets.get(name)?;
                // Only what is connected can be sent to otherwise.
                if *how == OnSocket::Send && *kind != libc::SOCK_DGRAM {
                    return None;
                }
                self.tree.verdict(subject, socket.jail, Deed::Socket)
            }
            Step::NewQueue(name) => match self.queues.contains_key(name) {
                true => Err(Errno::EEXIST),
                false => Ok(()),
            },
            Step::OpenQueue(name) | Step::UnlinkQueue(name) => match self.queues.get(name) {
                Some(jail) => self.tree.verdict(subject, *jail, Deed::Queue),
                None => Err(Errno::ENOENT),
            },
        })
    }

    /// The jails that have ended because nothing is in them any more, innermost first; they are
    /// none any more.
    pub fn bury(&mut self) -> Vec<Jail> {
        let mut ended = Vec::new();
        loop {
            let empty = self.jails.keys().copied().find(|&jail| {
                !self.workers.values().any(|worker| worker.jail == jail)
                    && !self.objects.iter().any(|object| object.jail == jail)
                    && !self
                        .jails
                        .keys()
                        .any(|&other| self.tree.lies_in(other, jail))
            });
            let Some(jail) = empty else { return ended };
            self.jails.remove(&jail);
            self.queues.retain(|_, owner| *owner != jail);
            ended.push(jail);
        }
    }

    /// A worker has ended: what it held is gone.
    pub fn lose(&mut self, slot: usize) {
        self.workers.remove(&slot);
        self.sockets.retain(|_, socket| socket.slot != slot);
    }

    /// A jail has been destroyed, with all that is in it.
    pub fn destroy(&mut self, jail: Jail) {
        let tree = &self.tree;
        let within = |other: Jail| other == jail || tree.lies_in(other, jail);
        self.objects.retain(|object| !within(object.jail));
        self.queues.retain(|_, owner| !within(*owner));
        let lost: Vec<usize> = self
            .workers
            .iter()
            .filter(|(_, worker)| within(worker.jail))
            .map(|(&slot, _)| slot)
            .collect();
        self.jails.retain(|&other, _| !within(other));
        for slot in lost {
            self.lose(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker on the host, one in jail 1 and one in jail 2, which is in it.
    fn world() -> World {
        let mut world = World::default();
        for (slot, jail, parent) in [(0, HOST, None), (1, 1, Some(HOST)), (2, 2, Some(1))] {
            if let Some(parent) = parent {
                world.tree.add(jail, parent);
                world.jails.insert(jail, Rights::default());
            }
            let pid = 100 + slot as libc::pid_t;
            world.workers.insert(slot, Worker { pid, jail });
        }
        world
    }

    #[test]
    fn only_those_with_the_right_make_jails() {
        let mut world = world();
        let create = Step::Create(5);
        assert_eq!(world.predict(0, &create), Some(Ok(())));
        assert_eq!(world.predict(1, &create), Some(Err(Errno::EPERM)));
        world.jails.insert(
            1,
            Rights {
                admin: true,
                children: true,
            },
        );
        assert_eq!(world.predict(1, &create), Some(Ok(())));
        assert_eq!(world.predict(1, &Step::Attach(5, 2)), Some(Ok(())));
        assert_eq!(
            world.predict(1, &Step::Destroy(1)),
            Some(Err(Errno::EINVAL))
        );
        assert_eq!(world.predict(2, &Step::Destroy(1)), Some(Err(Errno::EPERM)));
    }

    #[test]
    fn an_object_belongs_to_its_jail_and_its_key_to_nobody_else() {
        let mut world = world();
        let make = Step::NewObject(Family::Sem, 9);
        assert_eq!(world.predict(1, &make), Some(Ok(())));
        world.objects.push(Made {
            jail: 1,
            family: Family::Sem,
            id: 4,
            key: 9,
        });
        assert_eq!(world.predict(1, &make), Some(Err(Errno::EEXIST)));
        assert_eq!(world.predict(0, &make), Some(Err(Errno::EACCES)));
        let stat = Step::UseObject(OnObject::Stat, Family::Sem, 4, 0);
        assert_eq!(world.predict(1, &stat), Some(Ok(())));
        assert_eq!(world.predict(2, &stat), Some(Err(Errno::EACCES)));
        assert_eq!(
            world.predict(2, &Step::UseObject(OnObject::Find, Family::Shm, 0, 9)),
            Some(Err(Errno::ENOENT))
        );
    }

    #[test]
    fn nothing_is_left_of_a_dead_jail() {
        let mut world = world();
        world.queues.insert("q".into(), 2);
        let unlink = Step::UnlinkQueue("q".into());
        assert_eq!(world.predict(0, &unlink), Some(Err(Errno::EACCES)));
        world.destroy(2);
        assert!(!world.workers.contains_key(&2));
        assert_eq!(world.predict(0, &unlink), Some(Err(Errno::ENOENT)));
        assert_eq!(world.predict(1, &unlink), Some(Err(Errno::ENOENT)));
    }

    #[test]
    fn a_jail_ends_when_nothing_is_in_it() {
        let mut world = world();
        world.lose(1);
        assert_eq!(world.bury(), Vec::<Jail>::new());
        world.lose(2);
        assert_eq!(world.bury(), [2, 1]);
        assert_eq!(
            world.predict(0, &Step::Attach(5, 1)),
            Some(Err(Errno::ESRCH))
        );
    }
}
