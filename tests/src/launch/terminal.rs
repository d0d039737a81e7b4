// SPDX-License-Identifier: MIT OR Apache-2.0

//! A terminal with somebody at it.

use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::procfs;
use crate::sys::process::{self, Ended};
use crate::sys::tty;
use crate::wait::{self, PATIENCE};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

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
        let leader = process::fork(|| {
            // Else it would never hang up.
            tty::forget(&master);
            match tty::take_over(&slave) {
                Ok(()) => lead(command),
                Err(_) => 255,
            }
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

    /// Types what may be more than is taken at once, while the caller goes on.
    pub fn send_meanwhile(&self, text: &str) -> CaseResult {
        let mut master = self.master.try_clone().context("dup")?;
        let text = text.to_owned();
        std::thread::spawn(move || master.write_all(text.as_bytes()));
        Ok(())
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

    /// Waits until a shell carries out what is typed, and reads again. The answer differs from what
    /// is typed. Before its prompt the terminal is not in the shell's mode yet, and an end of input
    /// that nobody waits for is lost.
    pub fn ready(&mut self) -> CaseResult {
        self.send("echo $((6*7))-ready\r")?;
        self.expect("42-ready")?;
        self.expect("$ ").map(drop)
    }

    /// Waits until a shell has given the terminal to what it runs, and that can be stopped and
    /// interrupted from there: the child of a shell takes the foreground first and gives up the
    /// shell's own treatment of the signals after that.
    pub fn wait_for_job(&self, shell: libc::pid_t) -> CaseResult {
        wait::until("the command has the terminal", || {
            let job = self.foreground()?;
            Ok(job != shell && treats_by_default(job, &[libc::SIGTSTP, libc::SIGINT])?)
        })
    }

    /// Waits until a process of this name is in the foreground of a terminal, whichever that is, and
    /// can be stopped and interrupted from there; its number.
    pub fn wait_for_foreground(&self, name: &str) -> Result<libc::pid_t, Failure> {
        wait::until_some("the command has its terminal", || {
            let is_it = |pid: &libc::pid_t| {
                // What ends meanwhile is not it.
                let group = procfs::stat(*pid, 5).ok();
                group.is_some()
                    && group == procfs::stat(*pid, 8).ok()
                    && procfs::name(*pid).is_ok_and(|found| found == name)
                    && treats_by_default(*pid, &[libc::SIGTSTP, libc::SIGINT]).unwrap_or(false)
            };
            Ok(procfs::processes()?.into_iter().find(is_it))
        })
    }

    /// The session leader.
    pub fn leader(&self) -> libc::pid_t {
        self.leader
    }

    /// Changes its size.
    pub fn resize(&self, rows: u16, columns: u16) -> CaseResult {
        tty::resize(self.master.as_fd(), rows, columns).context("TIOCSWINSZ")
    }

    /// Hangs up.
    pub fn hang_up(self) -> CaseResult {
        drop(self.master);
        wait::until("the session leader has ended", || {
            process::try_wait(self.leader)
                .map(|ended| ended.is_some())
                .context("waiting for the session leader")
        })
    }

    /// Waits until the session leader has ended, whichever way.
    pub fn wait_for_leader(&mut self) -> CaseResult {
        wait::until("the session leader has ended", || {
            self.look()?;
            let ended = process::try_wait(self.leader);
            Ok(ended.context("waiting for the session leader")?.is_some())
        })
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> Result<bool, Failure> {
        tty::echoes(self.master.as_fd()).context("tcgetattr")
    }

    /// Waits for the end; the status of the command, which must have given the terminal back.
    pub fn finish(mut self) -> Result<i32, Failure> {
        let ended = wait::until_some("the session leader has ended", || {
            self.look()?;
            process::try_wait(self.leader).context("waiting for the session leader")
        });
        let what = match ended {
            Ok(Ended::Exited(status)) if status < NOT_GIVEN_BACK => return Ok(status),
            Ok(Ended::Exited(NOT_GIVEN_BACK)) => {
                "the terminal's foreground is not the caller's again".to_owned()
            }
            Ok(ended) => format!("the session leader: {ended}"),
            Err(failure) => failure.message,
        };
        Err(fail(format!("{what}; it shows:\n{}", self.shown)))
    }

    /// Takes in what is shown by now: who writes to a terminal that nobody reads waits in the end.
    fn look(&mut self) -> CaseResult {
        while tty::readable(self.master.as_fd(), Duration::ZERO).context("poll")? {
            let mut buffer = [0; 1024];
            match self.master.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    self.shown += &String::from_utf8_lossy(&buffer[..length]);
                }
                // Nobody has the other side open any more.
                _ => return Ok(()),
            }
        }
        Ok(())
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

/// Whether a process neither ignores nor handles the signals.
fn treats_by_default(pid: libc::pid_t, signals: &[i32]) -> Result<bool, Failure> {
    let who = pid.to_string();
    for name in ["SigIgn", "SigCgt"] {
        let mask = procfs::status(&who, name)?;
        let mask = u64::from_str_radix(&mask, 16)
            .map_err(|error| fail(format!("{name} of process {pid}: {error}: {mask}")))?;
        if signals.iter().any(|signal| mask >> (signal - 1) & 1 == 1) {
            return Ok(false);
        }
    }
    Ok(true)
}
