// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ending the jail of a descriptor.

use jaula_tests::descriptor::{apart, check_stays, open, wait_for_end, Owner, Status, ALL, RIGHTS};
use jaula_tests::inmate::{reluctant, Inmate};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::sys::jailfd::{self as call, ADMINISTER};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, Errno, Result as SysResult};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::topology::{self, Relation};
use jaula_tests::{check_eq, jail, jailfs, wait};
use std::os::fd::{AsRawFd, OwnedFd};

pub fn add(suite: &mut Suite) {
    suite.case("destroy: nothing is left when destroy_jailfd returns", all);
    suite.case(
        "destroy: it takes the right to administer the jail: EPERM",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            for (rights, told) in RIGHTS.iter().filter(|(rights, _)| rights & ADMINISTER == 0) {
                let jail = open(inmate.number, *rights)?;
                check_eq!(destroy(&jail), Err(Errno::EPERM), "with {told}");
                check_stays(&jail)?;
            }
            Ok(())
        },
    );
    suite.case("destroy: it takes no capability", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, ADMINISTER)?;
        ids::become_user(1000)?;
        destroy(&jail).context("as a user")?;
        inmate.check_killed()
    });
    suite.case(
        "destroy: it goes by the right, wherever the caller is",
        || {
            for relation in [Relation::Down, Relation::Across] {
                for topology in topology::with(relation) {
                    let jails = topology.make()?;
                    let Some(object) = jails.object else {
                        continue;
                    };
                    let jail = open(object, ADMINISTER)?;
                    jails.as_bound_subject(|| destroy(&jail).context(topology))?;
                    wait_for_end(&jail)?;
                    jailfs::check_gone(object)?;
                }
            }
            Ok(())
        },
    );
    for (name, relation) in [
        ("the caller's own jail", Relation::Same),
        ("one that the caller's is in", Relation::Up),
    ] {
        suite.case(&format!("destroy: {name}: EINVAL"), move || {
            for topology in topology::with(relation) {
                let jails = topology.make()?;
                let Some(object) = jails.object else {
                    continue;
                };
                let jail = open(object, ALL)?;
                jails.as_subject(|| {
                    check_eq!(destroy(&jail), Err(Errno::EINVAL), "{topology}");
                    Ok(())
                })?;
                check_stays(&jail)?;
            }
            Ok(())
        });
    }
    suite.case("destroy: a jail that has ended already: 0", ended_already);
    suite.case(
        "destroy: the owner is a plain descriptor of a dead jail then",
        || {
            let owner = Owner::new()?;
            destroy(&owner.descriptor).context("destroy_jailfd")?;
            wait_for_end(&owner.descriptor)?;
            destroy(&owner.descriptor).context("a second time")?;
            jailfs::check_gone(owner.number)
        },
    );
    suite.case(
        "destroy: a signal interrupts the wait, and no more: EINTR",
        interrupted,
    );
    suite.case(
        "destroy: several at once: all return when it has ended",
        several,
    );
}

fn destroy(jail: &OwnedFd) -> Result<(), Errno> {
    call::destroy_jailfd(jail.as_raw_fd(), 0)
}

fn all() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        for family in Family::ALL {
            Object::create(family, 0o600).context("creating")?;
        }
        for _ in 0..5 {
            process::fork(|| jaula_tests::inmate::wait_for_ever()).context("fork")?;
        }
        Ok(())
    })?;
    jailfs::set(inmate.number, "children.max", "1")?;
    let within = Inmate::start_within(inmate.number, || Ok(()))?;
    let jail = open(inmate.number, ADMINISTER)?;
    destroy(&jail).context("destroy_jailfd")?;
    let status = Status::of(&jail)?;
    check_eq!(status.state, "dead", "the state");
    let left = [
        status.tasks,
        status.children,
        status.sem,
        status.shm,
        status.msg,
    ];
    check_eq!(left, [0; 5], "what is left");
    jailfs::check_gone(inmate.number)?;
    jailfs::check_gone(within.number)?;
    inmate.check_killed()?;
    within.check_killed()
}

fn ended_already() -> CaseResult {
    let by_itself = {
        let inmate = Inmate::start(|| Ok(()))?;
        open(inmate.number, ADMINISTER)?
    };
    wait_for_end(&by_itself)?;
    let with_owner = {
        let owner = Owner::new()?;
        owner.plain(ADMINISTER)?
    };
    wait_for_end(&with_owner)?;
    let other = Owner::new()?;
    for jail in [&by_itself, &with_owner] {
        check_eq!(destroy(jail), Ok(()), "the first time");
        check_eq!(destroy(jail), Ok(()), "the second time");
        apart(|| {
            jail::enter()?;
            check_eq!(destroy(jail), Ok(()), "from another jail");
            Ok(())
        })?;
    }
    check_stays(&other.descriptor)
}

/// A process that destroys a jail, and exits with 0 or with the error number.
fn destroyer(jail: &OwnedFd) -> SysResult<libc::pid_t> {
    process::fork(|| {
        if process::interrupt_on(libc::SIGUSR1).is_err() {
            return 200;
        }
        destroy(jail).map_or_else(|errno| errno.0, |()| 0)
    })
}

fn interrupted() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let jail = open(inmate.number, ADMINISTER)?;
    let destroyer = destroyer(&jail).context("fork")?;
    wait::until("it is dying", || Ok(Status::of(&jail)?.state == "dying"))?;
    check_eq!(process::try_wait(destroyer), Ok(None), "before the signal");
    // More than once: the signal may come before the wait.
    let ended = wait::until_some("the call is interrupted", || {
        process::kill(destroyer, libc::SIGUSR1).context("kill")?;
        process::nap();
        process::try_wait(destroyer).context("wait")
    })?;
    check_eq!(ended, Ended::Exited(libc::EINTR), "the call");
    check_eq!(Status::of(&jail)?.state, "dying", "the state");
    process::wait(traced).context("waiting for what is traced")?;
    destroy(&jail).context("a second call")?;
    jailfs::check_gone(inmate.number)
}

fn several() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let jail = open(inmate.number, ADMINISTER)?;
    let destroyers: SysResult<Vec<_>> = (0..5).map(|_| destroyer(&jail)).collect();
    let destroyers = destroyers.context("fork")?;
    wait::until("it is dying", || Ok(Status::of(&jail)?.state == "dying"))?;
    for destroyer in &destroyers {
        jaula_tests::procfs::wait_until_asleep(*destroyer)?;
    }
    process::wait(traced).context("waiting for what is traced")?;
    let ended: SysResult<Vec<_>> = destroyers.into_iter().map(process::wait).collect();
    check_eq!(ended, Ok(vec![Ended::Exited(0); 5]), "all of them");
    jailfs::check_gone(inmate.number)
}
