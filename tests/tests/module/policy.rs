// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's policy, compiled from the very file that is built into the kernel, against the
//! table in its documentation.

// User space uses less of the file than the kernel does.
#[allow(dead_code, missing_docs)]
#[path = "../../../kernel-module/policy.rs"]
mod source;

use source::{decide, fits, Access, Errno, Privilege, Relation, Resource, Verdict, HOST};

const RELATIONS: [Relation; 3] = [Relation::Same, Relation::Down, Relation::UpOrAcross];
const ACCESSES: [Access; 17] = [
    Access::UseSysvIpc,
    Access::ListSysvIpc,
    Access::SeeJail,
    Access::AdministerJail,
    Access::Signal,
    Access::SignalFreely,
    Access::Look,
    Access::Trace,
    Access::AskSchedule,
    Access::Schedule,
    Access::SetLimits,
    Access::OpenProcess,
    Access::ChangeProcess,
    Access::UseAbstractSocket,
    Access::UseMessageQueue,
    Access::UseKey,
    Access::AssumeCredentials,
];

/// A jail and its ancestors, nearest first: a small tree under the host.
const TREE: [(u32, &[u32]); 7] = [
    (HOST, &[]),
    (1, &[HOST]),
    (2, &[1, HOST]),
    (3, &[2, 1, HOST]),
    (4, &[HOST]),
    (5, &[4, HOST]),
    (i32::MAX as u32, &[4, HOST]),
];

/// Fails to compile when an access or a relation is added without a row here.
fn expected(relation: Relation, access: Access) -> Verdict {
    match (access, relation) {
        (Access::UseSysvIpc | Access::ListSysvIpc, Relation::Same) => Verdict::Allow,
        (Access::UseSysvIpc, Relation::Down | Relation::UpOrAcross) => {
            Verdict::Refuse(Errno::Access)
        }
        (Access::ListSysvIpc, Relation::Down | Relation::UpOrAcross) => Verdict::Hide,
        (Access::SeeJail, Relation::Same | Relation::Down) => Verdict::Allow,
        (Access::SeeJail, Relation::UpOrAcross) => Verdict::Hide,
        (Access::AdministerJail, Relation::Same) => Verdict::Refuse(Errno::Perm),
        (Access::AdministerJail, Relation::Down) => Verdict::Allow,
        (Access::AdministerJail, Relation::UpOrAcross) => Verdict::Hide,
        (
            Access::Signal
            | Access::Look
            | Access::Trace
            | Access::Schedule
            | Access::SetLimits
            | Access::ChangeProcess
            | Access::AssumeCredentials,
            Relation::Same,
        ) => Verdict::Allow,
        (
            Access::SignalFreely | Access::AskSchedule | Access::OpenProcess,
            Relation::Same | Relation::Down,
        ) => Verdict::Allow,
        (Access::AssumeCredentials, Relation::Down) => Verdict::Refuse(Errno::Perm),
        (Access::Signal, Relation::Down) => Verdict::AllowWith(Privilege::Kill, Errno::Perm),
        (Access::Look, Relation::Down) => Verdict::AllowWith(Privilege::Look, Errno::Perm),
        (Access::Trace, Relation::Down) => Verdict::AllowWith(Privilege::Trace, Errno::Perm),
        (Access::Schedule, Relation::Down) => Verdict::AllowWith(Privilege::Nice, Errno::Perm),
        (Access::SetLimits, Relation::Down) => Verdict::AllowWith(Privilege::Resource, Errno::Perm),
        (Access::ChangeProcess, Relation::Down) => {
            Verdict::AllowWith(Privilege::Trace, Errno::Access)
        }
        (
            Access::Signal
            | Access::SignalFreely
            | Access::Look
            | Access::Trace
            | Access::AskSchedule
            | Access::Schedule
            | Access::SetLimits
            | Access::AssumeCredentials,
            Relation::UpOrAcross,
        ) => Verdict::Refuse(Errno::Perm),
        (Access::OpenProcess | Access::ChangeProcess, Relation::UpOrAcross) => {
            Verdict::Refuse(Errno::Access)
        }
        (Access::UseAbstractSocket | Access::UseMessageQueue | Access::UseKey, Relation::Same) => {
            Verdict::Allow
        }
        (Access::UseAbstractSocket, Relation::Down | Relation::UpOrAcross) => {
            Verdict::Refuse(Errno::Perm)
        }
        (Access::UseMessageQueue | Access::UseKey, Relation::Down | Relation::UpOrAcross) => {
            Verdict::Refuse(Errno::Access)
        }
    }
}

#[test]
fn of_two_relations_the_farther_one_counts() {
    for one in RELATIONS {
        assert_eq!(one.and(one), one);
        assert_eq!(one.and(Relation::Same), one);
        assert_eq!(one.and(Relation::UpOrAcross), Relation::UpOrAcross);
        for other in RELATIONS {
            assert_eq!(one.and(other), other.and(one), "{one:?} and {other:?}");
        }
    }
    assert_eq!(Relation::Down.and(Relation::Same), Relation::Down);
}

#[test]
fn every_access_in_every_relation_is_decided_as_documented() {
    for relation in RELATIONS {
        for access in ACCESSES {
            let verdict = decide(relation, access);
            assert_eq!(
                verdict,
                expected(relation, access),
                "{relation:?} {access:?}"
            );
        }
    }
}

#[test]
fn a_refusal_is_the_errno_of_linux() {
    assert_eq!(Errno::Access as i32, libc::EACCES);
    assert_eq!(Errno::Perm as i32, libc::EPERM);
}

#[test]
fn a_jail_stands_to_every_other_as_the_tree_says() {
    for (subject, subjects_ancestors) in TREE {
        for (object, ancestors) in TREE {
            let relation = Relation::between(subject, object, ancestors.iter().copied());
            let expected = if subject == object {
                Relation::Same
            } else if ancestors.contains(&subject) {
                Relation::Down
            } else {
                Relation::UpOrAcross
            };
            assert_eq!(relation, expected, "{subject} to {object}");
            // Down one way is up the other.
            if expected == Relation::Down {
                let back = Relation::between(object, subject, subjects_ancestors.iter().copied());
                assert_eq!(back, Relation::UpOrAcross, "{object} to {subject}");
            }
        }
    }
}

#[test]
fn the_order_of_ancestors_does_not_matter() {
    assert_eq!(Relation::between(1, 3, [HOST, 1, 2]), Relation::Down);
    assert_eq!(Relation::between(1, 3, [2, 1, HOST]), Relation::Down);
    assert_eq!(Relation::between(4, 3, [2, HOST, 1]), Relation::UpOrAcross);
}

#[test]
fn not_even_the_host_reaches_into_a_jail() {
    let relation = Relation::between(HOST, 1, [HOST]);
    assert_eq!(relation, Relation::Down);
    assert_eq!(
        decide(relation, Access::UseSysvIpc),
        Verdict::Refuse(Errno::Access)
    );
    assert_eq!(decide(relation, Access::ListSysvIpc), Verdict::Hide);
}

#[test]
fn a_jail_has_no_jails_and_no_other_limit_by_default() {
    for resource in Resource::ALL {
        let limit = resource.default_limit();
        if resource == Resource::Children {
            assert_eq!(limit, 0);
        } else {
            assert_eq!(limit, u64::MAX, "{resource:?}");
        }
    }
}

#[test]
fn resources_are_in_the_order_of_their_values() {
    for (index, resource) in Resource::ALL.into_iter().enumerate() {
        assert_eq!(resource as usize, index);
    }
}

#[test]
fn a_limit_may_be_reached_and_not_exceeded() {
    assert!(fits(0, 0, 0));
    assert!(!fits(0, 1, 0));
    assert!(fits(1, 2, 3));
    assert!(!fits(2, 2, 3));
    assert!(!fits(5, 1, 3), "a limit below what there is");
    assert!(!fits(5, 0, 3), "nothing more of what there is too much of");
    assert!(fits(u64::MAX - 1, 1, u64::MAX));
    assert!(!fits(u64::MAX, 1, u64::MAX));
}
