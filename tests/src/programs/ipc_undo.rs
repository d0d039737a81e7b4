// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entering a jail settles what a process still holds of System V IPC, as
//! unshare(CLONE_NEWIPC) does: each case is run with both.

use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::procfs::wait_until_asleep;
use jaula_tests::steps::Steps;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, sem, shm, Errno};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check, check_eq, jail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// A way to leave the System V objects of the place that one is in.
#[derive(Clone, Copy)]
struct Leave {
    name: &'static str,
    leave: fn() -> CaseResult,
}

const WAYS: [Leave; 2] = [
    Leave {
        name: "create_newjail",
        leave: || jail::enter().map(drop),
    },
    Leave {
        name: "unshare(CLONE_NEWIPC)",
        leave: || ids::unshare(libc::CLONE_NEWIPC).context("unshare(CLONE_NEWIPC)"),
    },
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for way in WAYS {
        let name = |property: &str| format!("{}: {property}", way.name);
        suite.case(
            &name("adjustments are undone at once, and only once"),
            move || undone_at_once(way),
        );
        suite.case(&name("what is undone wakes who waits for it"), move || {
            wakes(way)
        });
        suite.case(
            &name("a list shared by CLONE_SYSVSEM is left to the other"),
            move || shared_list(way),
        );
        suite.case(
            &name("an unattached segment goes where shm_rmid_forced says so"),
            move || {
                check!(
                    !segment_survives(way, true, false)?,
                    "the segment is still there"
                );
                Ok(())
            },
        );
        suite.case(
            &name("one that another has attached stays until he detaches"),
            move || {
                check!(segment_survives(way, true, true)?, "the segment has gone");
                Ok(())
            },
        );
        suite.case(
            &name("a segment stays where shm_rmid_forced is off"),
            move || {
                check!(segment_survives(way, false, false)?, "the segment has gone");
                Ok(())
            },
        );
    }
    suite.case(
        "adjustments made in the jail are undone at exit",
        undone_in_jail,
    );
    suite.case(
        "a failed create_newjail undoes nothing",
        failure_undoes_nothing,
    );
    suite.run(chosen)
}

fn new_set() -> Result<Object, Failure> {
    jail::private_tables()?;
    let set = Object::create(Family::Sem, 0o666).context("creating a set")?;
    sem::set_value(set.id, 0, 5).context("SETVAL")?;
    Ok(set)
}

fn value(set: &Object) -> Result<i32, Failure> {
    sem::get_value(set.id, 0).context("GETVAL")
}

fn undone_at_once(way: Leave) -> CaseResult {
    let set = new_set()?;
    let mut child = Steps::start(|step| {
        sem::op(set.id, 0, -2, sem::SEM_UNDO).context("semop")?;
        step()?;
        (way.leave)()?;
        step()
    })?;
    check_eq!(value(&set)?, 3, "the value while the operation stands");
    child.advance()?;
    check_eq!(
        value(&set)?,
        5,
        "the value when the process has left, and lives"
    );
    child.finish()?;
    check_eq!(value(&set)?, 5, "the value when the process has exited");
    Ok(())
}

fn wakes(way: Leave) -> CaseResult {
    let set = new_set()?;
    let mut child = Steps::start(|step| {
        sem::op(set.id, 0, -2, sem::SEM_UNDO).context("semop")?;
        step()?;
        (way.leave)()?;
        step()
    })?;
    let waiter = process::fork(|| sem::op(set.id, 0, -5, 0).map_or_else(|errno| errno.0, |()| 0))
        .context("fork")?;
    wait_until_asleep(waiter)?;
    child.advance()?;
    check_eq!(
        process::wait(waiter),
        Ok(Ended::Exited(0)),
        "who waited for 5"
    );
    child.finish()
}

fn shared_list(way: Leave) -> CaseResult {
    let set = new_set()?;
    let mut child = Steps::start(|step| {
        sem::op(set.id, 0, -2, sem::SEM_UNDO).context("semop")?;
        let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
        let sharer = process::clone(libc::CLONE_SYSVSEM | libc::SIGCHLD, || {
            i32::from(theirs.read(&mut [0]).is_err())
        })
        .context("clone(CLONE_SYSVSEM)")?;
        (way.leave)()?;
        step()?;
        ours.write_all(b"x").context("telling the sharer")?;
        process::wait(sharer).context("waiting for the sharer")?;
        step()
    })?;
    check_eq!(value(&set)?, 3, "the value when one of the two has left");
    child.advance()?;
    check_eq!(value(&set)?, 5, "the value when the other has exited");
    child.finish()?;
    check_eq!(value(&set)?, 5, "the value when both have exited");
    Ok(())
}

/// Whether a segment is there after the process that made it has left.
fn segment_survives(way: Leave, forced: bool, attached: bool) -> Result<bool, Failure> {
    jail::private_tables()?;
    let setting = "/proc/sys/kernel/shm_rmid_forced";
    std::fs::write(setting, if forced { "1" } else { "0" }).context(setting)?;
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let mut child = Steps::start(|step| {
        let id = shm::get(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o666).context("shmget")?;
        theirs
            .write_all(&id.to_le_bytes())
            .context("telling the segment")?;
        step()?;
        (way.leave)()?;
        step()
    })?;
    let mut id = [0; 4];
    ours.read_exact(&mut id).context("hearing of the segment")?;
    let id = i32::from_le_bytes(id);
    let attachment = match attached {
        true => Some(shm::attach(id, 0, 4096).context("shmat")?),
        false => None,
    };
    child.advance()?;
    let survives = there(id)?;
    drop(attachment);
    if attached {
        check!(!there(id)?, "the segment outlives its last attachment");
    }
    child.finish()?;
    if survives && !attached {
        check!(
            there(id)?,
            "the segment goes at the exit of a process that had left it"
        );
    }
    Ok(survives)
}

fn there(id: i32) -> Result<bool, Failure> {
    match shm::stat(id, shm::Stat::ById) {
        Ok(_) => Ok(true),
        Err(Errno::EINVAL | Errno::EIDRM) => Ok(false),
        Err(errno) => Err(errno).context("shmctl(IPC_STAT)"),
    }
}

fn undone_in_jail() -> CaseResult {
    jail::private_tables()?;
    jail::enter()?;
    let set = new_set()?;
    let child = Steps::start(|step| {
        sem::op(set.id, 0, -2, sem::SEM_UNDO).context("semop")?;
        step()
    })?;
    check_eq!(value(&set)?, 3, "the value while the process lives");
    child.finish()?;
    check_eq!(value(&set)?, 5, "the value when it has exited");
    Ok(())
}

fn failure_undoes_nothing() -> CaseResult {
    let set = new_set()?;
    let child = Steps::start(|step| {
        sem::op(set.id, 0, -2, sem::SEM_UNDO).context("semop")?;
        ids::become_user(1000).context("becoming user 1000")?;
        check_eq!(
            jaula_tests::sys::jail::create_newjail(),
            Err(Errno::EPERM),
            "create_newjail as a user"
        );
        step()
    })?;
    check_eq!(value(&set)?, 3, "the value after the failure");
    child.finish()?;
    check_eq!(value(&set)?, 5, "the value after the exit");
    Ok(())
}
