// SPDX-License-Identifier: MIT OR Apache-2.0

//! Opening a jail by its number, and what rights the descriptor has.

use jaula_tests::descriptor::{apart, open, Info, Owner, Status, ALL, RIGHTS};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::sys::jailfd::{self as call, ADMINISTER, ATTACH, OWN};
use jaula_tests::sys::{ids, Errno};
use jaula_tests::topology::{self, Relation};
use jaula_tests::{check, check_eq, jail, jailfs, wait};
use std::os::fd::AsRawFd;

pub fn add(suite: &mut Suite) {
    suite.case(
        "open: a jail is opened with the rights that are asked for",
        rights,
    );
    suite.case("open: a jail within, at any depth", within);
    suite.case(
        "open: a jail that has ended, or has never been: ESRCH",
        || {
            let gone = jail::made_and_gone()?;
            for number in [gone, i64::from(i32::MAX)] {
                let opened = call::open_jail(OWN, number, 0).map(drop);
                check_eq!(opened, Err(Errno::ESRCH), "{number}");
            }
            Ok(())
        },
    );
    suite.case("open: what is no number of a jail is not opened", || {
        for number in [0, -1, i64::from(i32::MIN)] {
            for flags in [0, ALL] {
                let opened = call::open_jail(OWN, number, flags).map(drop);
                let refused = [Err(Errno::ESRCH), Err(Errno::EINVAL), Err(Errno::EPERM)];
                check!(refused.contains(&opened), "{number}: {opened:?}");
            }
        }
        Ok(())
    });
    suite.case(
        "open: a jail that does not lie within one's own: ESRCH",
        || {
            for relation in [Relation::Up, Relation::Across] {
                not_within(relation)?;
            }
            Ok(())
        },
    );
    suite.case("open: one's own, for reading only: else EPERM", own);
    suite.case(
        "open: without CAP_SYS_ADMIN for reading only: else EPERM",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            ids::drop_capability(ids::CAP_SYS_ADMIN, true).context("capset")?;
            for_reading_only(inmate.number)
        },
    );
    suite.case("open: as a user, for reading only", || {
        let inmate = Inmate::start(|| Ok(()))?;
        ids::become_user(1000)?;
        for_reading_only(inmate.number)
    });
    suite.case(
        "open: CAP_SYS_ADMIN in a user namespace is not enough",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            ids::unshare(libc::CLONE_NEWUSER).context("unshare")?;
            for_reading_only(inmate.number)
        },
    );
    suite.case(
        "open: in a jail CAP_SYS_ADMIN has to be in the allowance",
        allowance,
    );
    suite.case(
        "open: through a descriptor: what lies within its jail",
        through,
    );
    suite.case(
        "open: through a descriptor: no more rights than it has",
        no_more,
    );
    suite.case("open: through a descriptor no capability is needed", || {
        let (outer, inner) = nested()?;
        let outer = outer.plain(ALL)?;
        ids::become_user(1000)?;
        for (rights, _) in RIGHTS {
            call::open_jail(outer.as_raw_fd(), inner.number, rights).context("open_jail")?;
        }
        Ok(())
    });
    suite.case(
        "open: through a descriptor whose jail has ended: ESRCH",
        || {
            let (outer, inner) = nested()?;
            call::destroy_jailfd(outer.raw(), 0)?;
            let opened = call::open_jail(outer.raw(), inner.number, 0).map(drop);
            check_eq!(opened, Err(Errno::ESRCH), "what was in it");
            Ok(())
        },
    );
    suite.case("open: as many descriptors as there may be: EMFILE", || {
        let owner = Owner::new()?;
        let before = jailfs::numbers()?;
        ids::limit_descriptors(0).context("setrlimit")?;
        let opened = call::open_jail(OWN, owner.number, 0).map(drop);
        let made = call::create_owned_jail(OWN, 0).map(drop);
        ids::limit_descriptors(100).context("setrlimit")?;
        check_eq!(opened, Err(Errno::EMFILE), "open_jail");
        check_eq!(made, Err(Errno::EMFILE), "create_owned_jail");
        wait::until("there is no jail more", || {
            Ok(jailfs::numbers_beyond(&before)?.is_empty())
        })
    });
}

/// A jail, and one within it.
fn nested() -> Result<(Owner, Owner), jaula_tests::ktap::Failure> {
    let outer = Owner::new()?;
    jailfs::set(outer.number, "children.max", "2")?;
    let inner = Owner::within(outer.raw())?;
    Ok((outer, inner))
}

fn rights() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    for (rights, told) in RIGHTS {
        let jail = open(inmate.number, rights)?;
        let info = Info::of(&jail)?;
        check_eq!(info.rights, told, "the rights of one opened with {rights}");
        check!(!info.owner, "it owns the jail");
        check_eq!(Status::of(&jail)?.number, inmate.number, "its jail");
    }
    Ok(())
}

fn within() -> CaseResult {
    for topology in topology::with(Relation::Down) {
        let jails = topology.make()?;
        let object = jails.object.unwrap_or_default();
        jails.as_subject(|| {
            for (rights, _) in RIGHTS {
                let jail = open(object, rights).context(topology)?;
                check_eq!(Status::of(&jail)?.number, object, "{topology}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn not_within(relation: Relation) -> CaseResult {
    for topology in topology::with(relation) {
        let jails = topology.make()?;
        let Some(object) = jails.object else {
            continue;
        };
        jails.as_subject(|| {
            let opened = call::open_jail(OWN, object, 0).map(drop);
            check_eq!(opened, Err(Errno::ESRCH), "{topology}");
            for rights in [ATTACH, ADMINISTER, ALL] {
                let opened = call::open_jail(OWN, object, rights).map(drop);
                let refused = [Err(Errno::ESRCH), Err(Errno::EPERM)];
                check!(refused.contains(&opened), "{topology}: {opened:?}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn own() -> CaseResult {
    let number = jail::enter()?;
    for_reading_only(number)?;
    let jail = open(number, 0)?;
    check_eq!(Status::of(&jail)?.tasks, 1, "its tasks");
    Ok(())
}

fn for_reading_only(number: i64) -> CaseResult {
    let jail = open(number, 0)?;
    check_eq!(Info::of(&jail)?.rights, "read", "the rights");
    check_eq!(Status::of(&jail)?.number, number, "the jail");
    for rights in [ATTACH, ADMINISTER, ALL] {
        let opened = call::open_jail(OWN, number, rights).map(drop);
        check_eq!(opened, Err(Errno::EPERM), "with the rights {rights}");
    }
    Ok(())
}

fn allowance() -> CaseResult {
    let jails = topology::PARENT_TO_JAIL.make()?;
    let (Some(subject), Some(object)) = (jails.subject, jails.object) else {
        return Ok(());
    };
    jails.as_bound_subject(|| for_reading_only(object))?;
    jailfs::set(subject, "allow", "+sys_admin")?;
    jails.as_bound_subject(|| open(object, ALL).map(drop))
}

fn through() -> CaseResult {
    let (outer, inner) = nested()?;
    jailfs::set(inner.number, "children.max", "1")?;
    let innermost = Owner::within(inner.raw())?;
    let beside = Owner::new()?;
    for descriptor in [&outer.descriptor, &outer.plain(0)?] {
        for number in [inner.number, innermost.number] {
            let jail = call::open_jail(descriptor.as_raw_fd(), number, 0).context("open_jail")?;
            check_eq!(Status::of(&jail)?.number, number, "what was opened");
        }
        for (name, number) in [
            ("its own jail", outer.number),
            ("one beside it", beside.number),
            ("one that has never been", i64::from(i32::MAX)),
        ] {
            let opened = call::open_jail(descriptor.as_raw_fd(), number, 0).map(drop);
            check_eq!(opened, Err(Errno::ESRCH), "{name}");
        }
    }
    let opened = call::open_jail(inner.raw(), outer.number, 0).map(drop);
    check_eq!(opened, Err(Errno::ESRCH), "the one around it");
    // Wherever the caller is.
    let (outer, inner) = (outer.plain(ATTACH)?, inner.number);
    apart(|| {
        jail::enter()?;
        let raw = outer.as_raw_fd();
        call::open_jail(raw, inner, ATTACH).context("from another jail")?;
        let opened = call::open_jail(OWN, inner, 0).map(drop);
        check_eq!(opened, Err(Errno::ESRCH), "without the descriptor");
        Ok(())
    })
}

fn no_more() -> CaseResult {
    let (outer, inner) = nested()?;
    for (has, _) in RIGHTS {
        let jail = outer.plain(has)?;
        for (asked, told) in RIGHTS {
            let opened = call::open_jail(jail.as_raw_fd(), inner.number, asked);
            if asked & !has == 0 {
                let opened = opened.context(format!("{told} through {has}"))?;
                check_eq!(Info::of(&opened)?.rights, told, "through {has}");
            } else {
                let opened = opened.map(drop);
                check_eq!(opened, Err(Errno::EPERM), "{told} through {has}");
            }
        }
    }
    // An owner has all rights, and what is opened through it owns nothing.
    let jail = call::open_jail(outer.raw(), inner.number, ALL).context("through the owner")?;
    check!(!Info::of(&jail)?.owner, "it owns the jail");
    Ok(())
}
