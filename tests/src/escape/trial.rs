// SPDX-License-Identifier: MIT OR Apache-2.0

//! Setting a scene, having the attacks of a group tried in it, and judging them.

use super::attack::{Attack, Attempt, Expected, Stop};
use super::attacker::Attacker;
use super::cgroups::Groups;
use super::plan::{Group, Way};
use super::tally::{Fate, Tally};
use super::victim::{self, Victim};
use super::{cell, launcher, need};
use crate::ktap::{fail, skip, CaseResult, Context, Failure, Reporter};
use crate::sys::ids;
use crate::topology::Jails;
use crate::{check_eq, jail, jailfs};

/// Those who are in a scene.
struct Cast {
    jails: Jails,
    victim: Victim,
    attacker: Option<Attacker>,
    /// Removed last, when nobody is in them any more.
    _groups: Groups,
}

impl Cast {
    fn assemble(group: &Group) -> Result<Cast, Failure> {
        // Nothing of other programs is in the way, and nothing is left behind.
        ids::unshare(libc::CLONE_NEWIPC).context("unshare(CLONE_NEWIPC)")?;
        cell::make()?;
        let groups = Groups::make()?;
        let jails = group.topology.make()?;
        if let (Way::InNamespace, Some(number)) = (group.way, jails.subject) {
            jailfs::set(number, "allow", "+userns")?;
        }
        let victim = Victim::start(jails.object, group.role)?;
        groups.place_target(victim.target.pid)?;
        let attacker = match group.way {
            Way::Entering => None,
            way => Some(Attacker::start(
                &group.attacks,
                jails.subject,
                jail::are_there(),
                group.role,
                way == Way::InNamespace,
                victim.target.clone(),
            )?),
        };
        if let Some(attacker) = &attacker {
            groups.place_attacker(attacker.parent())?;
        }
        Ok(Cast {
            jails,
            victim,
            attacker,
            _groups: groups,
        })
    }

    fn attempt(&mut self, group: &Group, at: usize) -> Result<Attempt, Failure> {
        let attack = &group.attacks[at];
        let target = &self.victim.target;
        let attempt = match &mut self.attacker {
            Some(attacker) => attacker.attempt(at)?,
            None => launcher::attempt(attack, group.role, self.jails.subject, target),
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
    match jail::are_there() {
        true => need::expected(attack, group.role, group.topology),
        false => (attack.on_linux(group.role), None),
    }
}

fn one(group: &Group, at: usize, cast: &mut Cast, tally: &Tally) -> CaseResult {
    let attack = &group.attacks[at];
    let (expected, counter) = expected(attack, group);
    let jail = cast.jails.subject;
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
    if need::is_attack(attack, group.role, group.topology) {
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
