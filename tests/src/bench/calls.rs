// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that ask the module whether they reach another jail, or whether the caller has a
//! capability, and those that could.

use super::{clock_cost, repeat};
use crate::ktap::{Context, Failure};
use crate::sys::process::{self, Ended};
use crate::sys::{jail, signal, Errno, Result as SysResult};
use nix::mqueue::{self, MQ_OFlag, MqAttr, MqdT};
use nix::sys::socket::{
    bind, connect, listen, recv, sendto, socket, AddressFamily, Backlog, MsgFlags, SockFlag,
    SockType, UnixAddr,
};
use nix::sys::stat::Mode;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

/// How often a call is made.
const TIMES: u32 = 2_000;
/// A file that every root has.
const FILE: &str = "/tmp/jaula-bench";
/// The abstract address of the sockets, behind its null byte.
const ADDRESS: &[u8] = b"jaula-bench";
const QUEUE: &str = "/jaula-bench";
/// The size of a message, in bytes.
const MESSAGE: usize = 64;

/// What a measurement gives.
type Cost = Result<Option<f64>, Failure>;

/// `kill` of another process, which ignores the signal: what there is beside the questions whether
/// it may be sent is the least that it can be.
pub fn kill_ignored() -> Cost {
    with_child(
        || loop {
            process::nap();
        },
        |child| repeat(TIMES, || process::kill(child, libc::SIGURG)),
    )
}

/// A signal to another process, which waits for it, and one back.
pub fn kill_there_and_back() -> Cost {
    let own = process::pid();
    signal::block(&[libc::SIGUSR2]).context("blocking a signal")?;
    with_child(
        || {
            while signal::await_one(&[libc::SIGUSR2]).is_ok() {
                if process::kill(own, libc::SIGUSR2).is_err() {
                    break;
                }
            }
            1
        },
        |child| {
            repeat(TIMES, || {
                process::kill(child, libc::SIGUSR2)?;
                signal::await_one(&[libc::SIGUSR2]).map(drop)
            })
        },
    )
}

/// A signal to the caller itself, and its handler, which does nothing.
pub fn kill_itself() -> Cost {
    process::interrupt_on(libc::SIGUSR1).context("sigaction")?;
    let own = process::pid();
    repeat(TIMES, || process::kill(own, libc::SIGUSR1))
}

/// `connect` to an abstract stream socket: the call alone.
pub fn connect_abstract() -> Cost {
    let address = UnixAddr::new_abstract(ADDRESS)
        .map_err(errno)
        .context("an abstract address")?;
    let server = unix_socket(SockType::Stream).context("socket")?;
    bind(server.as_raw_fd(), &address)
        .map_err(errno)
        .context("bind")?;
    let backlog = Backlog::new(8).map_err(errno).context("a backlog")?;
    listen(&server, backlog).map_err(errno).context("listen")?;
    let server = UnixListener::from(server);
    each(
        || unix_socket(SockType::Stream),
        |client| connect(client.as_raw_fd(), &address).map_err(errno),
        |_| server.accept().map(drop).map_err(io_errno),
    )
}

/// `sendto` to an abstract datagram socket: the call alone.
pub fn send_abstract() -> Cost {
    let address = UnixAddr::new_abstract(ADDRESS)
        .map_err(errno)
        .context("an abstract address")?;
    let server = unix_socket(SockType::Datagram).context("socket")?;
    bind(server.as_raw_fd(), &address)
        .map_err(errno)
        .context("bind")?;
    let client = unix_socket(SockType::Datagram).context("socket")?;
    each(
        || Ok(()),
        |()| {
            sendto(
                client.as_raw_fd(),
                &[0; MESSAGE],
                &address,
                MsgFlags::empty(),
            )
            .map(drop)
            .map_err(errno)
        },
        |()| {
            recv(server.as_raw_fd(), &mut [0; MESSAGE], MsgFlags::empty())
                .map(drop)
                .map_err(errno)
        },
    )
}

/// A message sent to a POSIX message queue, and received; none where the kernel has no such queues.
pub fn posix_message() -> Cost {
    let Some(queue) = new_queue()? else {
        return Ok(None);
    };
    let mut message = [0; MESSAGE];
    let cost = repeat(TIMES, || {
        mqueue::mq_send(&queue, &[0; MESSAGE], 0).map_err(errno)?;
        mqueue::mq_receive(&queue, &mut message, &mut 0)
            .map(drop)
            .map_err(errno)
    });
    remove_queue(queue)?;
    cost
}

/// `mq_open` of a queue that exists, and closing it; none where the kernel has no such queues.
pub fn posix_queue() -> Cost {
    let Some(queue) = new_queue()? else {
        return Ok(None);
    };
    let cost = repeat(TIMES, || {
        mqueue::mq_open(QUEUE, MQ_OFlag::O_RDWR, Mode::empty(), None)
            .and_then(mqueue::mq_close)
            .map_err(errno)
    });
    remove_queue(queue)?;
    cost
}

fn new_queue() -> Result<Option<MqdT>, Failure> {
    let attributes = MqAttr::new(0, 8, MESSAGE as _, 0);
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_RDWR;
    match mqueue::mq_open(QUEUE, flags, Mode::S_IRWXU, Some(&attributes)) {
        Err(nix::Error::ENOSYS) => Ok(None),
        queue => queue.map_err(errno).context("mq_open").map(Some),
    }
}

fn remove_queue(queue: MqdT) -> Result<(), Failure> {
    mqueue::mq_close(queue).map_err(errno).context("mq_close")?;
    mqueue::mq_unlink(QUEUE).map_err(errno).context("mq_unlink")
}

/// An ordinary file opened and closed.
pub fn open_file() -> Cost {
    fs::write(FILE, "").context(FILE)?;
    repeat(TIMES, || File::open(FILE).map(drop).map_err(io_errno))
}

/// The same of a file in `/proc`.
pub fn open_proc() -> Cost {
    let path = "/proc/self/status";
    repeat(TIMES, || File::open(path).map(drop).map_err(io_errno))
}

/// A call that root needs a capability for: giving a file to another user.
pub fn chown() -> Cost {
    fs::write(FILE, "").context(FILE)?;
    let mut owner = 0;
    repeat(TIMES, || {
        owner ^= 1;
        std::os::unix::fs::chown(FILE, Some(owner), None).map_err(io_errno)
    })
}

/// Measures in a process that is in a new jail since it was born. Where the kernel has no jails it is
/// one that came into the world in the same way, so that the two can be compared.
pub fn in_jail(measure: fn() -> Cost) -> Cost {
    in_process(|| {
        match jail::create_newjail() {
            Err(Errno::ENOSYS | Errno::EOPNOTSUPP) => {}
            entered => {
                entered.context("create_newjail")?;
            }
        }
        // Who has entered is still the launcher, and what it makes is not.
        in_process(measure)
    })
}

/// Measures in a child, so that what is done to a process is not done to this one.
fn in_process(measure: impl FnOnce() -> Cost) -> Cost {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| match measure() {
        Ok(cost) => {
            let cost = cost.unwrap_or(f64::NAN).to_le_bytes();
            i32::from(theirs.write_all(&cost).is_err())
        }
        Err(failure) => {
            eprintln!("jaula-bench: in a child: {failure}");
            1
        }
    })
    .context("fork")?;
    drop(theirs);
    let mut answer = [0; 8];
    let heard = ours.read_exact(&mut answer);
    crate::check_eq!(
        process::wait(child),
        Ok(Ended::Exited(0)),
        "the child that measures"
    );
    heard.context("hearing from the child")?;
    let cost = f64::from_le_bytes(answer);
    Ok((!cost.is_nan()).then_some(cost))
}

/// Measures something with a child that does `child` until it is killed.
fn with_child(child: impl FnOnce() -> i32, measure: impl FnOnce(libc::pid_t) -> Cost) -> Cost {
    let child = process::fork(child).context("fork")?;
    let cost = measure(child);
    process::kill(child, libc::SIGKILL).context("killing the child")?;
    process::wait(child).context("waiting for the child")?;
    cost
}

/// The cost of `call` alone, between what makes it possible and what clears up after it: the least
/// mean of three runs after one to warm up.
fn each<T>(
    mut before: impl FnMut() -> SysResult<T>,
    mut call: impl FnMut(&T) -> SysResult<()>,
    mut after: impl FnMut(T) -> SysResult<()>,
) -> Cost {
    let clock = clock_cost()?;
    let mut least = f64::INFINITY;
    for run in 0..4 {
        let mut total = 0;
        for _ in 0..TIMES {
            let subject = before().context("what comes before the operation")?;
            let start = Instant::now();
            call(&subject).context("the operation")?;
            total += start.elapsed().as_nanos();
            after(subject).context("what comes after the operation")?;
        }
        if run > 0 {
            least = least.min(total as f64 / f64::from(TIMES));
        }
    }
    Ok(Some(least - clock))
}

fn unix_socket(kind: SockType) -> SysResult<OwnedFd> {
    socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None).map_err(errno)
}

fn errno(error: nix::Error) -> Errno {
    Errno(error as i32)
}

fn io_errno(error: std::io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(libc::EIO))
}
