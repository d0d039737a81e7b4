// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes that are made in a jail.

use jaula_tests::ktap::{CaseResult, Context};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{jail as call, shared_memory, Result as SysResult};
use jaula_tests::{check_eq, jail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// The exit status of a child whose number must be `expected`.
fn verdict(expected: i64) -> i32 {
    i32::from(call::get_jailnumber() != Ok(expected))
}

/// Enters a jail and makes a child in this way, which must be in that jail. The child may be
/// our parent's and not ours: so it tells through a socket.
pub fn by(make: impl FnOnce(Box<dyn FnOnce() -> i32>) -> SysResult<libc::pid_t>) -> CaseResult {
    made(Maker::Enters, make)
}

/// As [`by`], where the parent of the one that makes the child is in the jail as well.
pub fn beside(make: impl FnOnce(Box<dyn FnOnce() -> i32>) -> SysResult<libc::pid_t>) -> CaseResult {
    made(Maker::IsBornThere, make)
}

/// How the one that makes the child has come into the jail.
#[derive(PartialEq)]
enum Maker {
    Enters,
    IsBornThere,
}

fn made(
    maker: Maker,
    make: impl FnOnce(Box<dyn FnOnce() -> i32>) -> SysResult<libc::pid_t>,
) -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    if maker == Maker::IsBornThere {
        jail::enter()?;
    }
    // The child of CLONE_PARENT is left to this process.
    let middle = process::fork(|| {
        let number = match maker {
            Maker::Enters => jail::enter(),
            Maker::IsBornThere => jail::number(),
        };
        let Ok(number) = number else { return 2 };
        let child = make(Box::new(move || {
            let answer = format!("{}", verdict(number));
            let told = theirs.write_all(answer.as_bytes());
            // The descriptor may be the parent's as well (CLONE_FILES), who closes it.
            std::mem::forget(theirs);
            i32::from(told.is_err())
        }));
        match child {
            Ok(pid) => {
                let _ = process::wait(pid);
                0
            }
            Err(errno) => errno.0,
        }
    })
    .context("fork")?;
    check_eq!(
        process::wait(middle),
        Ok(Ended::Exited(0)),
        "making the child"
    );
    let mut answer = [0];
    ours.read_exact(&mut answer)
        .context("hearing from the child")?;
    check_eq!(
        answer,
        *b"0",
        "the verdict of the child (1: in another jail)"
    );
    Ok(())
}

pub fn sharing_memory(flags: i32) -> CaseResult {
    let number = jail::enter()?;
    let child =
        shared_memory::clone(flags | libc::SIGCHLD, move || verdict(number)).context("clone")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "the child");
    Ok(())
}

pub fn generations(left: u32) -> SysResult<Ended> {
    let number = call::get_jailnumber()?;
    process::in_child(|| match (left, call::get_jailnumber() == Ok(number)) {
        (_, false) => 1,
        (0, true) => 0,
        (_, true) => match generations(left - 1) {
            Ok(Ended::Exited(status)) => status,
            _ => 2,
        },
    })
}

pub fn orphan() -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let number = jail::enter()?;
    let parent = process::fork(|| {
        let me = process::pid();
        let made = process::fork(|| {
            while process::parent() == me {
                process::nap();
            }
            let answer = format!("{}", verdict(number));
            i32::from(theirs.write_all(answer.as_bytes()).is_err())
        });
        i32::from(made.is_err())
    })
    .context("fork")?;
    process::wait(parent).context("waiting for the parent")?;
    let mut answer = [0];
    ours.read_exact(&mut answer)
        .context("hearing from the orphan")?;
    check_eq!(
        answer,
        *b"0",
        "the verdict of the orphan (1: in another jail)"
    );
    Ok(())
}

pub fn earlier_child() -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| match theirs.read(&mut [0]) {
        Ok(_) => verdict(0),
        Err(_) => 2,
    })
    .context("fork")?;
    jail::enter()?;
    ours.write_all(b"x").context("telling the child")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "the child");
    Ok(())
}
