// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which jails there are, and who is in which of them: what a test of a crossing is run in.
//!
//! Each topology is drawn here, once. A test in which somebody reaches from one jail to another
//! includes those that it is for, and makes no jails of its own. In the pictures `S` is the subject,
//! who wants something, and `O` the object, which it is wanted of. The frames are jails; what is in
//! none is on the host.

use crate::inmate::Inmate;
use crate::jail;
use crate::jailfs;
use crate::ktap::{CaseResult, Context, Failure};
use crate::sys::{jail as call, process};
use std::fmt;

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In no jail.
    Host,
    /// In the jail of this letter.
    A,
    /// As before.
    B,
    /// As before.
    C,
    /// As before.
    D,
}

impl Place {
    /// The position of a jail in the order of the letters; the host has none.
    pub fn index(self) -> Option<usize> {
        match self {
            Place::Host => None,
            jail => Some(jail as usize - 1),
        }
    }
}

/// How subject and object stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// In one jail, or both on the host: no wall is between them.
    Same,
    /// The object is in a jail that is in the subject's, at any depth.
    Down,
    /// The other way round.
    Up,
    /// Neither is in the other's.
    Across,
}

/// Jails, and who is in which.
#[derive(Debug, PartialEq, Eq)]
pub struct Topology {
    /// Its name.
    pub name: &'static str,
    /// What each jail is in, from A on: those come first that others are in.
    pub parents: &'static [Place],
    /// Where the subject is.
    pub subject: Place,
    /// Where the object is.
    pub object: Place,
}

use Place::{Host, A, B, C, D};

/// ```text
///             O
///  .-A-----.  ^
///  |     S----'
///  '-------'
/// ```
pub const JAIL_TO_HOST: Topology = Topology {
    name: "jail to host",
    parents: &[Host],
    subject: A,
    object: Host,
};

/// ```text
///  .-A-----.  .-B-----.
///  |     S------> O   |
///  '-------'  '-------'
/// ```
pub const JAIL_TO_SIBLING: Topology = Topology {
    name: "jail to sibling",
    parents: &[Host, Host],
    subject: A,
    object: B,
};

/// ```text
///  .-A-----------------.
///  |  O <--.  .-B---.  |
///  |       '----- S |  |
///  |          '-----'  |
///  '-------------------'
/// ```
pub const JAIL_TO_PARENT: Topology = Topology {
    name: "jail to parent",
    parents: &[Host, A],
    subject: B,
    object: A,
};

/// ```text
///  .-A----------------------------.
///  |  O <--.  .-B--------------.  |
///  |       |  |       .-C---.  |  |
///  |       '------------- S |  |  |
///  |          |       '-----'  |  |
///  |          '----------------'  |
///  '------------------------------'
/// ```
pub const JAIL_TO_ANCESTOR: Topology = Topology {
    name: "jail to ancestor",
    parents: &[Host, A, B],
    subject: C,
    object: A,
};

/// ```text
///  .-A-----------.  .-C-----------.
///  |    .-B---.  |  |  .-D---.    |
///  |    |   S ----------> O  |    |
///  |    '-----'  |  |  '-----'    |
///  '-------------'  '-------------'
/// ```
pub const JAIL_TO_COUSIN: Topology = Topology {
    name: "jail to cousin",
    parents: &[Host, A, Host, C],
    subject: B,
    object: D,
};

/// ```text
///  .-A-----------.  .-C-----.
///  |    .-B---.  |  |       |
///  |    |   S ---------> O  |
///  |    '-----'  |  |       |
///  '-------------'  '-------'
/// ```
pub const JAIL_TO_UNCLE: Topology = Topology {
    name: "jail to uncle",
    parents: &[Host, A, Host],
    subject: B,
    object: C,
};

/// ```text
///  .-C-----.  .-A-----------.
///  |       |  |  .-B---.    |
///  |     S --------> O |    |
///  |       |  |  '-----'    |
///  '-------'  '-------------'
/// ```
pub const JAIL_TO_NEPHEW: Topology = Topology {
    name: "jail to nephew",
    parents: &[Host, A, Host],
    subject: C,
    object: B,
};

/// ```text
///  S ---.
///       |  .-A-----.
///       '----> O   |
///          '-------'
/// ```
pub const HOST_TO_JAIL: Topology = Topology {
    name: "host to jail",
    parents: &[Host],
    subject: Host,
    object: A,
};

/// ```text
///  .-A-----------------.
///  |  S ---.  .-B---.  |
///  |       '----> O |  |
///  |          '-----'  |
///  '-------------------'
/// ```
pub const PARENT_TO_JAIL: Topology = Topology {
    name: "parent to jail",
    parents: &[Host, A],
    subject: A,
    object: B,
};

/// ```text
///  .-A----------------------------.
///  |  S ---.  .-B--------------.  |
///  |       |  |       .-C---.  |  |
///  |       '------------> O |  |  |
///  |          |       '-----'  |  |
///  |          '----------------'  |
///  '------------------------------'
/// ```
pub const ANCESTOR_TO_JAIL: Topology = Topology {
    name: "ancestor to jail",
    parents: &[Host, A, B],
    subject: A,
    object: C,
};

/// ```text
///  .-A------------.
///  |  S -----> O  |
///  '--------------'
/// ```
pub const WITHIN_JAIL: Topology = Topology {
    name: "within a jail",
    parents: &[Host],
    subject: A,
    object: A,
};

/// Those in which nobody is further than one jail from the other.
pub const NEAR: [&Topology; 6] = [
    &JAIL_TO_HOST,
    &JAIL_TO_SIBLING,
    &JAIL_TO_PARENT,
    &HOST_TO_JAIL,
    &PARENT_TO_JAIL,
    &WITHIN_JAIL,
];

/// Those in which there is more between the two.
pub const FAR: [&Topology; 5] = [
    &JAIL_TO_ANCESTOR,
    &ANCESTOR_TO_JAIL,
    &JAIL_TO_COUSIN,
    &JAIL_TO_UNCLE,
    &JAIL_TO_NEPHEW,
];

/// All that there are.
pub fn all() -> impl Iterator<Item = &'static Topology> {
    NEAR.into_iter().chain(FAR)
}

/// Those in which the two stand like this.
pub fn with(relation: Relation) -> impl Iterator<Item = &'static Topology> {
    all().filter(move |topology| topology.relation() == relation)
}

/// Those in which there is a wall to be crossed.
pub fn crossings() -> impl Iterator<Item = &'static Topology> {
    all().filter(|topology| topology.crosses())
}

impl Topology {
    /// Whether `jail` is in `ancestor`, at any depth; nothing is in itself.
    fn lies_in(&self, jail: Place, ancestor: Place) -> bool {
        let Some(index) = jail.index() else {
            return false;
        };
        let parent = self.parents[index];
        parent == ancestor || self.lies_in(parent, ancestor)
    }

    /// How subject and object stand to each other.
    pub fn relation(&self) -> Relation {
        if self.subject == self.object {
            Relation::Same
        } else if self.lies_in(self.object, self.subject) {
            Relation::Down
        } else if self.lies_in(self.subject, self.object) {
            Relation::Up
        } else {
            Relation::Across
        }
    }

    /// Whether there is a wall between subject and object.
    pub fn crosses(&self) -> bool {
        self.relation() != Relation::Same
    }

    /// Makes its jails. A kernel that has none is all host.
    pub fn make(&self) -> Result<Jails, Failure> {
        let mut held: Vec<Inmate> = Vec::new();
        if jail::are_there() {
            for (at, parent) in self.parents.iter().enumerate() {
                let inmate = match parent.index() {
                    None => Inmate::start(|| Ok(()))?,
                    Some(parent) => Inmate::start_within(held[parent].number, || Ok(()))?,
                };
                let children = self
                    .parents
                    .iter()
                    .filter(|&parent| parent.index() == Some(at));
                let children = children.count().to_string();
                jailfs::set(inmate.number, "children.max", &children)?;
                held.push(inmate);
            }
        }
        let holder = |place: Place| held.get(place.index()?);
        let number = |place| holder(place).map(|inmate| inmate.number);
        Ok(Jails {
            subject: number(self.subject),
            object: number(self.object),
            all: held.iter().map(|inmate| inmate.number).collect(),
            process: holder(self.object).map_or_else(process::pid, |inmate| inmate.pid),
            _held: held,
        })
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The jails of a topology, each held open by a process in it.
pub struct Jails {
    /// The number of the subject's jail; `None` on the host.
    pub subject: Option<i64>,
    /// The number of the object's jail; `None` on the host.
    pub object: Option<i64>,
    /// A process where the object is: one that holds its jail open or, on the host, who has made it.
    pub process: libc::pid_t,
    /// The numbers of all jails, those that others are in before these.
    pub all: Vec<i64>,
    _held: Vec<Inmate>,
}

impl Jails {
    /// Has a process where the subject is do something. What has entered a jail is not bound by what
    /// it is allowed, until it executes.
    pub fn as_subject(&self, inside: impl FnOnce() -> CaseResult) -> CaseResult {
        let enter = || {
            if let Some(number) = self.subject {
                call::attach_jail(number).context("attach_jail")?;
            }
            jail::number()
        };
        Inmate::start_by(enter, inside).map(drop)
    }

    /// The same by a process that is bound, as all are that come of one that has entered.
    pub fn as_bound_subject(&self, inside: impl FnOnce() -> CaseResult) -> CaseResult {
        self.as_subject(|| Inmate::start_by(jail::number, inside).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_pictures_say_how_the_two_stand() {
        let relations: Vec<_> = all()
            .map(|topology| (topology.name, topology.relation()))
            .collect();
        let expected = [
            ("jail to host", Relation::Up),
            ("jail to sibling", Relation::Across),
            ("jail to parent", Relation::Up),
            ("host to jail", Relation::Down),
            ("parent to jail", Relation::Down),
            ("within a jail", Relation::Same),
            ("jail to ancestor", Relation::Up),
            ("ancestor to jail", Relation::Down),
            ("jail to cousin", Relation::Across),
            ("jail to uncle", Relation::Across),
            ("jail to nephew", Relation::Across),
        ];
        assert_eq!(relations, expected);
    }

    #[test]
    fn what_others_are_in_comes_first_and_everybody_is_somewhere() {
        let mut names = BTreeSet::new();
        for topology in all() {
            assert!(names.insert(topology.name), "{topology}: twice");
            for (at, parent) in topology.parents.iter().enumerate() {
                assert!(parent.index() < Some(at), "{topology}");
            }
            for place in [topology.subject, topology.object] {
                assert!(place.index() < Some(topology.parents.len()), "{topology}");
            }
        }
    }

    #[test]
    fn crossings_are_all_but_one() {
        assert_eq!(crossings().count(), all().count() - 1);
    }
}
