// SPDX-License-Identifier: MIT OR Apache-2.0

//! A process that waits in a System V call: what wakes it, and what does not.

use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::procfs::wait_until_asleep;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{msg, sem, Errno, Result as SysResult};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check_eq, jail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

/// A call that waits, and what makes it go on.
#[derive(Clone, Copy)]
struct Wait {
    name: &'static str,
    family: Family,
    /// Brings the object into the state in which the call waits.
    prepare: fn(i32) -> SysResult<()>,
    call: fn(i32) -> SysResult<()>,
    wake: fn(i32) -> SysResult<()>,
}

const NEVER: Duration = Duration::from_secs(3600);
/// The semaphore of a new set that is zero.
const ZERO: u16 = 3;

const WAITS: [Wait; 6] = [
    Wait {
        name: "semop",
        family: Family::Sem,
        prepare: |_| Ok(()),
        call: |id| sem::op(id, ZERO, -1, 0),
        wake: |id| sem::op(id, ZERO, 1, 0),
    },
    Wait {
        name: "semop(wait for zero)",
        family: Family::Sem,
        prepare: |_| Ok(()),
        call: |id| sem::op(id, 0, 0, 0),
        wake: |id| sem::set_value(id, 0, 0),
    },
    Wait {
        name: "semop(SEM_UNDO)",
        family: Family::Sem,
        prepare: |_| Ok(()),
        call: |id| sem::op(id, ZERO, -1, sem::SEM_UNDO),
        wake: |id| sem::op(id, ZERO, 1, 0),
    },
    Wait {
        name: "semtimedop",
        family: Family::Sem,
        prepare: |_| Ok(()),
        call: |id| sem::timed_op(id, ZERO, -1, 0, NEVER),
        wake: |id| sem::op(id, ZERO, 1, 0),
    },
    Wait {
        name: "msgrcv",
        family: Family::Msg,
        prepare: |_| Ok(()),
        call: |id| msg::receive(id, 9, msg::TEXT_MAX, 0).map(drop),
        wake: |id| msg::send(id, 9, b"at last", 0),
    },
    Wait {
        name: "msgsnd",
        family: Family::Msg,
        prepare: fill_queue,
        call: |id| msg::send(id, 9, &[0; msg::TEXT_MAX], 0),
        wake: empty_queue,
    },
];

fn fill_queue(id: i32) -> SysResult<()> {
    loop {
        match msg::send(id, 8, &[0; msg::TEXT_MAX], msg::NOWAIT) {
            Ok(()) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

fn empty_queue(id: i32) -> SysResult<()> {
    while msg::stat(id, msg::Stat::ById)?.msg_qnum > 1 {
        msg::receive(id, 0, msg::TEXT_MAX, msg::NOWAIT)?;
    }
    Ok(())
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for wait in WAITS {
        for in_jail in [false, true] {
            let place = if in_jail { "in a jail" } else { "on the host" };
            suite.case(
                &format!("{place}, {}: goes on when it can", wait.name),
                move || {
                    let waiting = Waiting::start(&wait, in_jail)?;
                    (wait.wake)(waiting.object.id).context("waking it")?;
                    waiting.ends_with(Ok(()))
                },
            );
            suite.case(
                &format!("{place}, {}: EIDRM when the object is removed", wait.name),
                move || {
                    let waiting = Waiting::start(&wait, in_jail)?;
                    waiting.object.remove().context("removing the object")?;
                    waiting.ends_with(Err(Errno::EIDRM))
                },
            );
            suite.case(
                &format!("{place}, {}: EINTR by a signal", wait.name),
                move || {
                    let waiting = Waiting::start(&wait, in_jail)?;
                    process::kill(waiting.pid, libc::SIGUSR1).context("kill")?;
                    waiting.ends_with(Err(Errno::EINTR))
                },
            );
        }
        suite.case(
            &format!("on the host, {}: a jail cannot end it", wait.name),
            move || jail_cannot_end(&wait),
        );
        suite.case(
            &format!("in a jail, {}: the host cannot end it", wait.name),
            move || host_cannot_end(&wait),
        );
    }
    suite.run(chosen)
}

/// A child that waits in a call.
struct Waiting {
    object: Object,
    pid: libc::pid_t,
}

impl Waiting {
    fn start(wait: &Wait, in_jail: bool) -> Result<Waiting, Failure> {
        jail::private_tables()?;
        if in_jail {
            jail::enter()?;
        }
        Waiting::start_here(wait)
    }

    fn start_here(wait: &Wait) -> Result<Waiting, Failure> {
        let object = Object::create(wait.family, 0o666).context("creating the object")?;
        (wait.prepare)(object.id).context("preparing the object")?;
        let pid = process::fork(|| {
            if process::interrupt_on(libc::SIGUSR1).is_err() {
                return 255;
            }
            (wait.call)(object.id).map_or_else(|errno| errno.0, |()| 0)
        })
        .context("fork")?;
        wait_until_asleep(pid)?;
        Ok(Waiting { object, pid })
    }

    fn ends_with(&self, expected: SysResult<()>) -> CaseResult {
        let got = match process::wait(self.pid).context("waiting for the child")? {
            Ended::Exited(0) => Ok(()),
            Ended::Exited(errno) => Err(Errno(errno)),
            ended => return Err(fail(format!("the child: {ended}"))),
        };
        check_eq!(got, expected, "the waiting call");
        Ok(())
    }

    fn still_waits(&self) -> CaseResult {
        let ended = process::try_wait(self.pid).context("looking at the child")?;
        check_eq!(ended, None, "the waiting process");
        wait_until_asleep(self.pid)
    }
}

/// Whether what wakes and what removes is refused with EACCES.
fn meddle(wait: &Wait, object: &Object) -> i32 {
    let woken = (wait.wake)(object.id);
    let removed = object.remove();
    i32::from(woken != Err(Errno::EACCES) || removed != Err(Errno::EACCES))
}

fn jail_cannot_end(wait: &Wait) -> CaseResult {
    jail::private_tables()?;
    let waiting = Waiting::start_here(wait)?;
    let meddled = process::in_child(|| match jail::enter() {
        Ok(_) => meddle(wait, &waiting.object),
        Err(_) => 2,
    });
    check_eq!(
        meddled,
        Ok(Ended::Exited(0)),
        "a process in a jail, refused everything"
    );
    waiting.still_waits()?;
    (wait.wake)(waiting.object.id).context("waking it")?;
    waiting.ends_with(Ok(()))
}

fn host_cannot_end(wait: &Wait) -> CaseResult {
    jail::private_tables()?;
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let jailed = process::fork(|| {
        let mut run = || -> CaseResult {
            jail::enter()?;
            let waiting = Waiting::start_here(wait)?;
            theirs.write_all(&waiting.object.id.to_le_bytes())?;
            theirs.write_all(&waiting.object.key.to_le_bytes())?;
            theirs.read_exact(&mut [0])?;
            waiting.still_waits()?;
            (wait.wake)(waiting.object.id).context("waking it")?;
            waiting.ends_with(Ok(()))
        };
        match run() {
            Ok(()) => 0,
            Err(failure) => {
                eprintln!("{failure}");
                1
            }
        }
    })
    .context("fork")?;
    drop(theirs);
    let (mut id, mut key) = ([0; 4], [0; 4]);
    ours.read_exact(&mut id).context("hearing of the object")?;
    ours.read_exact(&mut key).context("hearing of the object")?;
    let object = Object {
        family: wait.family,
        id: i32::from_le_bytes(id),
        key: i32::from_le_bytes(key),
    };
    check_eq!(meddle(wait, &object), 0, "the host, refused everything");
    ours.write_all(b"x").context("telling the jail")?;
    check_eq!(
        process::wait(jailed),
        Ok(Ended::Exited(0)),
        "the side in the jail"
    );
    Ok(())
}
