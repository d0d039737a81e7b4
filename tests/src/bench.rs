// SPDX-License-Identifier: MIT OR Apache-2.0

//! What operations cost, with fixed numbers of iterations, so that on a machine whose clock
//! counts instructions every run gives the same figures.

mod calls;
mod commands;
mod descriptors;
mod jails;

use crate::ktap::{fail, Context, Failure};
use crate::sys::process::{self, Ended};
use crate::sys::{ids, msg, sem, shm, Errno, Result as SysResult};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

/// The argument with which the program goes on executing itself: how many times more.
pub const EXEC_ARGUMENT: &str = "--exec-again";

/// Something whose cost is measured.
pub struct Operation {
    /// The name that is printed.
    pub name: &'static str,
    /// What one operation is.
    pub meaning: &'static str,
    /// The cost of one, in nanoseconds of CLOCK_MONOTONIC unless the name says otherwise; none where
    /// the kernel lacks it.
    pub measure: fn() -> Result<Option<f64>, Failure>,
}

/// Everything that is measured, in the order of printing.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "getppid",
        meaning: "one call",
        measure: getppid,
    },
    Operation {
        name: "semop",
        meaning: "one call that does not wait: up and down in turn",
        measure: semop,
    },
    Operation {
        name: "msgsnd+msgrcv",
        meaning: "a message of 64 bytes sent and received by one process",
        measure: message,
    },
    Operation {
        name: "shmget+shmat+shmdt+rm",
        meaning: "the life of a segment of one page that is not written to",
        measure: || repeat(2_000, segment),
    },
    Operation {
        name: "fork+exit",
        meaning: "a child that exits at once, and waiting for it",
        measure: fork,
    },
    Operation {
        name: "thread",
        meaning: "a thread that ends at once, and joining it",
        measure: || repeat(500, thread),
    },
    Operation {
        name: "execve",
        meaning: "this static program executing itself, up to its main function",
        measure: execve,
    },
    Operation {
        name: "open+close",
        meaning: "an ordinary file, opened for reading",
        measure: calls::open_file,
    },
    Operation {
        name: "open+close in /proc",
        meaning: "/proc/self/status, opened for reading",
        measure: calls::open_proc,
    },
    Operation {
        name: "chown",
        meaning: "root giving a file to another user, for which it needs a capability",
        measure: calls::chown,
    },
    Operation {
        name: "kill, ignored",
        meaning: "the call alone, to another process that ignores the signal",
        measure: calls::kill_ignored,
    },
    Operation {
        name: "kill+sigwait, there and back",
        meaning: "a signal to another process that waits for it, and one back",
        measure: calls::kill_there_and_back,
    },
    Operation {
        name: "kill, itself",
        meaning: "a signal to the caller, and the return from its handler",
        measure: calls::kill_itself,
    },
    Operation {
        name: "connect, abstract",
        meaning: "the call alone, to a stream socket with an abstract address",
        measure: calls::connect_abstract,
    },
    Operation {
        name: "sendto, abstract",
        meaning: "the call alone, to a datagram socket with an abstract address",
        measure: calls::send_abstract,
    },
    Operation {
        name: "mq_send+mq_receive",
        meaning: "a message of 64 bytes sent and received by one process",
        measure: calls::posix_message,
    },
    Operation {
        name: "mq_open+mq_close",
        meaning: "a queue that exists, opened by its name",
        measure: calls::posix_queue,
    },
    Operation {
        name: "getppid, in a jail",
        meaning: "one call, by a process that was born in a jail",
        measure: || calls::in_jail(getppid),
    },
    Operation {
        name: "open+close, in a jail",
        meaning: "an ordinary file, opened for reading by a process that was born in a jail",
        measure: || calls::in_jail(calls::open_file),
    },
    Operation {
        name: "chown, in a jail",
        meaning: "a file given to another user by root in a jail",
        measure: || calls::in_jail(calls::chown),
    },
    Operation {
        name: "kill, ignored, in a jail",
        meaning: "the call alone, to another process of the same jail",
        measure: || calls::in_jail(calls::kill_ignored),
    },
    Operation {
        name: "connect, abstract, in a jail",
        meaning: "the call alone, to a socket of the same jail",
        measure: || calls::in_jail(calls::connect_abstract),
    },
    Operation {
        name: "fork+exit, in a jail",
        meaning: "a child that exits at once, of a process in a jail",
        measure: || calls::in_jail(fork),
    },
    Operation {
        name: "create_newjail",
        meaning: "the call alone, in a child made for it",
        measure: || jails::create(0),
    },
    Operation {
        name: "create_newjail, 10 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::create(10),
    },
    Operation {
        name: "create_newjail, 100 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::create(100),
    },
    Operation {
        name: "create_newjail, 1000 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::create(1_000),
    },
    Operation {
        name: "attach_jail",
        meaning: "the call alone, in a child made for it",
        measure: || jails::attach(0),
    },
    Operation {
        name: "attach_jail, 10 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::attach(10),
    },
    Operation {
        name: "attach_jail, 100 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::attach(100),
    },
    Operation {
        name: "attach_jail, 1000 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::attach(1_000),
    },
    Operation {
        name: "destroy_jail",
        meaning: "ending an empty jail, up to the return",
        measure: || jails::destroy(0),
    },
    Operation {
        name: "destroy_jail, 10 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::destroy(10),
    },
    Operation {
        name: "destroy_jail, 100 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::destroy(100),
    },
    Operation {
        name: "destroy_jail, 1000 others",
        meaning: "the same beside so many idle jails",
        measure: || jails::destroy(1_000),
    },
    Operation {
        name: "open_jail+close",
        meaning: "a descriptor of a jail, opened by its number with all rights",
        measure: descriptors::open,
    },
    Operation {
        name: "create_owned_jail+close",
        meaning: "an empty jail that is owned, up to when poll reports its end",
        measure: descriptors::create,
    },
    Operation {
        name: "poll of a jail",
        meaning: "one call that does not wait, of a jail that is alive",
        measure: descriptors::poll,
    },
    Operation {
        name: "unshare(CLONE_NEWIPC)",
        meaning: "the call alone, in a child made for it",
        measure: || in_children(200, || ids::unshare(libc::CLONE_NEWIPC)),
    },
    Operation {
        name: "jaula",
        meaning: "jaula ROOT -- /bin/true, from fork to the end",
        measure: commands::jaula,
    },
    Operation {
        name: "jaula --plain",
        meaning: "jaula --plain ROOT -- /bin/true",
        measure: commands::plain,
    },
    Operation {
        name: "chroot",
        meaning: "chroot ROOT /bin/true",
        measure: commands::chroot,
    },
    Operation {
        name: "unshare+chroot",
        meaning: "unshare --fork --pid --ipc --mount chroot ROOT /bin/true",
        measure: commands::unshare,
    },
    Operation {
        name: "bwrap",
        meaning: "bwrap --unshare-pid --unshare-ipc --bind ROOT / /bin/true",
        measure: commands::bubblewrap,
    },
    Operation {
        name: "idle jail, bytes",
        meaning: "the kernel's memory for a jail that nothing is in, in bytes",
        measure: jails::memory,
    },
];

/// The cost of an operation done many times, the least of three runs after one to warm up.
fn repeat(
    times: u32,
    mut operation: impl FnMut() -> SysResult<()>,
) -> Result<Option<f64>, Failure> {
    let mut least = f64::INFINITY;
    for run in 0..4 {
        let start = Instant::now();
        for _ in 0..times {
            operation().context("the operation")?;
        }
        let cost = start.elapsed().as_nanos() as f64 / f64::from(times);
        if run > 0 {
            least = least.min(cost);
        }
    }
    Ok(Some(least))
}

fn getppid() -> Result<Option<f64>, Failure> {
    repeat(20_000, || {
        std::hint::black_box(process::parent());
        Ok(())
    })
}

fn semop() -> Result<Option<f64>, Failure> {
    let id = sem::get(libc::IPC_PRIVATE, 1, libc::IPC_CREAT | 0o600).context("semget")?;
    let pair = repeat(10_000, || {
        sem::op(id, 0, 1, 0)?;
        sem::op(id, 0, -1, 0)
    });
    sem::remove(id).context("semctl(IPC_RMID)")?;
    Ok(pair?.map(|cost| cost / 2.0))
}

fn message() -> Result<Option<f64>, Failure> {
    let id = msg::get(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600).context("msgget")?;
    let mut message = msg::Small::new(1);
    let pair = repeat(10_000, || {
        message.send(id).and_then(|()| message.receive(id))
    });
    msg::remove(id).context("msgctl(IPC_RMID)")?;
    pair
}

fn segment() -> SysResult<()> {
    let id = shm::get(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600)?;
    drop(shm::attach(id, 0, 4096)?);
    shm::remove(id)
}

fn fork() -> Result<Option<f64>, Failure> {
    repeat(500, || process::in_child(|| 0).map(drop))
}

fn thread() -> SysResult<()> {
    std::thread::Builder::new()
        .spawn(|| ())
        .map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EAGAIN)))?
        .join()
        .map_err(|_| Errno::EINVAL)
}

/// How often the program executes itself in a row.
const EXECUTIONS: u32 = 200;

fn execve() -> Result<Option<f64>, Failure> {
    let start = Instant::now();
    let ended = process::in_child(|| exec_again(EXECUTIONS)).context("fork")?;
    let chain = start.elapsed().as_nanos() as f64;
    crate::check_eq!(ended, Ended::Exited(0), "the program that executes itself");
    let fork = repeat(100, || process::in_child(|| 0).map(drop))?.unwrap_or_default();
    Ok(Some((chain - fork) / f64::from(EXECUTIONS)))
}

/// Executes this program so that it calls this function again, `left` times in all; an exit
/// status.
pub fn exec_again(left: u32) -> i32 {
    if left == 0 {
        return 0;
    }
    let error = Command::new("/proc/self/exe")
        .arg(EXEC_ARGUMENT)
        .arg((left - 1).to_string())
        .exec();
    eprintln!("cannot execute this program again: {error}");
    1
}

/// The cost of a call that a process can make but once: the mean over many children, less what
/// reading the clock costs. None where the kernel does not have the call.
fn in_children(times: u32, call: impl Fn() -> SysResult<()>) -> Result<Option<f64>, Failure> {
    let mut total = 0.0;
    for _ in 0..times {
        match once_in_child(&call)? {
            Ok(cost) => total += cost,
            Err(Errno::ENOSYS | Errno::EOPNOTSUPP) => return Ok(None),
            Err(errno) => return Err(fail(format!("the call failed: {errno}"))),
        }
    }
    Ok(Some(total / f64::from(times) - clock_cost()?))
}

/// What reading the clock once costs.
fn clock_cost() -> Result<f64, Failure> {
    let cost = repeat(1_000, || {
        std::hint::black_box(Instant::now());
        Ok(())
    })?;
    Ok(cost.unwrap_or_default())
}

fn once_in_child(call: impl Fn() -> SysResult<()>) -> Result<SysResult<f64>, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| {
        // Once before, so that the first reading does not cost more than the second.
        std::hint::black_box(Instant::now());
        let start = Instant::now();
        let result = call();
        let cost = start.elapsed().as_nanos() as i64;
        let answer = result.map_or_else(|errno| -i64::from(errno.0), |()| cost);
        i32::from(theirs.write_all(&answer.to_le_bytes()).is_err())
    })
    .context("fork")?;
    let mut answer = [0; 8];
    ours.read_exact(&mut answer)
        .context("hearing from the child")?;
    process::wait(child).context("waiting for the child")?;
    let answer = i64::from_le_bytes(answer);
    Ok(if answer < 0 {
        Err(Errno(-answer as i32))
    } else {
        Ok(answer as f64)
    })
}
