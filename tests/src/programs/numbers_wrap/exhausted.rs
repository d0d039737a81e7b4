// SPDX-License-Identifier: MIT OR Apache-2.0

//! All numbers in use: nothing comes to be, nothing is half made, and one that ends makes room.

use super::range::{parameter, Range};
use jaula_tests::admin::{noted, output, prepare_root, ROOT};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::launch::{failed, jaula, FAILED};
use jaula_tests::sys::{jail as call, Errno};
use jaula_tests::{check, check_eq, jail, jailfs, wait};

/// How often what is refused is tried.
const OFTEN: usize = 100;

/// A jail for every number.
fn all() -> Result<Vec<Inmate>, Failure> {
    let range = Range::of_this_boot()?;
    wait::until("there is no jail", || Ok(jailfs::numbers()?.is_empty()))?;
    let inmates = (0..range.count())
        .map(|_| Inmate::start_by(enter, || Ok(())))
        .collect::<Result<Vec<_>, _>>()?;
    let expected: Vec<_> = range.numbers().collect();
    check_eq!(jailfs::numbers()?, expected, "the jails");
    Ok(inmates)
}

/// Enters a new jail as soon as a number is free: those of jails that have gone come back later.
fn enter() -> Result<i64, Failure> {
    wait::until_some("a number is free", || match call::create_newjail() {
        Err(Errno::ENOSPC) => Ok(None),
        other => other.map(Some).context("create_newjail"),
    })
}

pub fn no_number() -> CaseResult {
    let mut inmates = all()?;
    let before = jailfs::numbers()?;
    for _ in 0..OFTEN {
        check_eq!(jail::try_to_make()?, Err(Errno::ENOSPC), "one jail more");
    }
    check_eq!(call::create_newjail(), Err(Errno::ENOSPC), "and this");
    check_eq!(jail::number()?, 0, "where the caller is");
    check_eq!(jailfs::numbers()?, before, "the jails afterwards");
    // What needs no number goes on.
    let visitor = Inmate::start_in(before[0], || Ok(()))?;
    check_eq!(visitor.number, before[0], "the jail that was entered");
    drop(visitor);

    let ended = inmates.swap_remove(inmates.len() / 2);
    let number = ended.number;
    drop(ended);
    let next = Inmate::start_by(enter, || Ok(()))?;
    check_eq!(next.number, number, "the only one that is free");
    check_eq!(jail::try_to_make()?, Err(Errno::ENOSPC), "and no other");
    Ok(())
}

pub fn no_number_within() -> CaseResult {
    let mut inmates = all()?;
    let outer = inmates[0].number;
    jailfs::set(outer, "children.max", "1")?;
    let refused = Inmate::start_in(outer, || {
        for _ in 0..OFTEN {
            check_eq!(call::create_newjail(), Err(Errno::ENOSPC), "one within");
        }
        check_eq!(jail::number()?, outer, "where it is afterwards");
        Ok(())
    })?;
    drop(refused);
    for file in ["children", "refusals.children"] {
        check_eq!(jailfs::value(outer, file)?, 0, "{file} of the outer jail");
    }
    // The only child that it may have was not used up.
    drop(inmates.pop());
    let enter_within = || {
        call::attach_jail(outer).context("attach_jail")?;
        enter()
    };
    let inner = Inmate::start_by(enter_within, || Ok(()))?;
    check_eq!(
        jailfs::value(inner.number, "parent")?,
        outer as u64,
        "its parent"
    );
    Ok(())
}

pub fn launcher() -> CaseResult {
    prepare_root()?;
    let inmates = all()?;
    let before = (jailfs::numbers()?, noted()?);
    for options in [&["run"][..], &["run", "--detach"]] {
        let command = [options, &[ROOT, "--", "/bin/echo", "executed"]].concat();
        failed(&output(&mut jaula(&command))?, FAILED, &["ENOSPC"])?;
        check_eq!((jailfs::numbers()?, noted()?), before, "after {options:?}");
    }
    drop(inmates);
    Ok(())
}

/// How many jails there may be at one time is counted apart from the numbers: as many failures as
/// there may be jails would use that up, if each took something of it.
pub fn no_room_is_lost() -> CaseResult {
    let inmates = all()?;
    let most = parameter("max_jails")?;
    check!(most > 0, "no jails at all: jaula.max_jails={most}");
    for attempt in 0..=most {
        check_eq!(
            call::create_newjail(),
            Err(Errno::ENOSPC),
            "attempt {attempt}"
        );
    }
    drop(inmates);
    let next = Inmate::start_by(enter, || Ok(()))?;
    check!(next.number > 0, "a jail afterwards: {}", next.number);
    Ok(())
}
