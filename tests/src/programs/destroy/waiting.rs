// SPDX-License-Identifier: MIT OR Apache-2.0

//! The callers of destroy_jail, and a jail that takes its time to end.

use jaula_tests::inmate::reluctant;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{jail as call, Errno, Result as SysResult};
use jaula_tests::{check, check_eq, jail, jailfs, procfs, wait};

fn wait_until_dying(number: i64) -> CaseResult {
    wait::until(&format!("jail {number} is dying"), || {
        Ok(jailfs::read(number, "state") == Ok("dying".to_owned()))
    })
}

/// A process that destroys the jail, and exits with 0, or with the error number.
fn destroyer(number: i64) -> Result<libc::pid_t, Failure> {
    process::fork(move || {
        if process::interrupt_on(libc::SIGUSR1).is_err() {
            return 200;
        }
        call::destroy_jail(number).map_or_else(|errno| errno.0, |()| 0)
    })
    .context("fork")
}

pub fn interrupted() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let destroyer = destroyer(inmate.number)?;
    wait_until_dying(inmate.number)?;
    check_eq!(process::try_wait(destroyer), Ok(None), "before the signal");
    // More than once: the signal may come before the wait.
    let ended = wait::until_some("the call is interrupted", || {
        process::kill(destroyer, libc::SIGUSR1).context("kill")?;
        process::nap();
        process::try_wait(destroyer).context("wait")
    })?;
    check_eq!(
        ended,
        Ended::Exited(libc::EINTR),
        "the call that was interrupted"
    );
    check_eq!(
        jailfs::read(inmate.number, "state"),
        Ok("dying".to_owned()),
        "the state of the jail"
    );
    process::wait(traced).context("waiting for what is traced")?;
    // The call waits for what goes on, or comes too late.
    let again = call::destroy_jail(inmate.number);
    check!(
        matches!(again, Ok(()) | Err(Errno::ESRCH)),
        "a second call: {again:?}"
    );
    jailfs::check_gone(inmate.number)
}

pub fn several() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let destroyers = (0..6)
        .map(|_| destroyer(inmate.number))
        .collect::<Result<Vec<_>, _>>()?;
    wait_until_dying(inmate.number)?;
    for destroyer in &destroyers {
        procfs::wait_until_asleep(*destroyer)?;
        check_eq!(process::try_wait(*destroyer), Ok(None), "while it ends");
    }
    process::wait(traced).context("waiting for what is traced")?;
    let ended: SysResult<Vec<_>> = destroyers.into_iter().map(process::wait).collect();
    check_eq!(ended, Ok(vec![Ended::Exited(0); 6]), "all of them");
    jailfs::check_gone(inmate.number)
}

pub fn no_entry() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let destroyer = destroyer(inmate.number)?;
    wait_until_dying(inmate.number)?;
    // This process traces one of the jail's, and could not enter any.
    let attached = process::in_child(|| match call::attach_jail(inmate.number) {
        Err(errno) => errno.0,
        Ok(_) => 0,
    });
    check_eq!(attached, Ok(Ended::Exited(libc::ESRCH)), "attach_jail");
    check_eq!(
        jailfs::write(inmate.number, "persist", "1"),
        Err(Errno::ENODEV),
        "keeping it"
    );
    process::wait(traced).context("waiting for what is traced")?;
    check_eq!(process::wait(destroyer), Ok(Ended::Exited(0)), "the end");
    jailfs::check_gone(inmate.number)
}
