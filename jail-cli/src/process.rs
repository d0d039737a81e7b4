// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes: which one is meant, and which are in a jail.

use std::ffi::c_int;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use procfs::process::{all_processes, Process};
use procfs::{ProcError, ProcResult};
use rustix::process::{pidfd_open, pidfd_send_signal, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use crate::jail::JailNumber;
use crate::sys;
use crate::text::reason;

/// Where a process's own directory in /proc tells its jail.
const JAIL: &str = "attr/jaula/current";

/// A process, told from a later one that was given the same number by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process id.
    pub pid: i32,
    /// When it started, in ticks of the clock since the machine did (proc_pid_stat(5)).
    pub start: u64,
}

impl ProcessId {
    /// The process that has this number now.
    ///
    /// # Errors
    ///
    /// A text that names what could not be read.
    pub fn of(pid: i32) -> Result<Self, String> {
        let stat = Process::new(pid).and_then(|process| process.stat());
        let stat = stat.map_err(|error| format!("/proc/{pid}/stat: {error}"))?;
        Ok(ProcessId {
            pid,
            start: stat.starttime,
        })
    }

    /// Whether it still runs; one that has ended and is not waited for does not.
    pub fn is_running(self) -> bool {
        let stat = Process::new(self.pid).and_then(|process| process.stat());
        stat.is_ok_and(|stat| stat.starttime == self.start && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Whether whoever has its number now is in this jail.
    pub fn is_in(self, number: JailNumber) -> bool {
        let jail = Process::new(self.pid).and_then(|process| jail_of(&process));
        jail.is_ok_and(|jail| jail == Some(number))
    }

    /// Takes hold of it; `None` where it has ended.
    pub fn hold(self) -> Result<Option<Held>, Errno> {
        let Some(pid) = rustix::process::Pid::from_raw(self.pid) else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Looked at once it is held: what is held cannot become another process.
            Ok(descriptor) => Ok(self.is_running().then_some(Held(descriptor))),
            // The last two where no process has the number any more, but a thread, a group or a
            // session: which of them it is depends on the kernel's version.
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {
                Ok(None)
            }
            Err(error) => Err(Errno::from_raw(error.raw_os_error())),
        }
    }
}

/// A process that is held, so that its number cannot come to mean another.
pub struct Held(OwnedFd);

impl Held {
    /// Sends it a signal, of whatever number; whether it was still there.
    pub fn send(&self, signal: c_int) -> Result<bool, Errno> {
        match sys::pidfd_send_signal(self.0.as_fd(), signal) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Asks it to end, with SIGTERM; no error where it has ended meanwhile.
    pub fn terminate(&self) -> Result<(), Errno> {
        match pidfd_send_signal(&self.0, Signal::TERM) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(Errno::from_raw(error.raw_os_error())),
        }
    }

    /// Waits until it has ended, `limit` at most; whether it has.
    pub fn wait(&self, limit: Duration) -> Result<bool, Errno> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Longer than poll(2) takes is waited for in parts.
            let part = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut ends = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ends, part) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// A process in a jail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Jailed {
    /// The jail.
    pub jail: JailNumber,
    /// The process id.
    pub pid: i32,
    /// The process it came of.
    pub parent: i32,
    /// The effective user.
    pub uid: u32,
    /// One letter: R, S, D, T, Z and so on (ps(1)).
    pub state: char,
    /// Its threads.
    pub threads: i64,
    /// Memory that it has in RAM, shared memory counted in full, in bytes.
    pub memory: u64,
    /// Processor time it has used.
    #[serde(rename = "cpu_seconds", serialize_with = "seconds")]
    pub cpu: Duration,
    /// Its command and arguments, or its name where they cannot be read.
    pub command: Vec<String>,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Every process that is in a jail and that the caller may see, by jail and number.
///
/// # Errors
///
/// Where /proc is not there or does not tell jails.
pub fn jailed() -> Result<Vec<Jailed>, String> {
    let own = format!("/proc/self/{JAIL}");
    fs::read_to_string(&own).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::EINVAL) => {
            format!("{own}: the running kernel does not tell the jail of a process there")
        }
        Some(errno) => format!("{own}: {}", reason(errno)),
        None => format!("{own}: {error}"),
    })?;
    let processes = all_processes().map_err(|error| format!("/proc: {error}"))?;
    // What ends while it is looked at, or may not be seen, is not there.
    let mut found: Vec<Jailed> = processes
        .filter_map(|process| look(&process.ok()?).ok().flatten())
        .collect();
    found.sort_by_key(|process| (process.jail, process.pid));
    Ok(found)
}

fn look(process: &Process) -> ProcResult<Option<Jailed>> {
    let Some(jail) = jail_of(process)? else {
        return Ok(None);
    };
    let stat = process.stat()?;
    let command = match command_of(process)? {
        command if command.is_empty() => vec![format!("[{}]", stat.comm)],
        command => command,
    };
    let ticks = procfs::ticks_per_second().max(1);
    Ok(Some(Jailed {
        jail,
        pid: stat.pid,
        parent: stat.ppid,
        // Not the owner of its directory, who is root for what may not be traced.
        uid: effective_user(process)?,
        state: stat.state,
        threads: stat.num_threads,
        memory: stat.rss * procfs::page_size(),
        cpu: Duration::from_millis((stat.utime + stat.stime) * 1000 / ticks),
        command,
    }))
}

/// The second number of its line `Uid:` (proc_pid_status(5)).
fn effective_user(process: &Process) -> ProcResult<u32> {
    let mut text = String::new();
    process
        .open_relative("status")?
        .read_to_string(&mut text)
        .map_err(|error| ProcError::Io(error, None))?;
    let users = text.lines().find_map(|line| line.strip_prefix("Uid:"));
    let effective = users.and_then(|users| users.split_whitespace().nth(1)?.parse().ok());
    effective.ok_or_else(|| ProcError::Incomplete(Some("status".into())))
}

/// What a process was executed with, whatever bytes are in it; empty for a kernel thread.
fn command_of(process: &Process) -> ProcResult<Vec<String>> {
    let mut bytes = Vec::new();
    process
        .open_relative("cmdline")?
        .read_to_end(&mut bytes)
        .map_err(|error| ProcError::Io(error, None))?;
    let arguments = bytes.split(|&byte| byte == 0);
    let arguments = arguments.filter(|argument| !argument.is_empty());
    Ok(arguments
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect())
}

/// The jail of a process; `None` for the host.
fn jail_of(process: &Process) -> ProcResult<Option<JailNumber>> {
    let mut text = String::new();
    process
        .open_relative(JAIL)?
        .read_to_string(&mut text)
        .map_err(|error| ProcError::Io(error, None))?;
    let number = text.trim_end().parse().ok().and_then(JailNumber::new);
    let number = number.ok_or_else(|| {
        ProcError::Io(
            io::Error::from(io::ErrorKind::InvalidData),
            Some(JAIL.into()),
        )
    })?;
    Ok((!number.is_host()).then_some(number))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_command_is_shown_whatever_is_in_it() {
        let mut child = Command::new("sh")
            .args(["-c", "read line", "-"])
            .arg(OsStr::from_bytes(b"a\xffb"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        let process = Process::new(child.id() as i32).expect("the child");
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut command = Vec::new();
        // It counts as executed shortly before the kernel has its arguments.
        while command.is_empty() && Instant::now() < deadline {
            command = command_of(&process).expect("its command");
        }
        drop(child.stdin.take());
        child.wait().expect("wait");
        assert_eq!(command, ["sh", "-c", "read line", "-", "a\u{fffd}b"]);
    }

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number() {
        let own = ProcessId::of(std::process::id() as i32).expect("this process");
        assert!(own.is_running());
        assert!(own.hold().expect("pidfd").is_some());
        let other = ProcessId {
            start: own.start + 1,
            ..own
        };
        assert!(!other.is_running());
        assert!(other.hold().expect("pidfd").is_none());
    }

    #[test]
    fn a_number_that_only_a_thread_has_is_no_process() {
        let thread = std::thread::spawn(|| {
            let id = ProcessId {
                pid: nix::unistd::gettid().as_raw(),
                start: 0,
            };
            id.hold().map(|held| held.is_none())
        });
        assert_eq!(thread.join().expect("joined"), Ok(true));
    }

    #[test]
    fn a_process_that_is_held_can_be_ended_and_waited_for() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let id = ProcessId::of(child.id() as i32).expect("the child");
        let held = id.hold().expect("pidfd").expect("running");
        assert!(!held.wait(Duration::from_millis(20)).expect("poll"));
        held.terminate().expect("signal");
        assert!(held.wait(Duration::from_secs(60)).expect("poll"));
        assert!(!id.is_running(), "a zombie counts as running");
        child.wait().expect("wait");
        held.terminate().expect("no error for one that has ended");
        assert!(id.hold().expect("pidfd").is_none());
    }
}
