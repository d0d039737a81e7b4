// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who may make a jail, and when.

use jaula_tests::inmate::wait_for_ever;
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, shared_memory, trace, Errno};
use jaula_tests::{check, check_eq, jail, wait};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// The argument by which this program, executed, tells whether it is refused a jail.
const REFUSED: &str = "--refused";

/// Tries to make a jail, which must fail, where the program was executed for that.
pub fn act() -> Option<ExitCode> {
    (std::env::args().nth(1).as_deref() == Some(REFUSED))
        .then(|| ExitCode::from(u8::from(refused(Errno::EPERM).is_err())))
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("root may make a jail", || jail::enter().map(drop));
    suite.case("an unprivileged user may not", || {
        ids::become_user(1000).context("becoming user 1000")?;
        refused(Errno::EPERM)
    });
    suite.case("root without CAP_SYS_ADMIN may not", || {
        ids::drop_capability(ids::CAP_SYS_ADMIN, true).context("capset")?;
        refused(Errno::EPERM)
    });
    suite.case("nor with CAP_SYS_ADMIN permitted but not effective", || {
        ids::drop_capability(ids::CAP_SYS_ADMIN, false).context("capset")?;
        refused(Errno::EPERM)
    });
    suite.case(
        "a user with CAP_SYS_ADMIN in its own user namespace may not",
        || {
            ids::become_user(1000).context("becoming user 1000")?;
            in_user_namespace()
        },
    );
    suite.case(
        "root of the host in its own user namespace may not",
        in_user_namespace,
    );
    suite.case("a process in a jail may not", || {
        let number = jail::enter()?;
        refused(Errno::EPERM)?;
        check_eq!(jail::number()?, number, "the jail afterwards");
        Ok(())
    });
    suite.case("nor may its child", || {
        jail::enter()?;
        let ended = process::in_child(|| i32::from(refused(Errno::EPERM).is_err()));
        check_eq!(ended, Ok(Ended::Exited(0)), "the child");
        Ok(())
    });
    suite.case("nor may it after executing a program", || {
        jail::enter()?;
        let status = std::process::Command::new("/proc/self/exe")
            .arg(REFUSED)
            .status()
            .context("executing this program")?;
        check!(
            status.success(),
            "create_newjail after exec was not refused with EPERM"
        );
        Ok(())
    });
    suite.case("a process with a second thread gets EINVAL", second_thread);
    suite.case("so does the second thread itself", from_second_thread);
    suite.case("and may make a jail once that thread has gone", thread_gone);
    suite.case(
        "the last thread of a process whose first one has ended gets EINVAL",
        after_the_leader,
    );
    suite.case("a process that shares its memory gets EINVAL", || {
        sharing_memory(libc::SIGCHLD)
    });
    suite.case(
        "also when it shares signal handlers and files as well",
        || sharing_memory(libc::SIGCHLD | libc::CLONE_SIGHAND | libc::CLONE_FILES | libc::CLONE_FS),
    );
    suite.case(
        "a process that shares its root directory gets EINVAL",
        || {
            let ended = process::clone(libc::CLONE_FS | libc::SIGCHLD, || {
                i32::from(refused(Errno::EINVAL).is_err())
            })
            .and_then(process::wait);
            check_eq!(ended, Ok(Ended::Exited(0)), "who shares it");
            Ok(())
        },
    );
    suite.case("a process that traces another gets EINVAL", tracer);
    suite.case("and so does a child made with vfork", vfork_child);
    suite.case("a process with an io_uring worker gets EINVAL", io_worker);
    suite.case(
        "privilege is looked at first: no EINVAL for a user with threads",
        || {
            ids::become_user(1000).context("becoming user 1000")?;
            with_second_thread(|| refused(Errno::EPERM))
        },
    );
    suite.case("create_newjail ignores its arguments", || {
        let number = call::create_newjail_with_arguments().context("create_newjail")?;
        check_eq!(jail::number()?, number, "the jail afterwards");
        Ok(())
    });
    suite.case("get_jailnumber ignores its arguments", || {
        check_eq!(call::get_jailnumber_with_arguments(), Ok(0), "on the host");
        let number = jail::enter()?;
        check_eq!(
            call::get_jailnumber_with_arguments(),
            Ok(number),
            "in a jail"
        );
        Ok(())
    });
    suite.case("get_jailnumber asks for no privilege", || {
        let number = jail::enter()?;
        ids::become_user(1000).context("becoming user 1000")?;
        check_eq!(jail::number()?, number, "as a user");
        with_second_thread(|| {
            check_eq!(jail::number()?, number, "with threads");
            Ok(())
        })
    });
    suite.run(chosen)
}

/// Tries to make a jail, which must fail in this way and change nothing.
fn refused(expected: Errno) -> CaseResult {
    let before = jail::number()?;
    check_eq!(call::create_newjail(), Err(expected), "create_newjail");
    check_eq!(jail::number()?, before, "the jail after the failure");
    Ok(())
}

fn in_user_namespace() -> CaseResult {
    ids::unshare(libc::CLONE_NEWUSER).context("unshare(CLONE_NEWUSER)")?;
    let capable = ids::has_capability(ids::CAP_SYS_ADMIN).context("capget")?;
    check!(capable, "no CAP_SYS_ADMIN in the new user namespace");
    refused(Errno::EPERM)
}

/// Calls `test` while a second thread sleeps.
fn with_second_thread(test: impl FnOnce() -> CaseResult) -> CaseResult {
    let (ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let thread = std::thread::spawn(move || theirs.read(&mut [0]).map(drop));
    let result = test();
    drop(ours);
    match thread.join() {
        Ok(_) => result,
        Err(_) => Err(fail("the second thread panicked")),
    }
}

fn tracer() -> CaseResult {
    let traced = process::fork(|| wait_for_ever()).context("fork")?;
    trace::seize(traced, 0).context("tracing a child")?;
    let result = refused(Errno::EINVAL);
    let _ = process::kill(traced, libc::SIGKILL);
    let ended = process::wait(traced);
    result?;
    check_eq!(ended, Ok(Ended::Signaled(libc::SIGKILL)), "the child");
    jail::enter().map(drop)
}

fn second_thread() -> CaseResult {
    with_second_thread(|| refused(Errno::EINVAL))
}

fn from_second_thread() -> CaseResult {
    match std::thread::spawn(|| refused(Errno::EINVAL)).join() {
        Ok(result) => result,
        Err(_) => Err(fail("the second thread panicked")),
    }
}

fn thread_gone() -> CaseResult {
    with_second_thread(|| Ok(()))?;
    // The C library knows of the end of a thread a little earlier than the kernel is done.
    wait::until("no EINVAL any more", || match call::create_newjail() {
        Err(Errno::EINVAL) => Ok(false),
        other => other.map(|_| true).context("create_newjail"),
    })
}

/// A leader that has ended stands for its process until the last thread has: its tag would say that
/// the process is on the host.
fn after_the_leader() -> CaseResult {
    let ended = process::in_child(|| {
        let leader = process::pid();
        std::thread::spawn(move || {
            while !is_zombie(leader) {
                process::nap();
            }
            process::exit(i32::from(refused(Errno::EINVAL).is_err()))
        });
        process::exit_thread()
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "the thread that was left");
    Ok(())
}

fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("State:\tZ")))
}

/// Both sides of a shared memory are refused, and neither is in a jail then.
fn sharing_memory(flags: i32) -> CaseResult {
    let (mut ours, theirs) = UnixStream::pair().context("socketpair")?;
    let socket = theirs.as_raw_fd();
    let child = shared_memory::clone(flags, move || {
        let created = call::create_newjail();
        let still = call::get_jailnumber();
        // Until the parent has had its turn. System calls alone: the memory is the parent's.
        if process::read_byte(socket) != 1 {
            return 2;
        }
        i32::from(created != Err(Errno::EINVAL) || still != Ok(0))
    })
    .context("clone(CLONE_VM)")?;
    let result = refused(Errno::EINVAL);
    ours.write_all(b"x").context("telling the child")?;
    let ended = process::wait(child);
    drop(theirs);
    result?;
    check_eq!(
        ended,
        Ok(Ended::Exited(0)),
        "the child that shares the memory"
    );
    // On its own again, it may.
    jail::enter().map(drop)
}

fn vfork_child() -> CaseResult {
    let child = shared_memory::clone(libc::CLONE_VFORK | libc::SIGCHLD, || {
        i32::from(call::create_newjail() != Err(Errno::EINVAL))
    })
    .context("clone(CLONE_VM|CLONE_VFORK)")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "the child");
    #[cfg(target_arch = "x86_64")]
    check_eq!(
        shared_memory::syscall_in_vfork(call::CREATE_NEWJAIL),
        Ok(-i64::from(libc::EINVAL)),
        "create_newjail in a child of vfork itself"
    );
    check_eq!(jail::number()?, 0, "the parent's jail");
    Ok(())
}

/// A worker of io_uring is a thread of the process that would keep the tag of the host.
fn io_worker() -> CaseResult {
    let mut ring = jaula_tests::sys::uring::Ring::new()?;
    ring.start_worker()?;
    refused(Errno::EINVAL)
}
