// SPDX-License-Identifier: MIT OR Apache-2.0

//! Many jails at once and one after the other, and many who want something of one jail at once. After
//! each storm no jail, task or object is left of it.
//!
//! The amount of work is fixed, not the time.

mod descriptors;

use jaula_tests::inmate::{explode, Inmate};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::rounds::rounds;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{jail as call, Errno, Result as SysResult};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check, check_eq, jail, jailfs, procfs, wait};
use std::process::ExitCode;

const IN_TURN: usize = 1000;
const AT_ONCE: usize = 200;
const RACES: usize = 2000;
const BOMBS: usize = 20;
const MAKERS: usize = 60;
const TREES: usize = 40;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("jails are created and destroyed in turn", || storm(in_turn));
    suite.case("200 jails alive at once", || storm(at_once));
    suite.case("two destroyers and an attacher race for one jail", || {
        storm(races)
    });
    suite.case("fork bombs are destroyed", || storm(bombs));
    suite.case("objects are made while their jail dies", || storm(makers));
    suite.case("trees of jails grow while they are destroyed", || {
        storm(trees)
    });
    suite.case(
        "descriptors are passed, closed and used to enter and destroy, all at once",
        || storm(descriptors::all_at_once),
    );
    suite.case("an owner is closed while its jail is entered", || {
        storm(descriptors::closed_on_entry)
    });
    suite.run(chosen)
}

/// Runs a storm, and looks at what it has left.
fn storm(storm: fn() -> CaseResult) -> CaseResult {
    jail::private_tables()?;
    let before = jailfs::numbers()?;
    storm()?;
    wait::until("no jail is left", || {
        Ok(jailfs::numbers_beyond(&before)?.is_empty())
    })?;
    // The key of every object would still be taken if one were left.
    for key in 0..3 {
        for family in Family::ALL {
            let object = Object::create_with_key(family, KEY + key, 0o600)
                .context("a key that a storm has used")?;
            object.remove().context("removing")?;
        }
    }
    for entry in std::fs::read_dir("/proc").context("/proc")? {
        let name = entry.context("/proc")?.file_name();
        if let Ok(pid) = name.to_string_lossy().parse() {
            let number = procfs::jail(pid).unwrap_or(0);
            let state = procfs::state(pid).unwrap_or('Z');
            check!(
                number == 0 || before.contains(&number) || matches!(state, 'Z' | 'X'),
                "process {pid} in state {state} is left in jail {number}"
            );
        }
    }
    Ok(())
}

const KEY: i32 = 0x7374_6f00;

fn in_turn() -> CaseResult {
    for _ in 0..rounds(IN_TURN) {
        let inmate = Inmate::start(|| Ok(()))?;
        call::destroy_jail(inmate.number).context("destroy_jail")?;
        inmate.check_killed()?;
    }
    Ok(())
}

fn at_once() -> CaseResult {
    let before = jailfs::numbers()?;
    let inmates = (0..AT_ONCE)
        .map(|_| {
            Inmate::start(|| {
                Object::create(Family::Sem, 0o600)
                    .map(drop)
                    .context("semget")
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    check_eq!(
        jailfs::numbers_beyond(&before)?.len(),
        AT_ONCE,
        "the jails that are listed"
    );
    let destroyers: SysResult<Vec<_>> = inmates
        .iter()
        .map(|inmate| {
            let number = inmate.number;
            process::fork(move || i32::from(call::destroy_jail(number).is_err()))
        })
        .collect();
    for destroyer in destroyers.context("fork")? {
        check_eq!(
            process::wait(destroyer),
            Ok(Ended::Exited(0)),
            "a destroyer"
        );
    }
    inmates.iter().try_for_each(Inmate::check_killed)
}

fn races() -> CaseResult {
    for round in 0..rounds(RACES) {
        let inmate = Inmate::start(|| Ok(()))?;
        let number = inmate.number;
        let destroyers: SysResult<Vec<_>> = (0..2)
            .map(|_| {
                process::fork(move || match call::destroy_jail(number) {
                    Ok(()) => 0,
                    Err(errno) => errno.0,
                })
            })
            .collect();
        let attacher = process::fork(move || match call::attach_jail(number) {
            Ok(()) => jaula_tests::inmate::wait_for_ever(),
            Err(errno) => errno.0,
        })
        .context("fork")?;
        let mut destroyed = 0;
        for destroyer in destroyers.context("fork")? {
            match process::wait(destroyer) {
                Ok(Ended::Exited(0)) => destroyed += 1,
                Ok(Ended::Exited(libc::ESRCH)) => {}
                other => check!(false, "a destroyer in round {round}: {other:?}"),
            }
        }
        check!(
            destroyed > 0,
            "nobody destroyed jail {number} in round {round}"
        );
        let attached = process::wait(attacher);
        check!(
            matches!(
                attached,
                Ok(Ended::Exited(libc::ESRCH) | Ended::Signaled(libc::SIGKILL))
            ),
            "the attacher in round {round}: {attached:?}"
        );
        inmate.check_killed()?;
    }
    Ok(())
}

fn bombs() -> CaseResult {
    for _ in 0..rounds(BOMBS) {
        let inmate = Inmate::start(|| Ok(()))?;
        let number = inmate.number;
        // Before there is a bomb: one that is not limited takes all memory.
        jailfs::set(number, "tasks.max", "60")?;
        let bomb = Inmate::start_in(number, || process::fork(explode).map(drop).context("fork"))?;
        wait::until("the bomb goes off", || {
            Ok(jailfs::value(number, "tasks")? > 40)
        })?;
        call::destroy_jail(number).context("destroy_jail")?;
        jailfs::check_gone(number)?;
        bomb.check_killed()?;
        inmate.check_killed()?;
    }
    Ok(())
}

fn makers() -> CaseResult {
    for round in 0..rounds(MAKERS) {
        let inmate = Inmate::start(|| {
            for family in Family::ALL {
                process::fork(move || make(family)).context("fork")?;
            }
            Ok(())
        })?;
        for _ in 0..round % 4 {
            process::nap();
        }
        call::destroy_jail(inmate.number).context("destroy_jail")?;
        jailfs::check_gone(inmate.number)?;
        inmate.check_killed()?;
    }
    Ok(())
}

/// Makes objects for ever, and removes every other one.
fn make(family: Family) -> i32 {
    for key in (0..3).cycle() {
        let _ = Object::create_with_key(family, KEY + key, 0o600);
        if let Ok(object) = Object::create(family, 0o600) {
            if key != 0 {
                let _ = object.remove();
            }
        }
    }
    0
}

fn trees() -> CaseResult {
    for round in 0..rounds(TREES) {
        let root = Inmate::start(|| Ok(()))?;
        let number = root.number;
        jailfs::set(number, "children.max", "100")?;
        let growers: SysResult<Vec<_>> = (0..3)
            .map(|_| process::fork(move || grow(number)))
            .collect();
        for _ in 0..round % 5 {
            process::nap();
        }
        call::destroy_jail(number).context("destroy_jail")?;
        jailfs::check_gone(number)?;
        for grower in growers.context("fork")? {
            check_eq!(
                process::wait(grower),
                Ok(Ended::Exited(0)),
                "what makes jails"
            );
        }
        root.check_killed()?;
    }
    Ok(())
}

/// Puts processes into jails within `number` until it is gone.
fn grow(number: i64) -> i32 {
    loop {
        let child = process::fork(|| {
            if call::attach_jail(number) == Err(Errno::ESRCH) {
                return libc::ESRCH;
            }
            let _ = call::create_newjail();
            jaula_tests::inmate::wait_for_ever()
        });
        match child.and_then(|child| {
            process::nap();
            process::try_wait(child)
        }) {
            Ok(Some(Ended::Exited(libc::ESRCH))) => return 0,
            Ok(_) => {}
            Err(_) => return 1,
        }
    }
}
