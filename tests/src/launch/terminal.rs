// SPDX-License-Identifier: MIT OR Apache-2.0

//! A terminal with somebody at it.

use crate::ktap::{fail, Context, Failure};
use crate::sys::process::{self, Ended};
use crate::sys::tty;
use crate::wait::PATIENCE;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Instant;

/// What the session leader adds to the status of its command when it did not get its terminal
/// back.
const NOT_GIVEN_BACK: i32 = 200;

/// A command on a terminal of its own, started by a session leader as by an interactive shell.
pub struct Terminal {
    master: File,
    leader: libc::pid_t,
    shown: String,
}

impl Terminal {
    /// Starts the command.
    pub fn start(command: &mut Command) -> Result<Terminal, Failure> {
        let (master, slave) = tty::open().context("openpty")?;
        let leader = process::fork(|| match tty::take_over(&slave) {
            Ok(()) => lead(command),
            Err(_) => 255,
        })
        .context("fork")?;
        Ok(Terminal {
            master: File::from(master),
            leader,
            shown: String::new(),
        })
    }

    /// Types.
    pub fn send(&mut self, text: &str) -> Result<(), Failure> {
        self.master.write_all(text.as_bytes()).context("typing")
    }

    /// Waits until the text is shown; what is shown up to its end is then forgotten.
    pub fn expect(&mut self, text: &str) -> Result<String, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return Ok(std::mem::replace(&mut self.shown, rest));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let ready = tty::readable(self.master.as_fd(), left).context("poll")?;
            crate::check!(ready, "'{text}' is not shown:\n{}", self.shown);
            let mut buffer = [0; 1024];
            match self.master.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    self.shown += &String::from_utf8_lossy(&buffer[..length]);
                }
                _ => return Err(fail(format!("the end before '{text}':\n{}", self.shown))),
            }
        }
    }

    /// The process group in the foreground.
    pub fn foreground(&self) -> Result<libc::pid_t, Failure> {
        tty::foreground(self.master.as_fd()).context("tcgetpgrp")
    }

    /// Waits for the end; the status of the command, which must have given the terminal back.
    pub fn finish(self) -> Result<i32, Failure> {
        match process::wait(self.leader).context("waiting for the session leader")? {
            Ended::Exited(status) if status < NOT_GIVEN_BACK => Ok(status),
            Ended::Exited(NOT_GIVEN_BACK) => {
                Err(fail("the terminal's foreground is not the caller's again"))
            }
            ended => Err(fail(format!("the session leader: {ended}"))),
        }
    }
}

fn lead(command: &mut Command) -> i32 {
    let status = command.status().ok().and_then(|status| status.code());
    let own = process::pid();
    match (tty::foreground(std::io::stdin().as_fd()), status) {
        (Ok(group), Some(status)) if group == own => status,
        (_, Some(_)) => NOT_GIVEN_BACK,
        _ => 255,
    }
}
