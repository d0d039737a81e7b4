// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors of one jail in the hands of many.

use jaula_tests::descriptor::{close_owners, wait_for_end, Owner, Status, ALL};
use jaula_tests::inmate::wait_for_ever;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::rounds::rounds;
use jaula_tests::sys::jailfd::{self as call, OWN};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::Errno;
use jaula_tests::{check, check_eq, jailfs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

const ROUNDS: usize = 400;

/// What one of them does with the jail of this number, by a plain descriptor and over both ends of a
/// connection. Each exits with 0, or with the number of an error that must not be.
type Part = fn(&Owner, &OwnedFd, &[UnixStream; 2]) -> Result<(), Errno>;

const PARTS: [Part; 6] = [
    open_and_read,
    send,
    receive,
    make_within,
    make_within,
    destroy,
];

/// Opening and reading, passing, receiving, making, destroying and entering, all at once, while every
/// process gives up the owner that it has inherited.
pub fn all_at_once() -> CaseResult {
    for round in 0..rounds(ROUNDS) {
        let owner = Owner::new()?;
        jailfs::set(owner.number, "children.max", "50")?;
        let jail = owner.plain(ALL)?;
        let streams: [UnixStream; 2] = UnixStream::pair().context("socketpair")?.into();
        for stream in &streams {
            stream.set_nonblocking(true).context("fcntl")?;
        }
        let parts = PARTS.map(|part| {
            process::fork(|| part(&owner, &jail, &streams).map_or_else(|errno| errno.0, |()| 0))
        });
        let attachers = [attacher(&jail), attacher(&jail)];
        drop(streams);
        if round % 2 == 0 {
            drop(owner);
        }
        for (place, part) in parts.into_iter().enumerate() {
            let ended = process::wait(part.context("fork")?);
            check_eq!(ended, Ok(Ended::Exited(0)), "part {place} in round {round}");
        }
        wait_for_end(&jail).context(format!("round {round}"))?;
        for attacher in attachers {
            check_attacher(attacher?, round)?;
        }
    }
    Ok(())
}

/// A process that enters a jail, and has a child there.
fn attacher(jail: &OwnedFd) -> Result<libc::pid_t, Failure> {
    process::fork(|| {
        if close_owners().is_err() {
            return 200;
        }
        match call::attach_jailfd(jail.as_raw_fd(), 0) {
            Ok(()) => {
                let _ = process::fork(|| wait_for_ever());
                wait_for_ever()
            }
            Err(errno) => errno.0,
        }
    })
    .context("fork")
}

/// It has come in and was ended, or has come too late.
fn check_attacher(pid: libc::pid_t, round: usize) -> CaseResult {
    let ended = process::wait(pid);
    check!(
        matches!(
            ended,
            Ok(Ended::Exited(libc::ESRCH) | Ended::Signaled(libc::SIGKILL))
        ),
        "the attacher in round {round}: {ended:?}"
    );
    Ok(())
}

fn open_and_read(owner: &Owner, jail: &OwnedFd, _: &[UnixStream; 2]) -> Result<(), Errno> {
    let number = owner.number;
    call::close_inherited(owner.raw())?;
    for _ in 0..20 {
        match call::open_jail(OWN, number, ALL) {
            Ok(opened) => {
                let same = Status::of(&opened).is_ok_and(|status| status.number == number);
                if !same {
                    return Err(Errno::EIO);
                }
            }
            Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
        call::read(jail, 4096, None)?;
    }
    Ok(())
}

/// Sends the owner and the plain descriptor again and again, as long as there is room.
fn send(owner: &Owner, jail: &OwnedFd, streams: &[UnixStream; 2]) -> Result<(), Errno> {
    for _ in 0..20 {
        match call::send_descriptors(&streams[0], &[jail.as_raw_fd(), owner.raw()]) {
            // The latter where too many are on the way.
            Ok(()) | Err(Errno::EAGAIN | Errno::EUSERS) => {}
            Err(errno) if errno.0 == libc::ETOOMANYREFS => {}
            Err(errno) => return Err(errno),
        }
    }
    call::close_inherited(owner.raw())
}

fn receive(owner: &Owner, _: &OwnedFd, streams: &[UnixStream; 2]) -> Result<(), Errno> {
    call::close_inherited(owner.raw())?;
    for _ in 0..30 {
        match call::receive_descriptors(&streams[1]) {
            Ok(received) => {
                for descriptor in &received.descriptors {
                    call::read(descriptor, 4096, None)?;
                }
            }
            Err(Errno::EAGAIN) => std::thread::yield_now(),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn make_within(owner: &Owner, jail: &OwnedFd, _: &[UnixStream; 2]) -> Result<(), Errno> {
    call::close_inherited(owner.raw())?;
    for _ in 0..10 {
        match call::create_owned_jail(jail.as_raw_fd(), 0) {
            Ok(made) => {
                call::open_jail(jail.as_raw_fd(), number_of(&made), 0)
                    .map(drop)
                    .or_else(|errno| match errno {
                        Errno::ESRCH => Ok(()),
                        errno => Err(errno),
                    })?;
            }
            // It is dying or dead, or those before have not ended yet.
            Err(Errno::EAGAIN | Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn number_of(jail: &OwnedFd) -> i64 {
    Status::of(jail).map_or(-1, |status| status.number)
}

fn destroy(owner: &Owner, jail: &OwnedFd, _: &[UnixStream; 2]) -> Result<(), Errno> {
    call::close_inherited(owner.raw())?;
    for _ in 0..3 {
        std::thread::yield_now();
        call::destroy_jailfd(jail.as_raw_fd(), 0)?;
    }
    Ok(())
}

/// An owner goes while some enter: either they do not get in, or they do not stay.
pub fn closed_on_entry() -> CaseResult {
    for round in 0..rounds(ROUNDS) {
        let owner = Owner::new()?;
        let jail = owner.plain(ALL)?;
        let attachers = [attacher(&jail), attacher(&jail), attacher(&jail)];
        for _ in 0..round % 3 {
            process::nap();
        }
        drop(owner);
        wait_for_end(&jail).context(format!("round {round}"))?;
        for attacher in attachers {
            check_attacher(attacher?, round)?;
        }
    }
    Ok(())
}
