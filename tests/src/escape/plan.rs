// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who attacks whom: the rows of the table, sorted into groups that share a scene.

use super::attack::{Attack, Kind, Role};
use std::fmt;

/// Where attacker and target are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Out of a jail, to the host.
    JailToHost,
    /// From a jail to another one beside it.
    JailToSibling,
    /// From a jail to the one that it is in.
    JailToParent,
    /// From the host into a jail.
    HostToJail,
    /// From a jail into one that is in it.
    ParentToJail,
    /// From one process of a jail to another, where no wall is.
    WithinJail,
}

impl Direction {
    /// All of them.
    pub const ALL: [Direction; 6] = [
        Direction::JailToHost,
        Direction::JailToSibling,
        Direction::JailToParent,
        Direction::HostToJail,
        Direction::ParentToJail,
        Direction::WithinJail,
    ];

    /// Whether it goes up or across, where everything is refused.
    pub fn is_attack(self) -> bool {
        matches!(
            self,
            Direction::JailToHost | Direction::JailToSibling | Direction::JailToParent
        )
    }

    /// Whether an attack of this kind makes sense in this direction.
    fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Crossing => true,
            Kind::Breakout => matches!(self, Direction::JailToHost | Direction::JailToParent),
            Kind::Namespaced | Kind::Entering => self == Direction::JailToHost,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::JailToHost => "jail to host",
            Direction::JailToSibling => "jail to sibling",
            Direction::JailToParent => "jail to parent",
            Direction::HostToJail => "host to jail",
            Direction::ParentToJail => "parent to jail",
            Direction::WithinJail => "within a jail",
        })
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
    pub direction: Direction,
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
            self.direction, attack.area, attack.name
        )
    }
}

/// The groups of the whole table.
pub fn groups() -> Vec<Group> {
    let attacks = super::attacks();
    let mut groups = Vec::new();
    for direction in Direction::ALL {
        for role in [Role::Root, Role::User] {
            for way in [Way::Inside, Way::InNamespace, Way::Entering] {
                let mine = |attack: &&Attack| {
                    let fits = match way {
                        Way::Inside => matches!(attack.kind, Kind::Crossing | Kind::Breakout),
                        Way::InNamespace => attack.kind == Kind::Namespaced,
                        Way::Entering => attack.kind == Kind::Entering,
                    };
                    fits && direction.has(attack.kind)
                        && attack.only.is_none_or(|only| only == role)
                };
                let attacks: Vec<_> = attacks.iter().filter(mine).copied().collect();
                if !attacks.is_empty() {
                    groups.push(Group {
                        direction,
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
