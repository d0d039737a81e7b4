// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes: which one is meant, and which are in a jail.

use std::ffi::c_int;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use procfs::process::{all_processes, Process, Stat};
use procfs::{FromRead, ProcError, ProcResult};
use rustix::process::{pidfd_open, PidfdFlags};
use serde::{Deserialize, Serialize};

use crate::jail::JailNumber;
use crate::signal::SignalNumber;
use crate::sys;
use crate::text::reason;

/// Where a process's own directory in /proc tells its jail.
const JAIL: &str = "attr/jaula/current";

/// How much is read of a file there. Its length, and that of what it is shortened to, is decided by
/// whoever runs in the jail: of a command line up to gigabytes.
const BOUND: u64 = 4096;

/// How long command lines are waited for. They are in the memory of a process, which can lie in a
/// file of a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process, told from a later one that was given the same number by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
        let stat = Process::new(pid).and_then(|process| stat(&process));
        let stat = stat.map_err(|error| format!("/proc/{pid}/stat: {error}"))?;
        Ok(ProcessId {
            pid,
            start: stat.starttime,
        })
    }

    /// Whether it still runs; one that has ended and is not waited for does not.
    pub fn is_running(self) -> bool {
        let stat = Process::new(self.pid).and_then(|process| stat(&process));
        stat.is_ok_and(|stat| {
            stat.starttime == self.start && !is_over(stat.state, stat.num_threads)
        })
    }

    /// Whether whoever has its number now is in this jail.
    pub fn is_in(self, number: JailNumber) -> bool {
        let jail = Process::new(self.pid).and_then(|process| jail_of(&process));
        jail.is_ok_and(|jail| jail == Some(number))
    }

    /// Takes hold of it, where it is in a jail that is meant; `None` where it is not, or has ended.
    pub fn hold_in(self, is_meant: impl Fn(JailNumber) -> bool) -> Result<Option<Held>, Errno> {
        let held = self.hold()?;
        // Of what is held, or of nothing that can be sent anything to: it has ended then.
        let jail = Process::new(self.pid).and_then(|process| jail_of(&process));
        Ok(held.filter(|_| jail.is_ok_and(|jail| jail.is_some_and(is_meant))))
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

    /// The same, by what is known to be a signal.
    pub fn signal(&self, signal: SignalNumber) -> Result<bool, Errno> {
        self.send(signal.get())
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
    /// Its command and arguments, shortened where they are long; its name in brackets where they are
    /// not known.
    pub command: Vec<String>,
    /// When it started, in ticks since the machine did.
    #[serde(skip)]
    pub start: u64,
}

impl Jailed {
    /// The process, told from a later one with its number.
    pub fn id(&self) -> ProcessId {
        ProcessId {
            pid: self.pid,
            start: self.start,
        }
    }

    /// Whether it has ended, and only waits to be waited for.
    pub fn has_ended(&self) -> bool {
        is_over(self.state, self.threads)
    }

    /// Whether the first of its threads has ended and others have not.
    pub fn has_lost_leader(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && !self.has_ended()
    }
}

/// Whether a process has ended, by the state of its first thread: that can end before the others, and
/// the process then looks like one that has.
fn is_over(state: char, threads: i64) -> bool {
    matches!(state, 'Z' | 'X') && threads <= 1
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Every process that is in a jail and that the caller may see, by jail and number, without their
/// command lines.
///
/// Nothing is read that a process could hold up.
///
/// # Errors
///
/// Where /proc is not there or does not tell jails.
pub fn jailed() -> Result<Vec<Jailed>, String> {
    let mut found = each(|process, jail| look(process, jail).map(Some))?;
    found.sort_by_key(|process| (process.jail, process.pid));
    Ok(found)
}

/// The processes that are in this jail, and that the caller may see, by number.
///
/// # Errors
///
/// As [`jailed`].
pub fn members(jail: JailNumber) -> Result<Vec<i32>, String> {
    let mut found = each(|process, of| Ok((of == jail).then_some(process.pid)))?;
    found.sort_unstable();
    Ok(found)
}

/// What `look` finds about each process that is in a jail. What ends while it is looked at, or may not
/// be seen, is not there.
fn each<T>(look: impl Fn(&Process, JailNumber) -> ProcResult<Option<T>>) -> Result<Vec<T>, String> {
    let own = format!("/proc/self/{JAIL}");
    let told = Process::myself().and_then(|process| read(&process, JAIL));
    told.map_err(|error| match errno(&error) {
        Some(Errno::ENOENT | Errno::EINVAL) => {
            format!("{own}: the running kernel does not tell the jail of a process there")
        }
        Some(errno) => format!("{own}: {}", reason(errno)),
        None => format!("{own}: {error}"),
    })?;
    let processes = all_processes().map_err(|error| format!("/proc: {error}"))?;
    let found = processes.filter_map(|process| {
        let process = process.ok()?;
        let jail = jail_of(&process).ok().flatten()?;
        look(&process, jail).ok().flatten()
    });
    Ok(found.collect())
}

fn errno(error: &ProcError) -> Option<Errno> {
    match error {
        ProcError::NotFound(_) => Some(Errno::ENOENT),
        ProcError::PermissionDenied(_) => Some(Errno::EACCES),
        ProcError::Io(error, _) => error.raw_os_error().map(Errno::from_raw),
        _ => None,
    }
}

fn look(process: &Process, jail: JailNumber) -> ProcResult<Jailed> {
    let stat = stat(process)?;
    let ticks = procfs::ticks_per_second().max(1);
    Ok(Jailed {
        jail,
        pid: stat.pid,
        parent: stat.ppid,
        // Not the owner of its directory, who is root for what may not be traced.
        uid: effective_user(process)?,
        state: stat.state,
        threads: stat.num_threads,
        memory: stat.rss.saturating_mul(procfs::page_size()),
        cpu: Duration::from_millis(
            stat.utime.saturating_add(stat.stime).saturating_mul(1000) / ticks,
        ),
        command: vec![format!("[{}]", stat.comm)],
        start: stat.starttime,
    })
}

/// The beginning of a file in the directory of a process; the whole of it where it is short.
fn read(process: &Process, name: &str) -> ProcResult<Vec<u8>> {
    let mut bytes = Vec::new();
    process
        .open_relative(name)?
        .take(BOUND)
        .read_to_end(&mut bytes)
        .map_err(|error| ProcError::Io(error, None))?;
    Ok(bytes)
}

fn stat(process: &Process) -> ProcResult<Stat> {
    Stat::from_read(&read(process, "stat")?[..])
}

/// The second number of its line `Uid:` (proc_pid_status(5)), which comes before all that can be long.
fn effective_user(process: &Process) -> ProcResult<u32> {
    let bytes = read(process, "status")?;
    let text = String::from_utf8_lossy(&bytes);
    let users = text.lines().find_map(|line| line.strip_prefix("Uid:"));
    let effective = users.and_then(|users| users.split_whitespace().nth(1)?.parse().ok());
    effective.ok_or_else(|| ProcError::Incomplete(Some("status".into())))
}

/// The jail of a process; `None` for the host.
fn jail_of(process: &Process) -> ProcResult<Option<JailNumber>> {
    let bytes = read(process, JAIL)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let number = text.trim_end().parse().ok().and_then(JailNumber::new);
    let number = number.ok_or_else(|| {
        ProcError::Io(
            io::Error::from(io::ErrorKind::InvalidData),
            Some(JAIL.into()),
        )
    })?;
    Ok((!number.is_host()).then_some(number))
}

/// Puts their command lines to `processes`, as far as they can be read.
///
/// One that cannot be read, or not in time, is no error: the name stays in its place.
pub fn add_commands(processes: &mut [Jailed]) {
    let wanted: Vec<ProcessId> = processes.iter().map(Jailed::id).collect();
    let (found, come) = mpsc::channel();
    // Left to itself where it is held up: it ends with this process. Where there can be none, nothing
    // comes.
    let _ = thread::Builder::new().spawn(move || {
        for (index, id) in wanted.into_iter().enumerate() {
            let command = command_of(id).unwrap_or_default();
            if found.send((index, command)).is_err() {
                return;
            }
        }
    });
    // Each has its time: where one is held up, those after it are not read.
    while let Ok((index, command)) = come.recv_timeout(PATIENCE) {
        if !command.is_empty() {
            processes[index].command = command;
        }
    }
}

fn command_of(id: ProcessId) -> ProcResult<Vec<String>> {
    let process = Process::new(id.pid)?;
    let command = read_command(&process)?;
    // It can have ended meanwhile, and another have its number.
    match stat(&process)?.starttime == id.start {
        true => Ok(command),
        false => Ok(Vec::new()),
    }
}

/// What a process was executed with, whatever bytes are in it; empty for a kernel thread.
fn read_command(process: &Process) -> ProcResult<Vec<String>> {
    let bytes = read(process, "cmdline")?;
    let arguments = bytes.split(|&byte| byte == 0);
    let arguments = arguments.filter(|argument| !argument.is_empty());
    let mut command: Vec<String> = arguments
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    if bytes.len() as u64 == BOUND {
        if let Some(last) = command.last_mut() {
            last.push('…');
        }
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_has_ended_when_all_of_its_threads_have() {
        assert!(is_over('Z', 1) && is_over('X', 0));
        assert!(!is_over('Z', 2) && !is_over('S', 1));
    }

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
            command = read_command(&process).expect("its command");
        }
        drop(child.stdin.take());
        child.wait().expect("wait");
        assert_eq!(command, ["sh", "-c", "read line", "-", "a\u{fffd}b"]);
    }

    #[test]
    fn a_long_command_is_shortened() {
        let mut child = Command::new("sh")
            .args(["-c", "read line", "-", "first"])
            .args(vec!["x".repeat(100_000); 10])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        let id = ProcessId::of(child.id() as i32).expect("the child");
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut command = Vec::new();
        while command.is_empty() && Instant::now() < deadline {
            command = command_of(id).expect("its command");
        }
        drop(child.stdin.take());
        child.wait().expect("wait");
        assert_eq!(command[..5], ["sh", "-c", "read line", "-", "first"][..]);
        let length: usize = command.iter().map(String::len).sum();
        assert!((4000..4200).contains(&length), "{length} bytes");
        assert!(command.last().is_some_and(|last| last.ends_with("x…")));
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
        held.signal(SignalNumber::TERM).expect("signal");
        assert!(held.wait(Duration::from_secs(60)).expect("poll"));
        assert!(!id.is_running(), "a zombie counts as running");
        child.wait().expect("wait");
        assert_eq!(held.signal(SignalNumber::TERM), Ok(false));
        assert!(id.hold().expect("pidfd").is_none());
    }
}
