// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system calls and files of the module.

use super::Who;
use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::sys::jailfd::{self, ADMINISTER, ATTACH, OWN};
use jaula_tests::sys::{ids, jail as call, peer, process, trace, Errno};
use jaula_tests::{check, check_eq, jail, jailfs};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

pub fn add(suite: &mut Suite<'_>, who: Who) {
    let name = who.name();
    suite.case(
        &format!("{name}: makes, enters and ends no jail"),
        move || {
            let inmate = Inmate::start(|| Ok(()))?;
            who.tries(|| no_calls(inmate.number))?;
            still_there(&inmate)
        },
    );
    suite.case(
        &format!("{name}: a descriptor for reading gives no more"),
        move || {
            let inmate = Inmate::start(|| Ok(()))?;
            who.tries(|| no_more_by_descriptor(inmate.number))?;
            still_there(&inmate)
        },
    );
    suite.case(
        &format!("{name}: writes to no file about jails"),
        move || {
            let target = Target::start(super::USER)?;
            who.tries(|| no_files(target.number(), target.pid))?;
            still_there(&target.inmate)
        },
    );
    suite.case(
        &format!("{name}: neither signals nor looks at its own number in a jail"),
        move || {
            let target = Target::start(super::USER)?;
            who.tries(|| no_process(target.pid))?;
            still_there(&target.inmate)
        },
    );
}

fn still_there(inmate: &Inmate) -> CaseResult {
    check_eq!(
        jailfs::read(inmate.number, "state"),
        Ok("alive".into()),
        "state"
    );
    check_eq!(
        jailfs::read(inmate.number, "name"),
        Ok(String::new()),
        "name"
    );
    jaula_tests::procfs::state(inmate.pid).map(drop)
}

/// A process of a user in a jail, bound by it.
pub struct Target {
    inmate: Inmate,
    pub pid: libc::pid_t,
}

impl Target {
    pub fn start(user: u32) -> Result<Target, Failure> {
        let (ours, mut theirs) = UnixStream::pair().context("socketpair")?;
        let inmate = Inmate::start(|| {
            process::fork(|| {
                let ready = ids::become_user(user)
                    .and_then(|()| process::end_with_parent())
                    // What has changed its user can be looked at by root alone.
                    .and_then(|()| peer::set_dumpable());
                if ready.is_err() || writeln!(theirs, "{}", process::pid()).is_err() {
                    return 1;
                }
                wait_for_ever()
            })
            .context("fork")
            .map(drop)
        })?;
        drop(theirs);
        let mut line = String::new();
        BufReader::new(ours)
            .read_line(&mut line)
            .context("hearing from the process in the jail")?;
        let pid = line.trim_end().parse();
        let pid = pid.map_err(|_| fail(format!("the process in the jail: {line:?}")))?;
        Ok(Target { inmate, pid })
    }

    pub fn number(&self) -> i64 {
        self.inmate.number
    }
}

pub fn no_calls(number: i64) -> CaseResult {
    let eperm = Err(Errno::EPERM);
    check_eq!(call::create_newjail(), Err(Errno::EPERM), "create_newjail");
    let made = jailfd::create_owned_jail(OWN, 0).map(drop);
    check_eq!(made, eperm, "create_owned_jail");
    check_eq!(call::attach_jail(number), eperm, "attach_jail");
    check_eq!(call::destroy_jail(number), eperm, "destroy_jail");
    for rights in [ATTACH, ADMINISTER, ATTACH | ADMINISTER] {
        let opened = jailfd::open_jail(OWN, number, rights).map(drop);
        check_eq!(opened, eperm, "open_jail with rights {rights}");
    }
    check_eq!(jail::number()?, 0, "the jail afterwards");
    Ok(())
}

fn no_more_by_descriptor(number: i64) -> CaseResult {
    // What everybody may know is no secret.
    let opened = jailfd::open_jail(OWN, number, 0).context("open_jail for reading")?;
    let jail = opened.as_raw_fd();
    for (name, got) in [
        ("attach_jailfd", jailfd::attach_jailfd(jail, 0)),
        ("destroy_jailfd", jailfd::destroy_jailfd(jail, 0)),
        ("disown_jail", jailfd::disown_jail(jail, 0)),
        (
            "create_owned_jail",
            jailfd::create_owned_jail(jail, 0).map(drop),
        ),
        (
            "open_jail with more rights",
            jailfd::open_jail(jail, number, ATTACH).map(drop),
        ),
    ] {
        check!(got.is_err(), "{name} succeeds");
    }
    check_eq!(jail::number()?, 0, "the jail afterwards");
    Ok(())
}

pub fn no_files(number: i64, pid: libc::pid_t) -> CaseResult {
    for file in jailfs::WRITABLE.iter().chain(&jailfs::READ_ONLY) {
        let path = jailfs::path(number, file);
        let opened = File::options().write(true).open(&path);
        check!(opened.is_err(), "{path} is opened to be written");
    }
    for path in [
        format!("{}/made", jailfs::ROOT),
        jailfs::path(number, "made"),
    ] {
        check!(fs::create_dir(&path).is_err(), "{path} is made");
        check!(File::create(&path).is_err(), "{path} is made");
    }
    let own = jailfs::path(number, "");
    check!(fs::remove_dir(&own).is_err(), "{own} is removed");
    check!(
        fs::remove_file(jailfs::path(number, "name")).is_err(),
        "a file is removed"
    );
    for who in [pid.to_string(), "self".into()] {
        let path = format!("/proc/{who}/attr/jaula/current");
        let written = fs::write(&path, format!("{number}\n"));
        check!(written.is_err(), "{path} is written");
    }
    check_eq!(jail::number()?, 0, "the jail afterwards");
    Ok(())
}

pub fn no_process(pid: libc::pid_t) -> CaseResult {
    check_eq!(process::kill(pid, 0), Ok(()), "asking for it");
    for signal in [libc::SIGUSR1, libc::SIGSTOP, libc::SIGKILL] {
        let got = process::kill(pid, signal);
        check_eq!(got, Err(Errno::EPERM), "signal {signal}");
    }
    check_eq!(trace::seize(pid, 0), Err(Errno::EPERM), "PTRACE_SEIZE");
    let process = peer::pidfd(pid).context("pidfd_open")?;
    let taken = peer::take_descriptor(&process, 0).map(drop);
    check_eq!(taken, Err(Errno::EPERM), "pidfd_getfd");
    for file in [
        "environ", "maps", "mem", "root", "cwd", "exe", "fd/0", "ns/mnt",
    ] {
        let path = format!("/proc/{pid}/{file}");
        check!(File::open(&path).is_err(), "{path} is opened");
    }
    Ok(())
}
