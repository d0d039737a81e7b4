// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is done to a process, and what it takes from above.

use jaula_tests::jailfs;
use jaula_tests::sys::schedule::{self, Whose};
use jaula_tests::sys::{ids, peer, process, trace, Errno, Result as SysResult};
use std::fs::{File, OpenOptions};

/// Something that one process does to another.
pub struct Deed {
    pub name: &'static str,
    pub attempt: fn(libc::pid_t) -> SysResult<()>,
    /// The capability that it takes from above.
    pub needs: u32,
    /// How it fails without.
    pub refused: Errno,
    /// The file in which its refusal is counted; looks are not.
    pub counter: Option<&'static str>,
    /// Whether root of a jail has what it takes, unless somebody says otherwise.
    pub for_root_of_jail: bool,
}

pub const DEEDS: [Deed; 9] = [
    Deed {
        name: "kill",
        attempt: |pid| process::kill(pid, libc::SIGUSR1),
        needs: ids::CAP_KILL,
        refused: Errno::EPERM,
        counter: Some("refusals.signal"),
        for_root_of_jail: true,
    },
    Deed {
        name: "reading environ",
        attempt: |pid| open(File::options().read(true), pid, "environ"),
        needs: ids::CAP_SYS_PTRACE,
        refused: Errno::EACCES,
        counter: None,
        for_root_of_jail: true,
    },
    Deed {
        name: "following the link root",
        attempt: |pid| open(File::options().read(true), pid, "root"),
        needs: ids::CAP_SYS_PTRACE,
        refused: Errno::EACCES,
        counter: None,
        for_root_of_jail: true,
    },
    Deed {
        name: "opening oom_score_adj to be written",
        attempt: |pid| open(File::options().write(true), pid, "oom_score_adj"),
        needs: ids::CAP_SYS_PTRACE,
        refused: Errno::EACCES,
        counter: Some("refusals.proc"),
        for_root_of_jail: false,
    },
    Deed {
        name: "PTRACE_SEIZE",
        attempt: |pid| {
            // A process has one tracer; this one lets it go when it ends.
            match process::in_child(|| trace::seize(pid, 0).map_or_else(|errno| errno.0, |()| 0))? {
                process::Ended::Exited(0) => Ok(()),
                process::Ended::Exited(errno) => Err(Errno(errno)),
                process::Ended::Signaled(_) => Err(Errno::EIO),
            }
        },
        needs: ids::CAP_SYS_PTRACE,
        refused: Errno::EPERM,
        counter: Some("refusals.ptrace"),
        for_root_of_jail: false,
    },
    Deed {
        name: "setpriority",
        attempt: |pid| schedule::set_nice(Whose::Process, pid.unsigned_abs(), 5),
        needs: ids::CAP_SYS_NICE,
        refused: Errno::EPERM,
        counter: Some("refusals.sched"),
        for_root_of_jail: false,
    },
    Deed {
        name: "sched_setaffinity",
        attempt: schedule::set_affinity,
        needs: ids::CAP_SYS_NICE,
        refused: Errno::EPERM,
        counter: Some("refusals.sched"),
        for_root_of_jail: false,
    },
    Deed {
        name: "ioprio_set",
        attempt: schedule::set_io_priority,
        needs: ids::CAP_SYS_NICE,
        refused: Errno::EPERM,
        counter: Some("refusals.sched"),
        for_root_of_jail: false,
    },
    Deed {
        name: "prlimit, setting",
        attempt: |pid| schedule::set_limit(pid, [1 << 40, u64::MAX]),
        needs: ids::CAP_SYS_RESOURCE,
        refused: Errno::EPERM,
        counter: Some("refusals.sched"),
        for_root_of_jail: false,
    },
];

/// What only asks.
type Question = (&'static str, fn(libc::pid_t) -> SysResult<()>);

pub const QUESTIONS: [Question; 8] = [
    ("kill with signal 0", |pid| process::kill(pid, 0)),
    ("getpriority", |pid| schedule::nice_of(pid).map(drop)),
    ("sched_getscheduler", schedule::policy),
    ("sched_getaffinity", schedule::affinity),
    ("prlimit, reading", |pid| schedule::limit(pid).map(drop)),
    ("getpgid", |pid| peer::group_of(pid).map(drop)),
    ("getsid", |pid| peer::session_of(pid).map(drop)),
    ("capget", ids::read_capabilities_of),
];

fn open(options: &OpenOptions, pid: libc::pid_t, file: &str) -> SysResult<()> {
    match options.open(format!("/proc/{pid}/{file}")) {
        Ok(_) => Ok(()),
        Err(error) => Err(jailfs::errno(&error)),
    }
}
