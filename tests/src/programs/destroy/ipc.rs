// SPDX-License-Identifier: MIT OR Apache-2.0

//! The objects of System V IPC of a jail that ends.

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, shm, Errno};
use jaula_tests::sysv::{listed, Family, Object};
use jaula_tests::{check_eq, jail, jailfs};
use std::fs::File;

const KEY: i32 = 0x6465_0000;
/// What tells how many objects a jail has.
const FILES: [&str; 3] = ["sem", "shm", "msg"];

fn create(family: Family, key: i32) -> CaseResult {
    Object::create_with_key(family, key, 0o666)
        .map(drop)
        .context(format!("creating a {family} with key {key:#x}"))
}

/// The host can't see the objects of a jail, but that their keys are taken.
fn check_taken(family: Family, key: i32, taken: bool) -> CaseResult {
    let got = Object::create_with_key(family, key, 0o666);
    if taken {
        check_eq!(
            got.map(drop),
            Err(Errno::EACCES),
            "{family} with key {key:#x}, which a jail has"
        );
        return Ok(());
    }
    let object = got.context(format!("{family} with key {key:#x}, which is to be free"))?;
    object.remove().context("removing")
}

pub fn removed(family: Family) -> CaseResult {
    jail::private_tables()?;
    create(family, KEY + 1)?;
    let ours = listed(family).context("/proc/sysvipc")?;
    let other = Inmate::start(|| create(family, KEY + 2))?;
    let inmate = Inmate::start(|| {
        create(family, KEY + 3)?;
        Object::create(family, 0o600).map(drop).context("creating")
    })?;
    check_taken(family, KEY + 3, true)?;

    call::destroy_jail(inmate.number).context("destroy_jail")?;
    inmate.check_killed()?;
    check_taken(family, KEY + 3, false)?;
    check_taken(family, KEY + 2, true)?;
    check_eq!(listed(family), Ok(ours), "those of the host");
    call::destroy_jail(other.number).context("destroy_jail")?;
    check_taken(family, KEY + 2, false)
}

pub fn deserted_jail() -> CaseResult {
    jail::private_tables()?;
    let number = {
        let inmate = Inmate::start(|| create(Family::Msg, KEY))?;
        inmate.number
    };
    jailfs::wait_for(number, "tasks", 0)?;
    check_eq!(jailfs::value(number, "msg")?, 1, "the message queues");
    call::destroy_jail(number).context("destroy_jail")?;
    jailfs::check_gone(number)?;
    check_taken(Family::Msg, KEY, false)
}

pub fn namespaces() -> CaseResult {
    jail::private_tables()?;
    let jail = Inmate::start(|| Ok(()))?;
    jailfs::set(jail.number, "allow", "+sys_admin")?;
    let inmate = Inmate::start_in(jail.number, || {
        for family in Family::ALL {
            create(family, KEY)?;
        }
        let fill = || {
            ids::unshare(libc::CLONE_NEWIPC).is_ok()
                && Family::ALL
                    .iter()
                    .all(|family| create(*family, KEY).is_ok())
        };
        // A namespace that nobody keeps, and another for each of two children, who keep it.
        let gone = process::in_child(|| i32::from(!fill()));
        check_eq!(gone, Ok(Ended::Exited(0)), "the child that has ended");
        // Its namespace goes a moment later.
        for file in FILES {
            jailfs::wait_for(jail.number, file, 1)?;
        }
        for _ in 0..2 {
            process::fork(|| match fill() {
                true => jaula_tests::inmate::wait_for_ever(),
                false => 1,
            })
            .context("fork")?;
        }
        Ok(())
    })?;
    // The three objects in each of three namespaces.
    for file in FILES {
        jailfs::wait_for(inmate.number, file, 3)?;
    }
    let kept = namespaces_of_children(inmate.pid)?;
    check_eq!(kept.len(), 2, "the namespaces that are kept");
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    inmate.check_killed()?;
    for family in Family::ALL {
        check_taken(family, KEY, false)?;
    }
    for namespace in kept {
        ids::set_namespace(&namespace, libc::CLONE_NEWIPC).context("setns")?;
        for family in Family::ALL {
            check_taken(family, KEY, false)?;
        }
    }
    Ok(())
}

/// The IPC namespaces of the children of a process that have not ended, held open.
fn namespaces_of_children(pid: libc::pid_t) -> Result<Vec<File>, jaula_tests::ktap::Failure> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(&path).context(&path)?;
    Ok(children
        .split_whitespace()
        .filter_map(|child| File::open(format!("/proc/{child}/ns/ipc")).ok())
        .collect())
}

pub fn many() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        for _ in 0..333 {
            for family in Family::ALL {
                Object::create(family, 0o600).context("creating")?;
            }
        }
        Ok(())
    })?;
    check_eq!(
        jailfs::value(inmate.number, "sem")?,
        333,
        "the semaphore sets"
    );
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    jailfs::check_gone(inmate.number)
}

pub fn attached() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        let segment = Object::create_with_key(Family::Shm, KEY, 0o600).context("shmget")?;
        // In the child as well, which attaches what it inherits.
        let attachment = shm::attach(segment.id, 0, 64).context("shmat")?;
        process::fork(|| jaula_tests::inmate::wait_for_ever()).context("fork")?;
        std::mem::forget(attachment);
        Ok(())
    })?;
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    jailfs::check_gone(inmate.number)?;
    check_taken(Family::Shm, KEY, false)
}
