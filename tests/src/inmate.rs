// SPDX-License-Identifier: MIT OR Apache-2.0

//! A process that enters a jail, does something there and then waits to be ended.

use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::sys::jail as call;
use crate::sys::process::{self, Ended};
use crate::sys::trace;
use crate::{check_eq, jail, wait};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A process in a jail. Killed when this is dropped.
pub struct Inmate {
    /// Its process number.
    pub pid: libc::pid_t,
    /// The number of its jail.
    pub number: i64,
    /// It ends when this does: whoever is in another jail by then cannot signal it.
    tie: UnixStream,
}

impl Inmate {
    /// Starts a process that enters a new jail and then does what `inside` says.
    pub fn start(inside: impl FnOnce() -> CaseResult) -> Result<Inmate, Failure> {
        Inmate::start_by(jail::enter, inside)
    }

    /// Starts a process that enters a jail by `enter` and then does what `inside` says. Returns
    /// when it has done it.
    pub fn start_by(
        enter: impl FnOnce() -> Result<i64, Failure>,
        inside: impl FnOnce() -> CaseResult,
    ) -> Result<Inmate, Failure> {
        let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
        let pid = process::fork(|| {
            let answer = enter().and_then(|number| inside().map(|()| number));
            let text = match &answer {
                Ok(number) => format!("{number}\n"),
                Err(failure) => format!("{failure}\n"),
            };
            let told = theirs.write_all(text.as_bytes());
            if answer.is_err() || told.is_err() {
                return 1;
            }
            // Nothing is ever sent.
            let _ = theirs.read(&mut [0]);
            0
        })
        .context("fork")?;
        let mut inmate = Inmate {
            pid,
            number: 0,
            tie: ours.try_clone().context("dup")?,
        };
        let mut answer = Vec::new();
        let mut byte = [0];
        // To the end of the line: other processes may hold the stream open.
        while !answer.ends_with(b"\n") {
            ours.read_exact(&mut byte)
                .context("hearing from a process in a jail")?;
            answer.extend(byte);
        }
        let answer = String::from_utf8_lossy(&answer);
        inmate.number = answer
            .trim_end()
            .parse()
            .map_err(|_| fail(format!("in a jail: {}", answer.trim_end())))?;
        Ok(inmate)
    }

    /// Starts a process that enters a jail which exists, and then does what `inside` says.
    pub fn start_in(number: i64, inside: impl FnOnce() -> CaseResult) -> Result<Inmate, Failure> {
        Inmate::start_by(
            || {
                call::attach_jail(number).context("attach_jail")?;
                jail::number()
            },
            inside,
        )
    }

    /// Starts a process that enters a new jail within `number`, and then does what `inside` says.
    pub fn start_within(
        number: i64,
        inside: impl FnOnce() -> CaseResult,
    ) -> Result<Inmate, Failure> {
        Inmate::start_by(
            || {
                call::attach_jail(number).context("attach_jail")?;
                jail::enter()
            },
            inside,
        )
    }

    /// Fails unless the process has been killed, which is waited for.
    pub fn check_killed(&self) -> CaseResult {
        check_eq!(
            process::wait(self.pid),
            Ok(Ended::Signaled(libc::SIGKILL)),
            "process {} in jail {}",
            self.pid,
            self.number
        );
        Ok(())
    }
}

impl Drop for Inmate {
    fn drop(&mut self) {
        let _ = process::kill(self.pid, libc::SIGKILL);
        let _ = self.tie.shutdown(Shutdown::Both);
        let _ = process::wait(self.pid);
    }
}

/// A jail that does not end before the caller has waited for a process in it, which is returned: the
/// first process of a PID namespace waits for all others in it, and one that is traced goes when
/// its tracer has waited for it. Entered as [`Inmate::start_by`] does it.
pub fn reluctant(
    enter: impl FnOnce() -> Result<i64, Failure>,
) -> Result<(Inmate, libc::pid_t), Failure> {
    let inmate = Inmate::start_by(enter, || {
        let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
        process::clone(flags, || {
            let _ = process::fork(|| wait_for_ever());
            wait_for_ever()
        })
        .map(drop)
        .context("clone(CLONE_NEWPID)")
    })?;
    let child = only_child(inmate.pid)?;
    let grandchild = only_child(child)?;
    trace::seize(grandchild, 0).context("PTRACE_SEIZE")?;
    Ok((inmate, grandchild))
}

fn only_child(pid: libc::pid_t) -> Result<libc::pid_t, Failure> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    wait::until_some(&format!("{path} names one child"), || {
        let text = std::fs::read_to_string(&path).context(&path)?;
        Ok(text.trim().parse().ok())
    })
}

/// Forks for ever, as all its children do.
///
/// Who is refused waits a little. The kernel frees the stack of a process that it has refused when all
/// processors have come to rest, and bombs that never do so use up a small machine's memory before.
pub fn explode() -> i32 {
    loop {
        if process::fork(explode).is_err() {
            std::thread::sleep(REFUSED);
        }
        let _ = process::try_wait(-1);
    }
}

/// How long that is.
const REFUSED: Duration = Duration::from_millis(20);

/// Waits until the process is ended.
pub fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}
