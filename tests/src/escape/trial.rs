// SPDX-License-Identifier: MIT OR Apache-2.0

//! Setting a scene, having the attacks of a group tried in it, and judging them.

use super::attack::{Attack, Attempt, Down, Expected, Stop};
use super::attacker::Attacker;
use super::plan::{Direction, Group, Way};
use super::tally::{Fate, Tally};
use super::victim::{self, Victim};
use super::{cell, launcher};
use crate::inmate::Inmate;
use crate::ktap::{fail, skip, CaseResult, Context, Failure, Reporter};
use crate::sys::{ids, jail as call, Errno};
use crate::{check_eq, jailfs};

/// Whether the kernel has jails. One that has jaula built in and not enabled has none.
pub fn has_jails() -> bool {
    !matches!(
        call::get_jailnumber(),
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP)
    )
}

/// The jails of a direction, held open by a process each, and who is in which.
struct Jails {
    attacker: Option<i64>,
    target: Option<i64>,
    _held: Vec<Inmate>,
}

impl Jails {
    fn make(direction: Direction) -> Result<Jails, Failure> {
        if !has_jails() {
            return Ok(Jails {
                attacker: None,
                target: None,
                _held: Vec::new(),
            });
        }
        let first = Inmate::start(|| Ok(()))?;
        let number = Some(first.number);
        let second = match direction {
            Direction::JailToHost | Direction::HostToJail | Direction::WithinJail => None,
            Direction::JailToSibling => Some(Inmate::start(|| Ok(()))?),
            Direction::JailToParent | Direction::ParentToJail => {
                jailfs::set(first.number, "children.max", "1")?;
                Some(Inmate::start_within(first.number, || Ok(()))?)
            }
        };
        let other = second.as_ref().map(|inmate| inmate.number);
        let (attacker, target) = match direction {
            Direction::JailToHost | Direction::JailToSibling | Direction::ParentToJail => {
                (number, other)
            }
            Direction::JailToParent => (other, number),
            Direction::HostToJail => (None, number),
            Direction::WithinJail => (number, number),
        };
        Ok(Jails {
            attacker,
            target,
            _held: std::iter::once(first).chain(second).collect(),
        })
    }
}

/// Those who are in a scene.
struct Cast {
    jails: Jails,
    victim: Victim,
    attacker: Option<Attacker>,
}

impl Cast {
    fn assemble(group: &Group) -> Result<Cast, Failure> {
        // Nothing of other programs is in the way, and nothing is left behind.
        ids::unshare(libc::CLONE_NEWIPC).context("unshare(CLONE_NEWIPC)")?;
        cell::make()?;
        let jails = Jails::make(group.direction)?;
        if let (Way::InNamespace, Some(number)) = (group.way, jails.attacker) {
            jailfs::set(number, "allow", "+userns")?;
        }
        let victim = Victim::start(jails.target, group.role)?;
        let attacker = match group.way {
            Way::Entering => None,
            way => Some(Attacker::start(
                &group.attacks,
                jails.attacker,
                has_jails(),
                group.role,
                way == Way::InNamespace,
                victim.target.clone(),
            )?),
        };
        Ok(Cast {
            jails,
            victim,
            attacker,
        })
    }

    fn attempt(&mut self, group: &Group, at: usize) -> Result<Attempt, Failure> {
        let attack = &group.attacks[at];
        let target = &self.victim.target;
        let attempt = match &mut self.attacker {
            Some(attacker) => attacker.attempt(at)?,
            None => launcher::attempt(attack, group.role, self.jails.attacker, target),
        };
        match (attempt, attack.proof) {
            (Ok(()), Some(proof)) if !proof(target)? => Ok(Err(Stop::NoEffect)),
            (attempt, _) => Ok(attempt),
        }
    }
}

/// Tries all attacks of a group, and reports on each.
pub fn run(group: &Group, tally: &Tally, reporter: &mut Reporter) {
    let mut cast = Cast::assemble(group);
    for at in 0..group.attacks.len() {
        reporter.report(match &mut cast {
            Ok(cast) => one(group, at, cast, tally),
            Err(failure) => Err(failure.clone()),
        });
    }
}

/// What is to become of an attack, and the counter that tells of it.
fn expected(attack: &Attack, group: &Group) -> (Expected, Option<&'static str>) {
    let linux = (attack.on_linux(group.role), None);
    let jail = attack.in_jail(group.role);
    if !has_jails() {
        return linux;
    }
    if group.direction.is_attack() {
        return jail;
    }
    match (attack.down, linux.0) {
        (Down::Refused, _) if group.direction != Direction::WithinJail => jail,
        (Down::AsLinux | Down::Refused, _) | (_, Expected::Fails(_)) => linux,
        (Down::FromHost(_), _) if group.direction == Direction::HostToJail => linux,
        (Down::FromHost(errno), _) => (Expected::Fails(errno), None),
    }
}

/// Whether what is tried is an attack, and not what those who are above, or in the same jail, may
/// well do.
fn is_attack(attack: &Attack, group: &Group) -> bool {
    let from_above = group.direction != Direction::WithinJail && attack.down == Down::Refused;
    group.direction.is_attack() || from_above
}

fn one(group: &Group, at: usize, cast: &mut Cast, tally: &Tally) -> CaseResult {
    let attack = &group.attacks[at];
    let (expected, counter) = expected(attack, group);
    let jail = cast.jails.attacker;
    let counted = counter.zip(jail);
    let before = counted
        .map(|(counter, jail)| jailfs::value(jail, counter))
        .transpose()?;
    let attempt = cast.attempt(group, at)?;
    let got = match attempt {
        Ok(()) => Expected::Succeeds,
        Err(Stop::Refused(errno)) => Expected::Fails(errno),
        Err(Stop::NoEffect) => Expected::Nothing,
        Err(Stop::NotHere(why)) => return Err(skip(why)),
        Err(Stop::Broken(why)) => return Err(fail(why)),
    };
    if is_attack(attack, group) {
        let fate = match got {
            Expected::Succeeds => Fate::Succeeded,
            Expected::Fails(_) | Expected::Nothing => Fate::Refused,
        };
        tally.add(attack.area, fate).context("counting")?;
    }
    check_eq!(got, expected, "what became of it");
    if let (Some((counter, jail)), Some(before)) = (counted, before) {
        let after = jailfs::value(jail, counter)?;
        crate::check!(
            after > before,
            "{counter} of jail {jail} was {before} before the refusal, and is {after} after it"
        );
    }
    victim::check_alive(&cast.victim.target)
}
