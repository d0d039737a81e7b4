// SPDX-License-Identifier: MIT OR Apache-2.0

//! Many processes make and end jails, objects and each other at once. What is looked for is a
//! complaint in the log of a kernel with debugging; here, that nothing crosses meanwhile.
//!
//! The amount of work is fixed, not the time.

use jaula_tests::dice::Dice;
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{jail as call, msg, sem, shm, Errno, Result as SysResult};
use jaula_tests::sysv::{listed, Family, Object};
use jaula_tests::{check, check_eq, jail};
use std::process::ExitCode;

const WORKERS: u64 = 4;
const ROUNDS: u64 = 60;
/// The keys over which jails and host contend.
const KEYS: u64 = 6;
const FIRST_KEY: i32 = 0x7374_0000;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("jails come and go in several processes at once", || {
        together(come_and_go)
    });
    suite.case(
        "jails contend with each other and the host for keys",
        || together(contend),
    );
    suite.case("objects are removed while others wait in them", || {
        together(remove_under_waiters)
    });
    suite.case("jails end with undo lists and attachments left", || {
        together(end_abruptly)
    });
    suite.case(
        "processes of one jail fork, exit and use one set at once",
        one_jail,
    );
    suite.run(chosen)
}

fn any_family(dice: &mut Dice) -> Family {
    Family::ALL[dice.below(3) as usize]
}

fn any_key(dice: &mut Dice) -> i32 {
    FIRST_KEY + dice.below(KEYS) as i32
}

fn status(work: CaseResult) -> i32 {
    match work {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("stress: {failure}");
            1
        }
    }
}

/// Runs the work in several processes with different dice; all must end well.
fn together(round: fn(&mut Dice) -> CaseResult) -> CaseResult {
    jail::private_tables()?;
    let workers = (0..WORKERS)
        .map(|worker| {
            process::fork(|| {
                let mut dice = Dice::new(worker + 1);
                status((0..ROUNDS).try_for_each(|_| round(&mut dice)))
            })
        })
        .collect::<SysResult<Vec<_>>>()
        .context("fork")?;
    let ended: Vec<_> = workers.into_iter().map(process::wait).collect();
    for ended in ended {
        check_eq!(
            ended,
            Ok(Ended::Exited(0)),
            "a worker (its reason is above)"
        );
    }
    check_eq!(jail::number()?, 0, "the number of the host");
    Ok(())
}

/// Does the work in a child that has entered a jail.
fn in_jail(work: impl FnOnce() -> CaseResult) -> CaseResult {
    let ended = process::in_child(|| status(jail::enter().and_then(|_| work())));
    check_eq!(
        ended,
        Ok(Ended::Exited(0)),
        "a process in a jail (its reason is above)"
    );
    Ok(())
}

fn come_and_go(dice: &mut Dice) -> CaseResult {
    let (family, children) = (any_family(dice), dice.below(4));
    let keep = dice.below(2) == 0;
    in_jail(|| {
        let number = jail::number()?;
        let object = Object::create(family, 0o600).context("creating")?;
        for _ in 0..children {
            let ended = process::in_child(|| i32::from(call::get_jailnumber() != Ok(number)));
            check_eq!(ended, Ok(Ended::Exited(0)), "a child in the jail");
        }
        check_eq!(listed(family), Ok(vec![object.id]), "what the jail sees");
        if !keep {
            object.remove().context("removing")?;
        }
        Ok(())
    })?;
    Ok(())
}

/// An object with a key that others want too: made, found or refused, and never another's.
fn contend(dice: &mut Dice) -> CaseResult {
    let (family, key) = (any_family(dice), any_key(dice));
    let use_it = || -> CaseResult {
        match Object::create_with_key(family, key, 0o666) {
            Ok(object) => {
                let seen = listed(family).context("/proc/sysvipc")?;
                check!(
                    seen.contains(&object.id),
                    "own object {} is not listed",
                    object.id
                );
                match object.remove() {
                    // On the host another worker may have been faster.
                    Ok(()) | Err(Errno::EINVAL | Errno::EIDRM) => Ok(()),
                    Err(errno) => Err(errno).context("removing one's own"),
                }
            }
            // Another's; between creating and filling, another worker may have removed it.
            Err(Errno::EACCES | Errno::EEXIST | Errno::EINVAL | Errno::EIDRM) => Ok(()),
            Err(errno) => Err(errno).context("creating"),
        }
    };
    match dice.below(3) {
        0 => use_it(),
        _ => in_jail(use_it),
    }
}

fn remove_under_waiters(dice: &mut Dice) -> CaseResult {
    let waiters = 1 + dice.below(4);
    let queue = dice.below(2) == 0;
    in_jail(|| {
        let family = if queue { Family::Msg } else { Family::Sem };
        let object = Object::create(family, 0o600).context("creating")?;
        let waiting = (0..waiters)
            .map(|_| {
                process::fork(|| {
                    let answer = match queue {
                        true => msg::receive(object.id, 99, 64, 0).map(drop),
                        false => sem::op(object.id, 3, -1, sem::SEM_UNDO),
                    };
                    // EINVAL: it was removed before the call.
                    i32::from(!matches!(answer, Err(Errno::EIDRM | Errno::EINVAL)))
                })
            })
            .collect::<SysResult<Vec<_>>>()
            .context("fork")?;
        object.remove().context("removing")?;
        for pid in waiting {
            check_eq!(process::wait(pid), Ok(Ended::Exited(0)), "a waiter");
        }
        Ok(())
    })
}

fn end_abruptly(dice: &mut Dice) -> CaseResult {
    let before = dice.below(2) == 0;
    let child = process::fork(|| {
        status((|| {
            if !before {
                jail::enter()?;
            }
            let set = Object::create(Family::Sem, 0o600).context("creating a set")?;
            let segment = Object::create(Family::Shm, 0o600).context("creating a segment")?;
            sem::op(set.id, 0, -1, sem::SEM_UNDO).context("semop")?;
            let attachment = shm::attach(segment.id, 0, 64).context("shmat")?;
            if before {
                jail::enter()?;
            }
            check_eq!(attachment.read().len(), 64, "what is attached");
            process::kill(process::pid(), libc::SIGKILL).context("kill")?;
            Err(fail("alive after SIGKILL"))
        })())
    })
    .context("fork")?;
    let ended = process::wait(child);
    check_eq!(ended, Ok(Ended::Signaled(libc::SIGKILL)), "the process");
    Ok(())
}

/// Ups and downs by many processes that come and go leave a set as it was.
fn one_jail() -> CaseResult {
    jail::private_tables()?;
    jail::enter()?;
    let set = Object::create(Family::Sem, 0o600).context("creating")?;
    sem::set_value(set.id, 0, 1).context("SETVAL")?;
    let workers = (0..WORKERS)
        .map(|_| {
            process::fork(|| {
                status((0..ROUNDS).try_for_each(|_| {
                    let ended = process::in_child(|| {
                        let down = sem::op(set.id, 0, -1, sem::SEM_UNDO);
                        let up = sem::op(set.id, 0, 1, sem::SEM_UNDO);
                        i32::from(down.is_err() || up.is_err())
                    });
                    check_eq!(ended, Ok(Ended::Exited(0)), "a user of the set");
                    Ok(())
                }))
            })
        })
        .collect::<SysResult<Vec<_>>>()
        .context("fork")?;
    let ended: Vec<_> = workers.into_iter().map(process::wait).collect();
    for ended in ended {
        check_eq!(
            ended,
            Ok(Ended::Exited(0)),
            "a worker (its reason is above)"
        );
    }
    check_eq!(sem::get_value(set.id, 0), Ok(1), "the value at the end");
    Ok(())
}
