// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a jail that one owns, and letting it go.

use jaula_tests::descriptor::{apart, check_stays, wait_for_end, Info, Owner, Status, ALL};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::sys::jailfd::{self as call, ADMINISTER, ATTACH, OWN};
use jaula_tests::sys::{ids, process, Errno};
use jaula_tests::{check, check_eq, jail, jailfs};
use std::os::fd::AsRawFd;

pub fn add(suite: &mut Suite) {
    suite.case(
        "own: a jail is made within the caller's, and not entered",
        made,
    );
    suite.case("own: it stays while it is empty", stays);
    suite.case(
        "own: a jail is made within that of a descriptor",
        made_within,
    );
    suite.case(
        "own: within that of a descriptor takes the right to administer it: EPERM",
        || {
            let owner = Owner::new()?;
            jailfs::set(owner.number, "children.max", "4")?;
            for rights in [0, ATTACH] {
                let jail = owner.plain(rights)?;
                let got = call::create_owned_jail(jail.as_raw_fd(), 0).map(drop);
                check_eq!(got, Err(Errno::EPERM), "with the rights {rights}");
            }
            Ok(())
        },
    );
    suite.case(
        "own: within that of a descriptor takes no capability",
        || {
            let owner = Owner::new()?;
            jailfs::set(owner.number, "children.max", "4")?;
            let jail = owner.plain(ADMINISTER)?;
            ids::become_user(1000)?;
            Owner::within(jail.as_raw_fd()).map(drop)
        },
    );
    suite.case("own: without CAP_SYS_ADMIN: EPERM", || {
        ids::drop_capability(ids::CAP_SYS_ADMIN, true).context("capset")?;
        refused(OWN, Errno::EPERM)
    });
    suite.case(
        "own: CAP_SYS_ADMIN in a user namespace is not enough: EPERM",
        || {
            ids::unshare(libc::CLONE_NEWUSER).context("unshare")?;
            refused(OWN, Errno::EPERM)
        },
    );
    suite.case("own: in a jail that may have none: EPERM", || {
        jail::enter()?;
        refused(OWN, Errno::EPERM)
    });
    suite.case("own: as many jails as there may be: EAGAIN", at_the_limit);
    suite.case(
        "own: jails lie in each other to a depth of 8: EAGAIN",
        depth,
    );
    suite.case("own: in a jail that has ended there is none made", || {
        let owner = Owner::new()?;
        call::destroy_jailfd(owner.raw(), 0)?;
        let before = jailfs::numbers()?;
        let got = call::create_owned_jail(owner.raw(), 0).map(drop);
        let refused = [Err(Errno::EAGAIN), Err(Errno::ESRCH), Err(Errno::EPERM)];
        check!(refused.contains(&got), "create_owned_jail: {got:?}");
        check_eq!(
            jailfs::numbers_beyond(&before)?,
            Vec::<i64>::new(),
            "the jails that are there besides"
        );
        Ok(())
    });
    suite.case("own: a process with threads makes one", || {
        let (told, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv().is_ok());
        let owner = Owner::new();
        drop(told);
        check!(!thread.join().unwrap_or(true), "the thread got something");
        owner.map(drop)
    });
    suite.case("own: disowned, it outlives the descriptor", disowned);
    suite.case("own: disowned, it ends when it is empty", || {
        let owner = Owner::new()?;
        let inmate = owner.member(|| Ok(()))?;
        let jail = owner.plain(0)?;
        call::disown_jail(owner.raw(), 0)?;
        check_stays(&jail)?;
        drop(inmate);
        wait_for_end(&jail)
    });
    suite.case("own: disowned while it is empty, it ends", || {
        let owner = Owner::new()?;
        call::disown_jail(owner.raw(), 0)?;
        wait_for_end(&owner.descriptor)?;
        jailfs::wait_until_gone(owner.number)
    });
    suite.case("own: disowned while it is kept, it stays", || {
        let owner = Owner::new()?;
        jailfs::set(owner.number, "persist", "1")?;
        call::disown_jail(owner.raw(), 0)?;
        check_stays(&owner.descriptor)?;
        jailfs::set(owner.number, "persist", "0")?;
        wait_for_end(&owner.descriptor)
    });
    suite.case(
        "own: a plain descriptor has nothing to disown: EINVAL",
        || {
            let owner = Owner::new()?;
            let _inmate = owner.member(|| Ok(()))?;
            for rights in [0, ALL] {
                let jail = owner.plain(rights)?;
                let got = call::disown_jail(jail.as_raw_fd(), 0);
                check_eq!(got, Err(Errno::EINVAL), "a plain one");
            }
            call::disown_jail(owner.raw(), 0)?;
            let again = call::disown_jail(owner.raw(), 0);
            check_eq!(again, Err(Errno::EINVAL), "a second time");
            Ok(())
        },
    );
    suite.case("own: it is not kept by a plain descriptor", || {
        let owner = Owner::new()?;
        let jail = owner.plain(ALL)?;
        let copy = call::dup(&jail)?;
        drop(owner);
        wait_for_end(&jail)?;
        wait_for_end(&copy)
    });
    suite.case("own: it is not kept by persist", || {
        let owner = Owner::new()?;
        jailfs::set(owner.number, "persist", "1")?;
        let jail = owner.plain(0)?;
        drop(owner);
        wait_for_end(&jail)
    });
}

fn refused(within: i32, expected: Errno) -> CaseResult {
    let before = jailfs::numbers()?;
    let got = call::create_owned_jail(within, 0).map(drop);
    check_eq!(got, Err(expected), "create_owned_jail");
    check_eq!(
        jailfs::numbers_beyond(&before)?,
        Vec::<i64>::new(),
        "the jails that are there besides"
    );
    Ok(())
}

fn made() -> CaseResult {
    let owner = Owner::new()?;
    check_eq!(jail::number()?, 0, "where the caller is");
    check!(owner.number > 0, "its number is {}", owner.number);
    check_eq!(jailfs::value(owner.number, "parent")?, 0, "its parent");
    check_eq!(jailfs::value(owner.number, "tasks")?, 0, "its tasks");
    let persist = jailfs::value(owner.number, "persist")?;
    check_eq!(persist, 0, "whether it is kept");
    let info = Info::of(&owner.descriptor)?;
    check!(info.owner, "the descriptor does not own it");
    check_eq!(info.rights, "read attach administer", "its rights");
    check_eq!(
        jailfs::read(owner.number, "allow"),
        Ok(jailfs::ALLOWED.to_owned()),
        "its allowance"
    );
    let jail = owner.plain(0)?;
    drop(owner);
    wait_for_end(&jail)
}

fn stays() -> CaseResult {
    let owner = Owner::new()?;
    check_stays(&owner.descriptor).context("before anybody was in it")?;
    for _ in 0..3 {
        let inmate = owner.member(|| Ok(()))?;
        process::kill(inmate.pid, libc::SIGKILL)?;
        inmate.check_killed()?;
        jailfs::wait_for(owner.number, "tasks", 0)?;
        check_stays(&owner.descriptor).context("after somebody was in it")?;
    }
    Ok(())
}

fn made_within() -> CaseResult {
    let outer = Owner::new()?;
    jailfs::set(outer.number, "children.max", "2")?;
    let by_owner = Owner::within(outer.raw())?;
    let plain = outer.plain(ADMINISTER)?;
    let by_plain = Owner::within(plain.as_raw_fd())?;
    for inner in [&by_owner, &by_plain] {
        let parent = jailfs::value(inner.number, "parent")?;
        check_eq!(parent, outer.number as u64, "the parent");
        check!(Info::of(&inner.descriptor)?.owner, "it is not owned");
    }
    check_eq!(Status::of(&plain)?.children, 2, "the jails in it");
    // Also by who is in no jail that it lies in.
    drop(by_plain);
    jailfs::wait_for(outer.number, "children", 1)?;
    apart(|| {
        jail::enter()?;
        Owner::within(plain.as_raw_fd()).map(drop)
    })?;
    let jail = by_owner.plain(0)?;
    drop(outer);
    // It ends with the one that it lies in, owned or not.
    wait_for_end(&jail)?;
    wait_for_end(&by_owner.descriptor)
}

fn at_the_limit() -> CaseResult {
    let outer = Owner::new()?;
    jailfs::set(outer.number, "children.max", "1")?;
    let inner = Owner::within(outer.raw())?;
    refused(outer.raw(), Errno::EAGAIN)?;
    let number = outer.number;
    let _inside = outer.member(|| refused(OWN, Errno::EAGAIN))?;
    drop(inner);
    jailfs::wait_for(number, "children", 0)?;
    let _inside = outer.member(|| {
        let owner = Owner::new()?;
        let parent = jailfs::value(owner.number, "parent")?;
        check_eq!(parent, number as u64, "the parent");
        Ok(())
    })?;
    Ok(())
}

fn depth() -> CaseResult {
    const DEPTH: usize = 8;
    let mut owners = vec![Owner::new()?];
    while owners.len() < DEPTH {
        let last = &owners[owners.len() - 1];
        jailfs::set(last.number, "children.max", "1")?;
        owners.push(Owner::within(last.raw())?);
    }
    let last = &owners[DEPTH - 1];
    jailfs::set(last.number, "children.max", "1")?;
    refused(last.raw(), Errno::EAGAIN)
}

fn disowned() -> CaseResult {
    let owner = Owner::new()?;
    let inmate = owner.member(|| Ok(()))?;
    let jail = owner.plain(0)?;
    let copy = call::dup(&owner.descriptor)?;
    call::disown_jail(owner.raw(), 0)?;
    check!(!Info::of(&copy)?.owner, "a copy of it still owns the jail");
    drop(owner);
    drop(copy);
    check_stays(&jail)?;
    check_eq!(process::kill(inmate.pid, 0), Ok(()), "the process in it");
    Ok(())
}
