// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two processes in lockstep.

use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::sys::process::{self, Ended};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A child that stops at each step until it is told to go on.
pub struct Steps {
    pid: libc::pid_t,
    stream: UnixStream,
}

impl Steps {
    /// Runs `child` in a forked process; it calls its argument between its steps.
    pub fn start(
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
    pub fn advance(&mut self) -> CaseResult {
        self.stream
            .write_all(b"x")
            .context("telling the child to go on")?;
        self.reached()
    }

    /// Lets the child go on to its end.
    pub fn finish(mut self) -> CaseResult {
        self.stream
            .write_all(b"x")
            .context("telling the child to go on")?;
        let ended = process::wait(self.pid).context("waiting for the child")?;
        crate::check_eq!(ended, Ended::Exited(0), "the child");
        Ok(())
    }
}
