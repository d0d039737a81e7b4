// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals that the kernel sends down by itself, or for somebody.

use super::captive::{Captive, USER};
use jaula_tests::inmate::wait_for_ever;
use jaula_tests::ktap::{CaseResult, Context};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, peer, signal, tty};
use jaula_tests::topology::{self, Jails};
use jaula_tests::wait::PATIENCE;
use jaula_tests::{check, check_eq, jail, procfs};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Enters a new jail, as a user's process that has nothing of root.
fn enter_as_user() -> CaseResult {
    jail::enter()?;
    ids::become_user(USER).context("giving up root")
}

/// Says that everything is prepared, and waits to be ended.
fn wait_for_the_end(mut told: UnixStream) -> i32 {
    match told.write_all(b".") {
        Ok(()) => wait_for_ever(),
        Err(_) => 1,
    }
}

/// Waits until a process says that everything is prepared.
fn is_prepared(stream: &mut UnixStream) -> CaseResult {
    let mut byte = [0];
    stream.read_exact(&mut byte).context("hearing from a child")
}

/// A user's process has a child in a jail that is to be killed when the process ends, and ends.
pub fn end_of_parent() -> CaseResult {
    let (mut ours, theirs) = UnixStream::pair().context("socketpair")?;
    let (mut ending, told_to_end) = UnixStream::pair().context("socketpair")?;
    let parent = process::fork(|| {
        let child = process::fork(|| {
            let entered = enter_as_user().is_ok() && process::end_with_parent().is_ok();
            match entered {
                true => wait_for_the_end(theirs),
                false => 1,
            }
        });
        let user = ids::become_user(USER);
        let told = (&told_to_end).read_exact(&mut [0]);
        i32::from(child.is_err() || user.is_err() || told.is_err())
    })
    .context("fork")?;
    is_prepared(&mut ours)?;
    ending.write_all(b".").context("telling the parent")?;
    check_eq!(process::wait(parent), Ok(Ended::Exited(0)), "the parent");
    let ended = tty::readable(ours.as_fd(), PATIENCE).context("poll")?;
    check!(ended, "the child has outlived its parent");
    Ok(())
}

/// The process in the jail, and who leads its session outside, are one user's.
pub fn interrupt_key() -> CaseResult {
    let (master, slave) = tty::open().context("openpty")?;
    let (mut ours, theirs) = UnixStream::pair().context("socketpair")?;
    let mut leaders = theirs.try_clone().context("dup")?;
    let leader = process::fork(|| {
        if tty::take_over(&slave).is_err() {
            return 1;
        }
        let jailed = process::fork(|| match enter_as_user() {
            Ok(()) => wait_for_the_end(theirs),
            Err(_) => 1,
        });
        // The leader is in the foreground as well, and stays.
        let stays = signal::block(&[libc::SIGINT]).is_ok() && ids::become_user(USER).is_ok();
        if !stays || leaders.write_all(b".").is_err() {
            return 2;
        }
        match jailed.and_then(process::wait) {
            Ok(Ended::Signaled(libc::SIGINT)) => 0,
            _ => 3,
        }
    })
    .context("fork")?;
    drop(leaders);
    is_prepared(&mut ours)?;
    is_prepared(&mut ours)?;
    let mut master = File::from(master);
    master.write_all(b"\x03").context("typing")?;
    check_eq!(process::wait(leader), Ok(Ended::Exited(0)), "the leader");
    Ok(())
}

/// A user's descriptor is made ready of which the process in the jail is to be told.
pub fn descriptor() -> CaseResult {
    let captive = Captive::new(&topology::HOST_TO_JAIL)?;
    for (capability, arrives) in [
        (None, false),
        (Some(ids::CAP_SYS_PTRACE), false),
        (Some(ids::CAP_KILL), true),
    ] {
        tell(&captive.jails, captive.pid, capability)?;
        check_eq!(
            procfs::has_pending(captive.pid, libc::SIGIO)?,
            arrives,
            "whether SIGIO has arrived, with capability {capability:?}"
        );
    }
    Ok(())
}

fn tell(jails: &Jails, pid: libc::pid_t, capability: Option<u32>) -> CaseResult {
    super::as_user(jails, capability, || {
        let (ours, mut theirs) = UnixStream::pair().context("socketpair")?;
        peer::set_owner(&ours, pid, libc::SIGIO).context("fcntl")?;
        theirs.write_all(b".").context("writing")
    })
}
