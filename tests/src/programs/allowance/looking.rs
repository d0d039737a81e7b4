// SPDX-License-Identifier: MIT OR Apache-2.0

//! What root of a jail sees of the processes in it, and what it does to them.

use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, peer, trace, Errno};
use jaula_tests::{check_eq, jailfs, procfs};
use std::fs;

const USER: u32 = 1000;

/// A jail with a process of a user in it, which is bound.
fn with_user() -> Result<(Inmate, libc::pid_t), Failure> {
    let inmate = Inmate::start(|| {
        let child = process::fork(|| match ids::become_user(USER) {
            // Whoever has changed its user cannot be looked at by that user either, unless it says so.
            Ok(()) if peer::set_dumpable().is_ok() => wait_for_ever(),
            _ => 1,
        });
        child.map(drop).context("fork")
    })?;
    let is_user = |pid: &libc::pid_t| {
        let users = procfs::status(&pid.to_string(), "Uid");
        users.is_ok_and(|users| users.starts_with("1000"))
    };
    for _ in 0..500 {
        let members = procfs::members(inmate.number)?;
        if let Some(pid) = members.into_iter().find(is_user) {
            return Ok((inmate, pid));
        }
        process::nap();
    }
    Err(fail("the user's process has not come up"))
}

/// What each of some ways to look at a process gives, as a process that the jail binds.
fn looks(pid: libc::pid_t) -> [(&'static str, Result<(), Errno>); 5] {
    let path = |file: &str| format!("/proc/{pid}/{file}");
    let read = |file: &str| {
        fs::read(path(file))
            .map(drop)
            .map_err(|error| jailfs::errno(&error))
    };
    let link = |file: &str| {
        fs::read_link(path(file))
            .map(drop)
            .map_err(|error| jailfs::errno(&error))
    };
    [
        ("environ", read("environ")),
        ("maps", read("maps")),
        ("exe", link("exe")),
        ("root", link("root")),
        ("get_robust_list", peer::robust_list(pid)),
    ]
}

/// Does something as a process that the jail binds.
fn bound_in(inmate: &Inmate, what: impl FnOnce() -> CaseResult) -> CaseResult {
    Inmate::start_in(inmate.number, || {
        let ended = process::in_child(|| match what() {
            Ok(()) => 0,
            Err(failure) => {
                println!("# {failure}");
                1
            }
        });
        check_eq!(ended, Ok(Ended::Exited(0)), "in the jail");
        Ok(())
    })
    .map(drop)
}

pub fn at_others() -> CaseResult {
    let (inmate, pid) = with_user()?;
    bound_in(&inmate, || {
        for (name, got) in looks(pid) {
            check_eq!(got, Ok(()), "{name}");
        }
        Ok(())
    })
}

pub fn attaching() -> CaseResult {
    let (inmate, pid) = with_user()?;
    bound_in(&inmate, || {
        check_eq!(trace::seize(pid, 0), Err(Errno::EPERM), "PTRACE_SEIZE");
        let address = peer::address_of(&jaula_tests::escape::MEMORY);
        let read = peer::read_memory(pid, address, 4).map(drop);
        check_eq!(read, Err(Errno::EPERM), "process_vm_readv");
        let opened = fs::File::open(format!("/proc/{pid}/mem")).map(drop);
        check_eq!(
            opened.map_err(|error| jailfs::errno(&error)),
            Err(Errno::EACCES),
            "mem"
        );
        Ok(())
    })?;
    jailfs::set(inmate.number, "allow", "+sys_ptrace")?;
    bound_in(&inmate, || {
        trace::seize(pid, 0).context("PTRACE_SEIZE with sys_ptrace")
    })
}

pub fn by_user() -> CaseResult {
    let (inmate, pid) = with_user()?;
    bound_in(&inmate, || {
        ids::become_user(USER + 1).context("becoming another user")?;
        for (name, got) in looks(pid) {
            let expected = if name.starts_with("get") {
                Errno::EPERM
            } else {
                Errno::EACCES
            };
            check_eq!(got, Err(expected), "{name}");
        }
        Ok(())
    })
}

pub fn at_launcher() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let launcher = inmate.pid;
    bound_in(&inmate, || {
        for (name, got) in looks(launcher) {
            let expected = if name.starts_with("get") {
                Errno::EPERM
            } else {
                Errno::EACCES
            };
            check_eq!(got, Err(expected), "{name}");
        }
        Ok(())
    })
}
