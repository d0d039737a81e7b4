// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who traces whom while a jail is entered: a launcher that has entered and has not executed a program
//! still has what it came with, and nobody who has less may get hold of it.

use jaula_tests::dice::Dice;
use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::random::seed;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, peer, schedule, trace, Errno};
use jaula_tests::{check, check_eq, jail, jailfs, procfs};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The argument with which the program waits, bound to its jail, until its input ends.
const WAIT: &str = "--tracing-wait";

/// Waits, if the program was executed for that.
pub fn act() -> Option<ExitCode> {
    if std::env::args().nth(1).as_deref() != Some(WAIT) {
        return None;
    }
    while process::read_byte(0) > 0 {}
    Some(ExitCode::SUCCESS)
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case(
        "root of a jail traces no launcher that enters one within it",
        from_around,
    );
    suite.case(
        "root of a jail does not look at a launcher that enters one within it",
        look_from_around,
    );
    suite.case(
        "of two that enter one jail the lesser traces no greater one",
        of_two_origins,
    );
    suite.case(
        "a child that is not bound makes no tracer of its parent that is",
        traceme_of_unbound,
    );
    suite.case(
        "its namesake outside changes nothing of one that enters as a user",
        namesake,
    );
    suite.case(
        "who becomes a tracer while it enters a jail stays outside",
        becomes_tracer,
    );
    suite.run(chosen)
}

/// A jail with one in it, whose root has all capabilities over the jail that there are for tracing and
/// for entering.
fn nested() -> Result<(Inmate, Inmate), Failure> {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    jailfs::set(outer.number, "allow", "+sys_ptrace,+sys_admin")?;
    let inner = Inmate::start_within(outer.number, || Ok(()))?;
    Ok((outer, inner))
}

/// Has a child do something and tell an error number.
fn in_child(what: impl FnOnce() -> Result<(), Errno>) -> Result<Errno, Failure> {
    let ended = process::in_child(|| what().map_or_else(|errno| errno.0, |()| 0));
    match ended.context("fork")? {
        Ended::Exited(status) => Ok(Errno(status)),
        other => Err(fail(format!("a child ended by {other:?}"))),
    }
}

const SUCCESS: Errno = Errno(0);

fn from_around() -> CaseResult {
    let (outer, inner) = nested()?;
    let launcher = Inmate::start_in(inner.number, || Ok(()))?;
    let bound = Inmate::start_in(inner.number, || {
        process::fork(|| wait_for_ever()).map(drop).context("fork")
    })?;
    let number = inner.number;
    let before = jailfs::value(outer.number, "refusals.ptrace")?;
    Inmate::start_in(outer.number, || {
        let got = in_child(|| trace::seize(launcher.pid, 0))?;
        check_eq!(got, Errno::EPERM, "tracing the launcher");
        let got = in_child(|| peer::attach_and_detach(launcher.pid))?;
        check_eq!(got, Errno::EPERM, "attaching to the launcher");
        // Not because nobody is reached there.
        let members = procfs::members(number)?;
        let child = members
            .into_iter()
            .find(|pid| procfs::stat(*pid, 4) == Ok(bound.pid as u64))
            .ok_or_else(|| fail("no bound process in the inner jail"))?;
        let got = in_child(|| trace::seize(child, 0))?;
        check_eq!(got, SUCCESS, "tracing one that is bound");
        Ok(())
    })?;
    check_eq!(
        jailfs::value(outer.number, "refusals.ptrace")?,
        before + 2,
        "refusals.ptrace"
    );
    Ok(())
}

fn look_from_around() -> CaseResult {
    let (outer, inner) = nested()?;
    let launcher = Inmate::start_in(inner.number, || Ok(()))?;
    let path = |file: &str| format!("/proc/{}/{file}", launcher.pid);
    let read = |file: &str| {
        fs::read(path(file))
            .map(drop)
            .map_err(|error| jailfs::errno(&error))
    };
    let follow = |file: &str| {
        fs::metadata(path(file))
            .map(drop)
            .map_err(|error| jailfs::errno(&error))
    };
    Inmate::start_in(outer.number, || {
        check_eq!(in_child(|| read("environ"))?, Errno::EACCES, "environ");
        check_eq!(in_child(|| follow("root"))?, Errno::EACCES, "root");
        check_eq!(in_child(|| follow("exe"))?, Errno::EACCES, "exe");
        check_eq!(in_child(|| read("stat"))?, SUCCESS, "stat");
        Ok(())
    })
    .map(drop)
}

fn of_two_origins() -> CaseResult {
    let (outer, inner) = nested()?;
    let greater = Inmate::start_in(inner.number, || Ok(()))?;
    let number = inner.number;
    let lesser = Inmate::start_in(outer.number, || {
        // A child is bound to the outer jail; it enters the inner one with what it has there.
        let got = in_child(|| {
            call::attach_jail(number)?;
            trace::seize(greater.pid, 0)
        })?;
        check_eq!(got, Errno::EPERM, "the greater one");
        process::fork(|| match call::attach_jail(number) {
            Ok(()) => wait_for_ever(),
            Err(errno) => errno.0,
        })
        .map(drop)
        .context("fork")
    })?;
    let is_lesser = |pid: &i32| procfs::stat(*pid, 4) == Ok(lesser.pid as u64);
    let mut members = Vec::new();
    for _ in 0..500 {
        members = procfs::members(number)?;
        members.retain(is_lesser);
        if !members.is_empty() {
            break;
        }
        process::nap();
    }
    let pid = *members
        .first()
        .ok_or_else(|| fail("nobody has entered the inner jail"))?;
    Inmate::start_in(number, || {
        trace::seize(pid, 0).context("tracing the lesser one")
    })
    .map(drop)
}

fn traceme_of_unbound() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let number = inmate.number;
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let (_held, input) = UnixStream::pair().context("socketpair")?;
    let parent = process::fork(|| {
        let child = process::fork(|| {
            let mut byte = [0];
            // It enters, waits for its parent to be bound, and asks.
            let entered = call::attach_jail(number).is_ok() && theirs.read_exact(&mut byte).is_ok();
            let answer = match (entered, peer::trace_me()) {
                (true, Err(errno)) => errno.0 as u8,
                (true, Ok(())) => 0,
                (false, _) => 255,
            };
            i32::from(theirs.write_all(&[answer]).is_err())
        });
        if child.is_err() || call::attach_jail(number).is_err() {
            return 1;
        }
        let error = Command::new("/proc/self/exe")
            .arg(WAIT)
            .stdin(OwnedFd::from(input))
            .exec();
        eprintln!("executing this program: {error}");
        1
    })
    .context("fork")?;
    let result = || -> CaseResult {
        for _ in 0..500 {
            if procfs::command(parent)
                .get(1)
                .is_some_and(|word| word == WAIT)
            {
                break;
            }
            process::nap();
        }
        check_eq!(jail::number()?, 0, "where this is");
        ours.write_all(&[0]).context("asking")?;
        let mut answer = [0];
        ours.read_exact(&mut answer).context("the answer")?;
        check_eq!(Errno(answer[0].into()), Errno::EPERM, "PTRACE_TRACEME");
        Ok(())
    }();
    let _ = process::kill(parent, libc::SIGKILL);
    let _ = process::wait(parent);
    result
}

fn namesake() -> CaseResult {
    const USER: u32 = 1000;
    let launcher = Inmate::start(|| {
        ids::become_user(USER).context("becoming a user")?;
        peer::set_dumpable().context("prctl")
    })?;
    let pid = launcher.pid;
    let as_user = |what: &dyn Fn() -> Result<(), Errno>| {
        in_child(|| ids::become_user(USER).and_then(|()| what()))
    };
    let limit = || schedule::set_limit(pid, [1 << 20, u64::MAX]);
    check_eq!(as_user(&limit)?, Errno::EPERM, "prlimit");
    let nice = || schedule::set_nice(schedule::Whose::Process, pid as u32, 5);
    check_eq!(as_user(&nice)?, Errno::EPERM, "setpriority");
    let look = || peer::robust_list(pid);
    check_eq!(as_user(&look)?, Errno::EPERM, "get_robust_list");
    let ask = || schedule::nice_of(pid).map(drop);
    check_eq!(as_user(&ask)?, SUCCESS, "getpriority");
    Ok(())
}

/// How often it is tried to hit the moment between a look at the task that enters and its entering.
const ROUNDS: usize = 300;

fn becomes_tracer() -> CaseResult {
    let mut dice = Dice::new(seed::first().map_err(fail)?);
    let (mut before, mut after) = (0, 0);
    for round in 0..ROUNDS {
        let delay = dice.below(4000);
        let (traced, entered) = one_race(delay)?;
        check!(
            !(traced && entered),
            "round {round}: a process has entered a jail and traces one on the host"
        );
        before += usize::from(traced);
        after += usize::from(entered);
    }
    println!("# {before} were traced and did not let their parent enter, {after} came too late");
    Ok(())
}

/// A process enters a jail while its child makes it its tracer: whether either succeeded.
fn one_race(delay: u64) -> Result<(bool, bool), Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let (mut go, mut start) = UnixStream::pair().context("socketpair")?;
    let parent = process::fork(|| {
        let mut tell = match theirs.try_clone() {
            Ok(tell) => tell,
            Err(_) => return 1,
        };
        let child = process::fork(|| {
            let mut byte = [0];
            if start.read_exact(&mut byte).is_err() {
                return 1;
            }
            for _ in 0..delay {
                std::hint::spin_loop();
            }
            let traced = peer::trace_me().is_ok();
            i32::from(theirs.write_all(&[b'c', u8::from(traced)]).is_err())
        });
        if child.is_err() || go.write_all(&[0]).is_err() {
            return 1;
        }
        let entered = call::create_newjail().is_ok();
        let told = tell.write_all(&[b'p', u8::from(entered)]);
        let _ = process::wait(-1);
        i32::from(told.is_err())
    })
    .context("fork")?;
    let (mut traced, mut entered) = (false, false);
    for _ in 0..2 {
        let mut answer = [0; 2];
        ours.read_exact(&mut answer).context("an answer")?;
        match answer[0] {
            b'c' => traced = answer[1] == 1,
            _ => entered = answer[1] == 1,
        }
    }
    process::wait(parent).context("wait")?;
    Ok((traced, entered))
}
