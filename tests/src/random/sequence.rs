// SPDX-License-Identifier: MIT OR Apache-2.0

//! One sequence: the dice choose who does what, the model predicts it, the kernel answers.

use super::reach::{Jail, HOST};
use super::seed::VARIABLE;
use super::step::{Answer, OnObject, OnSocket, Step, SIGNALLING};
use super::worker::Slots;
use super::world::{Made, Rights, Socket, Worker, World};
use crate::dice::Dice;
use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::sys::unix::Kind;
use crate::sys::{ids, process};
use crate::sysv::Family;
use crate::{check_eq, jailfs};
use std::fmt::Write;

/// How many workers there may be at one time.
const SLOTS: usize = 12;
/// How many steps a sequence has: most are short, and some long enough for jails deep in each other.
fn steps(seed: u64) -> usize {
    match seed % 10 {
        0 => 120,
        _ => 20,
    }
}

/// How many keys all contend for.
const KEYS: u64 = 5;
const FIRST_KEY: i32 = 0x7261_0000;
/// How many names of queues all contend for.
const QUEUES: u64 = 4;

/// Goes through the sequence of this seed. A failure tells the seed and the steps.
pub fn run(seed: u64) -> CaseResult {
    let mut sequence = Sequence {
        dice: Dice::new(seed),
        world: World::default(),
        slots: Slots::new(SLOTS)?,
        named: 0,
        told: String::new(),
    };
    let result = sequence.go(steps(seed));
    let cleaned = sequence.clean_up();
    result.and(cleaned).map_err(|failure| {
        fail(format!(
            "`{VARIABLE}={seed} cargo xtask test --only random --machine M`, where M is this machine, does it \
             again\n{}{}",
            sequence.told, failure.message
        ))
    })
}

struct Sequence {
    dice: Dice,
    world: World,
    slots: Slots,
    /// How many sockets have been given a name.
    named: usize,
    /// The steps so far.
    told: String,
}

impl Sequence {
    fn go(&mut self, steps: usize) -> CaseResult {
        for slot in 0..2 {
            let slots = &self.slots;
            process::fork(|| slots.serve(slot)).context("fork")?;
            self.welcome(slot, HOST)?;
        }
        for _ in 0..steps {
            if let Some((slot, step)) = self.choose() {
                self.take(slot, step)?;
            }
        }
        Ok(())
    }

    /// Hears of a new worker.
    fn welcome(&mut self, slot: usize, jail: Jail) -> CaseResult {
        let pid = self.slots.hear(slot)?.context("a new worker")?;
        let pid = libc::pid_t::try_from(pid).map_err(|_| fail("a process number too large"))?;
        self.world.workers.insert(slot, Worker { pid, jail });
        Ok(())
    }

    /// Somebody, and something to do. The model has to say what comes of it.
    fn choose(&mut self) -> Option<(usize, Step)> {
        let dice = &mut self.dice;
        let world = &self.world;
        let slots: Vec<usize> = world.workers.keys().copied().collect();
        let slot = *dice.pick(&slots)?;
        let free = (0..self.slots.count()).find(|slot| !world.workers.contains_key(slot));
        let key = FIRST_KEY + dice.below(KEYS) as i32;
        let family = *dice.pick(&Family::ALL)?;
        let queue = format!("jaula-random-{}", dice.below(QUEUES));
        let step = match dice.below(20) {
            0 => Step::Number,
            1 | 2 => Step::Create(free?),
            3 => Step::Attach(free?, any_jail(dice, world)),
            4 => Step::Destroy(any_jail(dice, world)),
            5..=7 => Step::NewObject(family, key),
            8..=10 => {
                let how = *dice.pick(&[OnObject::Stat, OnObject::Find, OnObject::Remove])?;
                let object = dice.pick(&world.objects)?;
                Step::UseObject(how, object.family, object.id, object.key)
            }
            11..=13 => {
                let workers: Vec<_> = world.workers.values().collect();
                let way = dice.below(SIGNALLING.len() as u64) as usize;
                Step::Signal(way, dice.pick(&workers)?.pid)
            }
            14 => {
                self.named += 1;
                let name = format!("jaula-random-{}-{}", process::pid(), self.named);
                Step::NewSocket(*dice.pick(&Kind::ALL)? as i32, name)
            }
            15 | 16 => {
                let names: Vec<_> = world.sockets.iter().collect();
                let (name, socket) = dice.pick(&names)?;
                let how = match socket.kind == libc::SOCK_DGRAM && dice.below(2) == 0 {
                    true => OnSocket::Send,
                    false => OnSocket::Connect,
                };
                Step::UseSocket(how, socket.kind, (*name).clone())
            }
            17 => Step::NewQueue(queue),
            18 => match dice.below(2) {
                0 => Step::OpenQueue(queue),
                _ => Step::UnlinkQueue(queue),
            },
            // One stays on the host to the end.
            _ if slot != 0 => Step::Exit,
            _ => return None,
        };
        Some((slot, step))
    }

    fn take(&mut self, slot: usize, step: Step) -> CaseResult {
        let Some(expected) = self.world.predict(slot, &step) else {
            return Ok(());
        };
        let jail = self.world.workers[&slot].jail;
        let _ = writeln!(
            self.told,
            "worker {slot} in jail {jail}: {step:?}, to give {expected:?}"
        );
        let answer = self.slots.ask(slot, &step)?;
        check_eq!(answer.map(drop), expected, "the last of these steps");
        self.world_after(slot, jail, step, answer)?;
        for ended in self.world.bury() {
            jailfs::wait_until_gone(ended)?;
        }
        Ok(())
    }

    /// Brings the model up to date.
    fn world_after(&mut self, slot: usize, jail: Jail, step: Step, answer: Answer) -> CaseResult {
        let Ok(value) = answer else { return Ok(()) };
        match step {
            Step::Number => check_eq!(value, jail, "the number of the worker's jail"),
            Step::Create(new) => self.settle(new, jail)?,
            Step::Attach(new, number) => self.welcome(new, number)?,
            Step::Destroy(number) => {
                self.world.destroy(number);
                jailfs::check_gone(number)?;
            }
            Step::NewObject(family, key) => self.world.objects.push(Made {
                jail,
                family,
                id: value as i32,
                key,
            }),
            Step::UseObject(OnObject::Remove, family, id, _) => self
                .world
                .objects
                .retain(|object| (object.family, object.id) != (family, id)),
            Step::NewSocket(kind, name) => {
                let socket = Socket { slot, jail, kind };
                self.world.sockets.insert(name, socket);
            }
            Step::UseSocket(how, kind, name) => {
                if how == OnSocket::Send || kind != libc::SOCK_DGRAM {
                    let owner = self.world.sockets[&name].slot;
                    let drained = self.slots.ask(owner, &Step::Drain(name))?;
                    drained.context("what has arrived at a socket")?;
                }
            }
            Step::NewQueue(name) => {
                self.world.queues.insert(name, jail);
            }
            Step::UnlinkQueue(name) => {
                self.world.queues.remove(&name);
            }
            Step::Exit => self.world.lose(slot),
            Step::UseObject(..) | Step::Signal(..) | Step::Drain(_) | Step::OpenQueue(_) => {}
        }
        Ok(())
    }

    /// A jail has been made: what it may do is up to the dice.
    fn settle(&mut self, slot: usize, parent: Jail) -> CaseResult {
        self.welcome(slot, HOST)?;
        let number = self.slots.ask(slot, &Step::Number)?;
        let number = number.context("the number of a new jail")?;
        crate::check!(
            number > 0 && !self.world.jails.contains_key(&number) && number != parent,
            "a new jail has the number {number}"
        );
        if let Some(worker) = self.world.workers.get_mut(&slot) {
            worker.jail = number;
        }
        let rights = Rights {
            admin: self.may_give(parent) && self.dice.below(3) > 0,
            children: self.dice.below(4) > 0,
        };
        if rights.admin {
            jailfs::set(number, "allow", "+sys_admin")?;
        }
        jailfs::set(
            number,
            "children.max",
            if rights.children { "100" } else { "0" },
        )?;
        self.world.tree.add(number, parent);
        self.world.jails.insert(number, rights);
        Ok(())
    }

    /// Whether a jail in `parent` can have what takes administration: no jail has what those
    /// that it is in have not.
    fn may_give(&self, parent: Jail) -> bool {
        parent == HOST || self.world.jails.get(&parent).is_some_and(|jail| jail.admin)
    }

    /// Ends everybody, and takes away what would be in the way of the next sequence.
    fn clean_up(&mut self) -> Result<(), Failure> {
        let outermost: Vec<Jail> = self
            .world
            .jails
            .keys()
            .copied()
            .filter(|&jail| self.world.tree.depth(jail) == 1)
            .collect();
        for jail in outermost {
            crate::sys::jail::destroy_jail(jail).context("destroy_jail at the end")?;
            self.world.destroy(jail);
        }
        for worker in self.world.workers.values() {
            process::kill(worker.pid, libc::SIGKILL).context("ending a worker")?;
        }
        for object in &self.world.objects {
            crate::sysv::Object {
                family: object.family,
                id: object.id,
                key: object.key,
            }
            .remove()
            .context("removing an object at the end")?;
        }
        for name in self.world.queues.keys() {
            crate::sys::mqueue::unlink(name).context("mq_unlink at the end")?;
        }
        // Those who are left belong to this process since their parents have ended.
        while process::wait(-1).is_ok() {}
        Ok(())
    }
}

/// A jail that there is or was, the host, or one that there never was.
fn any_jail(dice: &mut Dice, world: &World) -> Jail {
    let jails: Vec<Jail> = world.jails.keys().copied().collect();
    match dice.below(12) {
        0 => HOST,
        1 => -1,
        2 => i64::from(i32::MAX),
        _ => dice.pick(&jails).copied().unwrap_or(HOST),
    }
}

/// Makes the caller one that sequences can be run in, one after the other.
pub fn prepare() -> CaseResult {
    ids::unshare(libc::CLONE_NEWIPC).context("unshare(CLONE_NEWIPC)")?;
    process::adopt_orphans().context("prctl")
}
