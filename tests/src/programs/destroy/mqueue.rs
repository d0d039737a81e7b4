// SPDX-License-Identifier: MIT OR Apache-2.0

//! Message queues of POSIX: nothing of them is left of a jail that has ended.

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::sys::{ids, jail as call, mqueue, process, Errno};
use jaula_tests::{check_eq, jailfs};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Makes a queue as a process that the jail binds.
fn make(name: &str) -> CaseResult {
    let ended = process::in_child(|| match mqueue::open(name, libc::O_CREAT | libc::O_EXCL) {
        Ok(_) => 0,
        Err(errno) => errno.0,
    });
    check_eq!(ended, Ok(process::Ended::Exited(0)), "making a queue");
    Ok(())
}

/// Whether there is such a queue, which need not be the caller's.
fn exists(name: &str) -> Result<bool, Failure> {
    match mqueue::open(name, 0) {
        Ok(_) | Err(Errno::EACCES) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno).context("mq_open"),
    }
}

/// A name that no other case has.
fn name(which: &str) -> String {
    format!("destroy-{which}-{}", process::pid())
}

pub fn removed() -> CaseResult {
    let names = [name("first"), name("second")];
    let (host, other) = (name("host"), name("other"));
    let _open: OwnedFd = mqueue::open(&host, libc::O_CREAT | libc::O_EXCL).context("mq_open")?;
    let neighbour = Inmate::start(|| make(&other))?;
    let inmate = Inmate::start(|| names.iter().try_for_each(|name| make(name)))?;
    for name in names.iter().chain([&host, &other]) {
        check_eq!(exists(name)?, true, "{name} before");
    }
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    for name in &names {
        check_eq!(exists(name)?, false, "{name} afterwards");
    }
    for name in [&host, &other] {
        check_eq!(exists(name)?, true, "{name} afterwards");
    }
    mqueue::unlink(&host).context("mq_unlink")?;
    call::destroy_jail(neighbour.number).context("destroy_jail")?;
    check_eq!(exists(&other)?, false, "{other} at the end");
    Ok(())
}

pub fn namespaces() -> CaseResult {
    let (here, there) = (name("here"), name("there"));
    let inmate = Inmate::start(|| make(&here))?;
    let number = inmate.number;
    // A process of the host keeps the namespace, and looks.
    let (there_name, there_again) = (there.clone(), there.clone());
    ids::unshare(libc::CLONE_NEWIPC).context("unshare(CLONE_NEWIPC)")?;
    let second = Inmate::start_in(number, move || make(&there_name))?;
    check_eq!(
        exists(&there_again)?,
        true,
        "in the other namespace, before"
    );
    call::destroy_jail(number).context("destroy_jail")?;
    check_eq!(
        exists(&there_again)?,
        false,
        "in the other namespace, afterwards"
    );
    drop((second, inmate));
    Ok(())
}

pub fn ended_by_itself() -> CaseResult {
    let name = name("alone");
    let inmate = Inmate::start(|| make(&name))?;
    let number = inmate.number;
    drop(inmate);
    jailfs::wait_until_gone(number)?;
    check_eq!(exists(&name)?, false, "the queue");
    Ok(())
}

pub fn kept() -> CaseResult {
    let name = name("kept");
    let inmate = Inmate::start(|| make(&name))?;
    let number = inmate.number;
    jailfs::set(number, "persist", "1")?;
    drop(inmate);
    jailfs::wait_for(number, "tasks", 0)?;
    std::thread::sleep(Duration::from_millis(50));
    check_eq!(exists(&name)?, true, "the queue of a jail that is kept");
    let again = Inmate::start_in(number, || {
        let ended = process::in_child(|| i32::from(mqueue::open(&name, 0).is_err()));
        check_eq!(ended, Ok(process::Ended::Exited(0)), "opening it inside");
        Ok(())
    })?;
    drop(again);
    jailfs::set(number, "persist", "0")?;
    jailfs::wait_until_gone(number)?;
    check_eq!(exists(&name)?, false, "the queue at the end");
    Ok(())
}

pub fn name_is_free() -> CaseResult {
    let name = name("free");
    let inmate = Inmate::start(|| make(&name))?;
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    mqueue::open(&name, libc::O_CREAT | libc::O_EXCL).context("mq_open")?;
    mqueue::unlink(&name).context("mq_unlink")
}
