// SPDX-License-Identifier: MIT OR Apache-2.0

//! Jails within jails.

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{jail as call, Errno};
use jaula_tests::sysv::{listed, Family, Object};
use jaula_tests::topology::{self, Topology};
use jaula_tests::{check, check_eq, jail, jailfs};
use std::process::ExitCode;

/// How deep a jail may lie, see docs/abi.md.
const DEPTH: usize = 8;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("a jail has no jails unless it is allowed to: EPERM", || {
        let inmate = Inmate::start(|| {
            check_eq!(call::create_newjail(), Err(Errno::EPERM), "by default");
            Ok(())
        })?;
        check_eq!(
            jailfs::value(inmate.number, "children.max")?,
            0,
            "children.max"
        );
        Ok(())
    });
    suite.case("as many as it may, and no more: EAGAIN", as_many_as_allowed);
    suite.case("the parent of a jail is the jail it was made in", parents);
    suite.case("jails lie in each other to a depth of 8: EAGAIN", depth);
    suite.case(
        "a jail outlives what was in it before its children",
        outlived,
    );
    suite.case(
        "a jail destroys what is in it, and not what it is in",
        from_within,
    );
    suite.case("System V objects are refused up and down", objects);
    suite.case(
        "a jail has the limits of the one that it is in, and is given no more by it",
        inherited_limits,
    );
    suite.run(chosen)
}

fn inherited_limits() -> CaseResult {
    const LIMITS: [&str; 5] = [
        "tasks.max",
        "sem.max",
        "shm.max",
        "msg.max",
        "shm_bytes.max",
    ];
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "2")?;
    for file in LIMITS {
        jailfs::set(outer.number, file, "5")?;
    }
    let inner = within(outer.number)?;
    for file in LIMITS {
        let got = jailfs::value(inner.number, file)?;
        check_eq!(got, 5, "{file} of the inner jail");
    }
    let (number, place) = (inner.number, outer.number);
    Inmate::start_in(place, || {
        for file in LIMITS {
            for more in ["6", "max"] {
                let got = jailfs::write(number, file, more);
                check_eq!(
                    got,
                    Err(Errno::EPERM),
                    "{file} = {more} from the outer jail"
                );
            }
            jailfs::set(number, file, "4")?;
            jailfs::set(number, file, "5")?;
        }
        let got = jailfs::write(number, "children.max", "3");
        check_eq!(
            got,
            Err(Errno::EPERM),
            "children.max = 3 from the outer jail"
        );
        jailfs::set(number, "children.max", "2")
    })?;
    // Whoever bounds the outer jail is bound by nothing.
    jailfs::set(number, "tasks.max", "6")
}

fn within(number: i64) -> Result<Inmate, Failure> {
    Inmate::start_within(number, || Ok(()))
}

fn as_many_as_allowed() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "2")?;
    let first = within(outer.number)?;
    let second = within(outer.number)?;
    let number = outer.number;
    let refused = Inmate::start_in(number, || {
        check_eq!(call::create_newjail(), Err(Errno::EAGAIN), "a third");
        Ok(())
    })?;
    check_eq!(refused.number, number, "where it is afterwards");
    check_eq!(jailfs::value(number, "refusals.children")?, 1, "refusals");
    check_eq!(jailfs::value(number, "children")?, 2, "children");
    drop(second);
    jailfs::wait_for(number, "children", 1)?;
    let third = within(number)?;
    check!(third.number != first.number, "one number for two jails");
    Ok(())
}

fn parents() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    let inner = within(outer.number)?;
    check_eq!(
        jailfs::value(outer.number, "parent")?,
        0,
        "that of the outer"
    );
    check_eq!(
        jailfs::value(inner.number, "parent")?,
        outer.number as u64,
        "that of the inner"
    );
    check_eq!(
        jailfs::value(inner.number, "children.max")?,
        0,
        "is not passed on"
    );
    Ok(())
}

fn depth() -> CaseResult {
    let mut inmates = vec![Inmate::start(|| Ok(()))?];
    while inmates.len() < DEPTH {
        let number = inmates[inmates.len() - 1].number;
        jailfs::set(number, "children.max", "1")?;
        inmates.push(within(number)?);
    }
    let last = inmates[DEPTH - 1].number;
    jailfs::set(last, "children.max", "1")?;
    let tried = Inmate::start_in(last, || {
        check_eq!(call::create_newjail(), Err(Errno::EAGAIN), "a ninth");
        Ok(())
    })?;
    drop(tried);
    check_eq!(jailfs::value(last, "children")?, 0, "children of the last");
    call::destroy_jail(inmates[0].number).context("destroy_jail")?;
    for inmate in &inmates {
        jailfs::check_gone(inmate.number)?;
    }
    Ok(())
}

fn outlived() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    let number = outer.number;
    jailfs::set(number, "children.max", "1")?;
    let inner = within(number)?;
    drop(outer);
    jailfs::wait_for(number, "tasks", 0)?;
    check_eq!(
        jailfs::read(number, "state"),
        Ok("alive".to_owned()),
        "its state"
    );
    drop(inner);
    jailfs::wait_until_gone(number)
}

fn from_within() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    let number = outer.number;
    jailfs::set(number, "children.max", "2")?;
    let inner = within(number)?;
    let doomed = within(number)?;
    let (inner, doomed_number) = (inner, doomed.number);
    let actor = Inmate::start_in(number, || {
        check_eq!(call::destroy_jail(number), Err(Errno::EINVAL), "its own");
        call::destroy_jail(doomed_number).context("one within")
    })?;
    doomed.check_killed()?;
    jailfs::check_gone(doomed.number)?;
    drop(actor);
    let inner_number = inner.number;
    let up = Inmate::start_in(inner_number, || {
        check_eq!(call::destroy_jail(number), Err(Errno::ESRCH), "an ancestor");
        Ok(())
    })?;
    check_eq!(up.number, inner_number, "where that was tried");
    Ok(())
}

fn objects() -> CaseResult {
    for topology in [&topology::PARENT_TO_JAIL, &topology::JAIL_TO_PARENT] {
        objects_in(topology).context(topology)?;
    }
    Ok(())
}

fn objects_in(topology: &Topology) -> CaseResult {
    const KEY: i32 = 0x6869_0000;
    jail::private_tables()?;
    let jails = topology.make()?;
    let owner = jails.object.unwrap_or_default();
    let actor = Inmate::start_in(owner, || {
        Object::create_with_key(Family::Sem, KEY, 0o666)
            .map(drop)
            .context("semget")
    })?;
    jails.as_subject(|| {
        let got = Object::create_with_key(Family::Sem, KEY, 0o666).map(drop);
        check_eq!(got, Err(Errno::EACCES), "the key of the other");
        let own = Object::create(Family::Sem, 0o600).context("semget")?;
        let seen = listed(Family::Sem);
        check_eq!(seen, Ok(vec![own.id]), "what it sees");
        own.remove().context("removing")
    })?;
    drop(actor);
    check_eq!(jailfs::value(owner, "sem")?, 1, "the object afterwards");
    Ok(())
}
