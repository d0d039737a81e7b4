// SPDX-License-Identifier: MIT OR Apache-2.0

//! What reaching down into a jail takes, beside what Linux asks for: a capability, whoever the two
//! users are.

use super::attack::{Attack, Down, Expected, Role};
use crate::topology::{Place, Relation, Topology};

/// What somebody in an ancestor of a task's jail needs, to reach the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `CAP_KILL`.
    Kill,
    /// `CAP_SYS_PTRACE`, as far as it is for looking: root of a jail has that much in it and below.
    Look,
    /// `CAP_SYS_PTRACE`.
    Attach,
    /// `CAP_SYS_PTRACE`, for a file in `/proc` that is opened to be written.
    Write,
    /// `CAP_SYS_NICE`.
    Nice,
    /// To look first, and `CAP_SYS_NICE` after that.
    Move,
    /// `CAP_SYS_RESOURCE`.
    Resource,
}

impl Need {
    /// Whether a subject has it: a user has no capability, root on the host has all, and root in a jail
    /// those that a jail is allowed unless somebody says otherwise.
    fn is_met(self, role: Role, subject: Place) -> bool {
        match (role, subject) {
            (Role::User, _) => false,
            (Role::Root, Place::Host) => true,
            (Role::Root, _) => matches!(self, Need::Kill | Need::Look),
        }
    }

    /// The file of the subject's jail in which the refusal is counted. Looks are not.
    fn counter(self, role: Role) -> Option<&'static str> {
        match (self, role) {
            (Need::Look, _) | (Need::Move, Role::User) => None,
            (Need::Kill, _) => Some("refusals.signal"),
            (Need::Attach, _) => Some("refusals.ptrace"),
            (Need::Write, _) => Some("refusals.proc"),
            (Need::Nice | Need::Move | Need::Resource, _) => Some("refusals.sched"),
        }
    }
}

/// What becomes of an attack on a kernel with jails, and the file of the attacker's jail in which its
/// refusal is counted.
pub fn expected(
    attack: &Attack,
    role: Role,
    topology: &Topology,
) -> (Expected, Option<&'static str>) {
    let linux = attack.on_linux(role);
    let jailed = topology.subject != Place::Host;
    let as_across = attack.in_jail(role);
    match topology.relation() {
        Relation::Up | Relation::Across => return as_across,
        _ if attack.down == Down::HostAlone && jailed => return as_across,
        Relation::Down if attack.down == Down::Refused => return as_across,
        Relation::Down => {
            if let Some(need) = lacking(attack, role, topology) {
                let (expected, counter) = as_across;
                let told = attack.refused_from_above.map(Expected::Fails);
                return (
                    told.unwrap_or(expected),
                    counter.and(need.counter(role)).filter(|_| jailed),
                );
            }
        }
        Relation::Same => {}
    }
    match (attack.down, linux) {
        (Down::FromHost(errno), Expected::Succeeds | Expected::Nothing) if jailed => {
            (Expected::Fails(errno), None)
        }
        _ => (linux, None),
    }
}

/// What the subject needs and has not got, where it reaches down.
fn lacking(attack: &Attack, role: Role, topology: &Topology) -> Option<Need> {
    let down = topology.relation() == Relation::Down;
    attack
        .needs
        .filter(|need| down && !need.is_met(role, topology.subject))
}

/// Whether what is tried is an attack, and not what those who are above, or in the same jail, may
/// well do.
pub fn is_attack(attack: &Attack, role: Role, topology: &Topology) -> bool {
    match topology.relation() {
        Relation::Up | Relation::Across => true,
        Relation::Down => attack.down == Down::Refused || lacking(attack, role, topology).is_some(),
        Relation::Same => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Errno;
    use crate::topology;

    fn of(name: &str) -> Attack {
        let mut named = super::super::attacks()
            .into_iter()
            .filter(|attack| attack.name == name);
        named.next().expect("an attack of this name")
    }

    #[test]
    fn a_user_reaches_down_as_little_as_across() {
        let (eperm, eacces) = (
            Expected::Fails(Errno::EPERM),
            Expected::Fails(Errno::EACCES),
        );
        for (name, expected, counter) in [
            ("kill", eperm, Some("refusals.signal")),
            ("kill of everybody", Expected::Nothing, None),
            ("PTRACE_ATTACH", eperm, Some("refusals.ptrace")),
            ("kcmp", eperm, None),
            ("process_madvise", eacces, None),
            ("opening environ", eacces, None),
            ("opening mem", eacces, Some("refusals.ptrace")),
            ("writing oom_score_adj", eacces, Some("refusals.proc")),
            ("prlimit, setting", eperm, Some("refusals.sched")),
            ("getpgid", Expected::Succeeds, None),
            ("opening status", Expected::Succeeds, None),
        ] {
            let attack = of(name);
            let got = |topology| super::expected(&attack, Role::User, topology);
            assert_eq!(got(&topology::HOST_TO_JAIL), (expected, None), "{name}");
            for topology in [&topology::PARENT_TO_JAIL, &topology::ANCESTOR_TO_JAIL] {
                assert_eq!(got(topology), (expected, counter), "{name}: {topology}");
            }
            assert_eq!(
                got(&topology::WITHIN_JAIL),
                (attack.on_linux(Role::User), None),
                "{name}"
            );
        }
    }

    #[test]
    fn root_of_a_jail_signals_and_looks_and_no_more() {
        let eperm = Expected::Fails(Errno::EPERM);
        for (name, expected) in [
            ("kill", Expected::Succeeds),
            ("kcmp", Expected::Succeeds),
            ("opening environ", Expected::Succeeds),
            ("opening mem", Expected::Fails(Errno::EACCES)),
            ("pidfd_getfd", eperm),
            ("move_pages", eperm),
            ("sched_setaffinity", eperm),
            ("process_madvise", eperm),
        ] {
            let attack = of(name);
            let got = |topology| super::expected(&attack, Role::Root, topology).0;
            assert_eq!(got(&topology::PARENT_TO_JAIL), expected, "{name}");
            assert_eq!(
                got(&topology::HOST_TO_JAIL),
                Expected::Succeeds,
                "{name} from the host"
            );
        }
    }

    #[test]
    fn what_counts_as_an_attack_does_not_succeed() {
        for topology in topology::all() {
            for role in [Role::Root, Role::User] {
                for attack in super::super::attacks() {
                    let expected = super::expected(&attack, role, topology).0;
                    let attacks = is_attack(&attack, role, topology);
                    assert!(
                        !attacks || expected != Expected::Succeeds,
                        "{topology}: {}",
                        attack.name
                    );
                }
            }
        }
    }
}
