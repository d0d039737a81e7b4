// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who attacks whom: the rows of the table, sorted into groups that share a scene.

use super::attack::{Attack, Kind, Role};
use crate::topology::{self, Topology};

/// Whether an attack of this kind makes sense in these jails. What has no target, or enters, goes the
/// same way from any depth: where it matters is out of a jail, to the host or to another jail.
fn has(topology: &Topology, kind: Kind) -> bool {
    match kind {
        Kind::Crossing => true,
        Kind::Breakout => [&topology::JAIL_TO_HOST, &topology::JAIL_TO_PARENT].contains(&topology),
        Kind::Namespaced | Kind::Entering => *topology == topology::JAIL_TO_HOST,
    }
}

/// How the attacks of a group are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By an attacker in its place.
    Inside,
    /// By one that first makes a user namespace, which its jail lets it.
    InNamespace,
    /// By a process that enters the jail in the course of the attack.
    Entering,
}

/// Attacks that share a scene.
pub struct Group {
    /// From where to where.
    pub topology: &'static Topology,
    /// Who tries.
    pub role: Role,
    /// How.
    pub way: Way,
    /// What is tried.
    pub attacks: Vec<Attack>,
}

impl Group {
    /// The name of a case.
    pub fn name(&self, attack: &Attack) -> String {
        let role = match self.role {
            Role::Root => "as root",
            Role::User => "as a user",
        };
        format!(
            "{}, {role}: {}: {}",
            self.topology, attack.area, attack.name
        )
    }
}

/// The groups of the whole table. They are the same where there are no jails, and all topologies are one.
pub fn groups() -> Vec<Group> {
    let attacks = super::attacks();
    let mut groups = Vec::new();
    for topology in topology::all() {
        for role in [Role::Root, Role::User] {
            for way in [Way::Inside, Way::InNamespace, Way::Entering] {
                let mine = |attack: &&Attack| {
                    let fits = match way {
                        Way::Inside => matches!(attack.kind, Kind::Crossing | Kind::Breakout),
                        Way::InNamespace => attack.kind == Kind::Namespaced,
                        Way::Entering => attack.kind == Kind::Entering,
                    };
                    fits && has(topology, attack.kind)
                        && attack.only.is_none_or(|only| only == role)
                };
                let attacks: Vec<_> = attacks.iter().filter(mine).copied().collect();
                if !attacks.is_empty() {
                    groups.push(Group {
                        topology,
                        role,
                        way,
                        attacks,
                    });
                }
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_cases_have_one_name() {
        let mut seen = BTreeSet::new();
        for group in groups() {
            for attack in &group.attacks {
                let name = group.name(attack);
                assert!(seen.insert(name.clone()), "{name}");
            }
        }
    }

    #[test]
    fn every_attack_is_tried() {
        let tried: BTreeSet<_> = groups()
            .iter()
            .flat_map(|group| group.attacks.iter().map(|attack| attack.name))
            .collect();
        for attack in super::super::attacks() {
            assert!(tried.contains(attack.name), "{}", attack.name);
        }
    }
}
