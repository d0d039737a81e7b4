// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entering a jail settles what a process still holds of System V IPC, as
//! unshare(CLONE_NEWIPC) does: each case is run with both.

use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::procfs::wait_until_asleep;
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

fn main() -> ExitCode {
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
    suite.run()
}

/// A child that stops at each step until it is told to go on.
struct Steps {
    pid: libc::pid_t,
    stream: UnixStream,
}

impl Steps {
    /// Runs `child` in a forked process; it calls its argument between its steps.
    fn start(
        child: impl FnOnce(&mut dyn FnMut() -> CaseResult) -> CaseResult,
    ) -> Result<Steps, Failure> {
        let (stream, mut theirs) = UnixStream::pair().context("socketpair")?;
        let pid = process::fork(|| {
            let mut step = || -> CaseResult {
                theirs.write_all(b".").context("reaching a step")?;
                theirs.read_exact(&mut [0]).context("going on")
            };
            match child(&mut step) {
                Ok(()) => 0,
                Err(failure) => {
                    let _ = theirs.write_all(format!("{failure}\n").as_bytes());
                    1
                }
            }
        })
        .context("fork")?;
        let mut steps = Steps { pid, stream };
        steps.reached()?;
        Ok(steps)
    }

    fn reached(&mut self) -> CaseResult {
        let mut byte = [0];
        self.stream
            .read_exact(&mut byte)
            .context("waiting for a step of the child")?;
        if byte == *b"." {
            return Ok(());
        }
        // To the end of the line: other processes may hold the stream open.
        let mut message = Vec::new();
        while byte != *b"\n" {
            message.push(byte[0]);
            self.stream
                .read_exact(&mut byte)
                .context("hearing from the child")?;
        }
        Err(fail(String::from_utf8_lossy(&message)))
    }

    /// Lets the child go on to its next step.
    fn next(&mut self) -> CaseResult {
        self.stream
            .write_all(b"x")
            .context("telling the child to go on")?;
        self.reached()
    }

    /// Lets the child go on to its end.
    fn finish(mut self) -> CaseResult {
        self.stream
            .write_all(b"x")
            .context("telling the child to go on")?;
        let ended = process::wait(self.pid).context("waiting for the child")?;
        check_eq!(ended, Ended::Exited(0), "the child");
        Ok(())
    }
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
    child.next()?;
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
    let child = Steps::start(|step| {
        sem::op(set.id, 0, -2, sem::SEM_UNDO).context("semop")?;
        step()?;
        (way.leave)()
    })?;
    let waiter = process::fork(|| sem::op(set.id, 0, -5, 0).map_or_else(|errno| errno.0, |()| 0))
        .context("fork")?;
    wait_until_asleep(waiter)?;
    child.finish()?;
    check_eq!(
        process::wait(waiter),
        Ok(Ended::Exited(0)),
        "who waited for 5"
    );
    Ok(())
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
    child.next()?;
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
    child.next()?;
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
