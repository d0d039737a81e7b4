// SPDX-License-Identifier: MIT OR Apache-2.0

//! Steps that most programs begin with.

use crate::jailfs;
use crate::ktap::{Context, Failure};
use crate::sys::{ids, jail, process, Errno};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Puts the calling process into a new jail; its number.
pub fn enter() -> Result<i64, Failure> {
    let number = jail::create_newjail().context("create_newjail")?;
    crate::check!(
        number > 0,
        "create_newjail returned {number}, not a number above 0"
    );
    Ok(number)
}

/// The number of the jail that the calling process is in.
pub fn number() -> Result<i64, Failure> {
    jail::get_jailnumber().context("get_jailnumber")
}

/// Whether the kernel has jails. One that has jaula built in and not enabled has none.
pub fn are_there() -> bool {
    !matches!(
        jail::get_jailnumber(),
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP)
    )
}

/// [`number`], where a kernel without jaula, or with jaula not enabled, has just the host.
///
/// What does not need jails can so be compared with such a kernel.
pub fn number_if_any() -> Result<i64, Errno> {
    match jail::get_jailnumber() {
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP) => Ok(0),
        other => other,
    }
}

/// Has a child make a jail and end; what create_newjail gave it, whose jail has gone by then.
pub fn try_to_make() -> Result<Result<i64, Errno>, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| {
        let answer = jail::create_newjail().unwrap_or_else(|errno| -i64::from(errno.0));
        i32::from(theirs.write_all(&answer.to_le_bytes()).is_err())
    })
    .context("fork")?;
    let mut answer = [0; 8];
    ours.read_exact(&mut answer)
        .context("hearing from the child")?;
    process::wait(child).context("waiting for the child")?;
    Ok(match i64::from_le_bytes(answer) {
        number if number > 0 => Ok(number),
        errno => Err(Errno(-errno as i32)),
    })
}

/// The number of a jail that was made, and has gone when this returns.
pub fn made_and_gone() -> Result<i64, Failure> {
    let number = try_to_make()?.context("create_newjail")?;
    // Who has ended is waited for before the kernel has let go of all that was of it.
    jailfs::wait_until_gone(number)?;
    Ok(number)
}

/// Starts a process that has so many children make a jail, one after the other, and end; its exit
/// status is 0 when all of them could.
pub fn churn(jails: usize) -> Result<libc::pid_t, Failure> {
    process::fork(|| {
        for _ in 0..jails {
            let made = process::in_child(|| i32::from(jail::create_newjail().is_err()));
            if made != Ok(process::Ended::Exited(0)) {
                return 1;
            }
        }
        0
    })
    .context("fork")
}

/// Gives the calling process System V tables of its own: nothing of other programs is in the
/// way, and what a case leaves behind goes away with its last process.
pub fn private_tables() -> Result<(), Failure> {
    ids::unshare(libc::CLONE_NEWIPC).context("unshare(CLONE_NEWIPC)")
}
