// SPDX-License-Identifier: MIT OR Apache-2.0

//! The end of a jail with its owner, however that one comes to its end.

use jaula_tests::descriptor::{check_stays, enter, member, open};
use jaula_tests::descriptor::{wait_for_end, Owner, Status};
use jaula_tests::dice::Dice;
use jaula_tests::inmate::{reluctant, wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::random::seed;
use jaula_tests::rounds::rounds;
use jaula_tests::sys::jailfd as call;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, signal};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check, check_eq, jail, jailfs, procfs, wait};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The argument by which this program, executed, does nothing until its standard input ends.
const WAIT: &str = "--wait-for-input";

/// Waits for its input, where the program was executed for that.
pub fn act() -> Option<ExitCode> {
    (std::env::args().nth(1).as_deref() == Some(WAIT)).then(|| {
        let ended = std::io::stdin().read(&mut [0]);
        ExitCode::from(u8::from(ended.is_err()))
    })
}

/// What a process does with the owner that it has; the stream ends when it may end itself.
type Way = fn(Owner, UnixStream) -> i32;

const WAYS: [(&str, Way, bool); 9] = [
    (
        "is closed",
        |owner, stream| {
            drop(owner);
            until_closed(stream)
        },
        true,
    ),
    (
        "is replaced",
        |owner, stream| {
            let replaced = replace(&owner.descriptor, &stream);
            let ended = until_closed(stream);
            // Its number is that of something else now.
            std::mem::forget(owner);
            i32::from(replaced.is_err()) + ended
        },
        true,
    ),
    ("exits", |_owner, _| process::exit(0), false),
    (
        "is killed",
        |_owner, _| {
            let _ = process::kill(process::pid(), libc::SIGKILL);
            wait_for_ever()
        },
        false,
    ),
    (
        "executes something",
        |_owner, stream| {
            let input = Stdio::from(OwnedFd::from(stream));
            let error = Command::new("/proc/self/exe").arg(WAIT).stdin(input).exec();
            eprintln!("executing this program: {error}");
            1
        },
        true,
    ),
    (
        "was the last of several in a process",
        |owner, stream| {
            let copies: Result<Vec<_>, _> = (0..5).map(|_| call::dup(&owner.descriptor)).collect();
            drop(owner);
            i32::from(copies.is_err()) + until_closed_without(copies, stream)
        },
        true,
    ),
    (
        "is in a socket that is closed",
        |owner, stream| in_flight(owner, false).map_or(1, |()| until_closed(stream)),
        true,
    ),
    (
        "is in a socket that holds itself",
        |owner, stream| in_flight(owner, true).map_or(1, |()| until_closed(stream)),
        true,
    ),
    (
        "was inherited by one that is killed last",
        |owner, stream| {
            let heir = process::fork(|| wait_for_ever());
            let Ok(heir) = heir else { return 1 };
            drop(owner);
            let killed = process::kill(heir, libc::SIGKILL);
            i32::from(killed.is_err()) + until_closed(stream)
        },
        true,
    ),
];

pub fn add(suite: &mut Suite) {
    for (name, way, lives) in WAYS {
        let name = format!("a jail ends with its owner, which {name}");
        suite.case(&name, move || ends(way, lives));
    }
    suite.case(
        "it ends with the last of its owners in several processes",
        last_of_several,
    );
    suite.case("it ends with an owner in a socket of its own", own_socket);
    suite.case("closing the owner does not wait", does_not_wait);
    suite.case("it ends with all that is in it", with_everything);
    suite.case("it ends whatever its processes do against that", stubborn);
    suite.case("500 jails of one process that is killed", many);
    suite.case("an engine is killed at any moment", engine);
}

fn until_closed(mut stream: UnixStream) -> i32 {
    i32::from(stream.read(&mut [0]).is_err())
}

fn until_closed_without<T>(held: T, stream: UnixStream) -> i32 {
    drop(held);
    until_closed(stream)
}

/// Has a descriptor's number stand for another file.
fn replace(old: &OwnedFd, new: &UnixStream) -> jaula_tests::sys::Result<()> {
    call::replace_inherited(old.as_raw_fd(), new.as_raw_fd())
}

/// Leaves an owner in the queue of a socket of which both ends are closed; in that of one which is in its
/// own queue as well, if `circular`.
fn in_flight(owner: Owner, circular: bool) -> CaseResult {
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    let mut sent = vec![owner.raw()];
    if circular {
        sent.push(theirs.as_raw_fd());
    }
    call::send_descriptors(&ours, &sent).context("sendmsg")?;
    let jail = owner.descriptor;
    drop(jail);
    Ok(())
}

/// A process that makes an owned jail, and does something with the owner when it is told to.
struct Keeper {
    pid: libc::pid_t,
    stream: UnixStream,
    number: i64,
    /// Of the jail.
    jail: OwnedFd,
}

impl Keeper {
    fn start(then: impl FnOnce(Owner, UnixStream) -> i32) -> Result<Keeper, Failure> {
        let (mut stream, mut theirs) = UnixStream::pair().context("socketpair")?;
        let pid = process::fork(|| {
            let Ok(owner) = Owner::new() else { return 1 };
            let told = theirs.write_all(&owner.number.to_le_bytes());
            let heard = theirs.read_exact(&mut [0]);
            if told.is_err() || heard.is_err() {
                return 1;
            }
            then(owner, theirs)
        })
        .context("fork")?;
        let mut number = [0; 8];
        stream
            .read_exact(&mut number)
            .context("hearing from who owns a jail")?;
        let number = i64::from_le_bytes(number);
        let jail = open(number, 0)?;
        Ok(Keeper {
            pid,
            stream,
            number,
            jail,
        })
    }

    fn go(&mut self) -> CaseResult {
        self.stream.write_all(b"x").context("telling who owns it")
    }
}

fn ends(way: Way, lives: bool) -> CaseResult {
    let mut keeper = Keeper::start(way)?;
    let inmate = member(keeper.number, || Ok(()))?;
    check_stays(&keeper.jail)?;
    keeper.go()?;
    wait_for_end(&keeper.jail)?;
    jailfs::check_gone(keeper.number)?;
    inmate.check_killed()?;
    let early = process::try_wait(keeper.pid).context("wait")?;
    if lives {
        check_eq!(
            early,
            None,
            "who had the owner, while it has not been told to end"
        );
        // It has both ends from its parent: closing one here is not enough.
        keeper.stream.shutdown(Shutdown::Both).context("shutdown")?;
        let ended = process::wait(keeper.pid);
        check_eq!(ended, Ok(Ended::Exited(0)), "who had the owner");
    }
    Ok(())
}

fn last_of_several() -> CaseResult {
    let owner = Owner::new()?;
    let jail = owner.plain(0)?;
    let heirs: Result<Vec<_>, _> = (0..3).map(|_| process::fork(|| wait_for_ever())).collect();
    let heirs = heirs.context("fork")?;
    let copy = call::dup(&owner.descriptor)?;
    drop(owner);
    check_stays(&jail).context("with a copy here")?;
    drop(copy);
    for heir in heirs {
        check_stays(&jail).context("with an heir")?;
        process::kill(heir, libc::SIGKILL)?;
        process::wait(heir)?;
    }
    wait_for_end(&jail)
}

/// An owner that waits in a queue of the jail's own socket keeps the jail as long as that has it.
fn own_socket() -> CaseResult {
    let owner = Owner::new()?;
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    call::send_descriptors(&ours, &[owner.raw()]).context("sendmsg")?;
    drop(ours);
    let inmate = owner.member(|| Ok(()))?;
    drop(theirs);
    let jail = owner.plain(0)?;
    drop(owner);
    check_stays(&jail)?;
    process::kill(inmate.pid, libc::SIGKILL)?;
    wait_for_end(&jail)
}

fn does_not_wait() -> CaseResult {
    let owner = Owner::new()?;
    let number = owner.number;
    let (inmate, traced) = reluctant(|| enter(number))?;
    let jail = owner.plain(0)?;
    drop(owner);
    wait::until("the jail is dying", || {
        Ok(Status::of(&jail)?.state == "dying")
    })?;
    process::wait(traced).context("waiting for what is traced")?;
    wait_for_end(&jail)?;
    inmate.check_killed()
}

fn with_everything() -> CaseResult {
    const KEY: i32 = 0x6a66_0000;
    jail::private_tables()?;
    let owner = Owner::new()?;
    jailfs::set(owner.number, "children.max", "2")?;
    let inner = Owner::within(owner.raw())?;
    let create = || -> CaseResult {
        for (key, family) in (KEY..).zip(Family::ALL) {
            Object::create_with_key(family, key, 0o600).context("creating")?;
        }
        Ok(())
    };
    let inmates = [owner.member(create)?, inner.member(|| Ok(()))?];
    let number = inner.number;
    // The inner one ends with the outer one, though it has an owner.
    let jails = [owner.plain(0)?, inner.plain(0)?];
    drop(owner);
    for jail in &jails {
        wait_for_end(jail)?;
    }
    jailfs::check_gone(number)?;
    for inmate in &inmates {
        inmate.check_killed()?;
    }
    for (key, family) in (KEY..).zip(Family::ALL) {
        let object = Object::create_with_key(family, key, 0o600);
        object.context("a key of the jail")?.remove()?;
    }
    Ok(())
}

/// Has three processes that do what processes can do not to end: one of them has no parent left.
fn resist() -> CaseResult {
    signal::block(&(1..=31).collect::<Vec<_>>()).context("sigprocmask")?;
    process::end_with_parent()?;
    process::outlive_parent()?;
    process::fork(|| {
        let _ = ids::become_user(1000);
        wait_for_ever()
    })
    .context("fork")?;
    let middle = process::fork(|| {
        let last = process::fork(|| {
            let _ = process::new_session();
            let _ = process::outlive_parent();
            let _ = ids::become_user(1001);
            wait_for_ever()
        });
        i32::from(last.is_err())
    });
    let ended = process::wait(middle.context("fork")?);
    check_eq!(ended, Ok(Ended::Exited(0)), "the one in the middle");
    Ok(())
}

fn stubborn() -> CaseResult {
    let mut keeper = Keeper::start(|_owner, _| {
        let _ = process::kill(process::pid(), libc::SIGKILL);
        wait_for_ever()
    })?;
    let number = keeper.number;
    let inmates = [member(number, resist)?, member(number, resist)?];
    wait::until("all are there", || Ok(Status::of(&keeper.jail)?.tasks == 6))?;
    let members = procfs::members(number)?;
    keeper.go()?;
    wait_for_end(&keeper.jail)?;
    for pid in members {
        // What nobody has waited for yet is a zombie.
        let state = procfs::state(pid).unwrap_or('Z');
        check!(
            matches!(state, 'Z' | 'X'),
            "process {pid} is in state {state}"
        );
    }
    inmates.iter().try_for_each(Inmate::check_killed)
}

fn many() -> CaseResult {
    const MANY: usize = 500;
    let before = jailfs::numbers()?;
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let keeper = process::fork(|| {
        let owners: Result<Vec<_>, _> = (0..MANY).map(|_| Owner::new()).collect();
        let told = theirs.write_all(&[u8::from(owners.is_ok())]);
        let _ = theirs.read(&mut [0]);
        i32::from(told.is_err())
    })
    .context("fork")?;
    let mut answer = [0];
    ours.read_exact(&mut answer).context("hearing of them")?;
    check_eq!(answer, [1], "whether all were made");
    let made = jailfs::numbers_beyond(&before)?;
    check_eq!(made.len(), MANY, "the jails that are there");
    let inmates = made
        .iter()
        .step_by(50)
        .map(|&number| member(number, || Ok(())));
    let inmates = inmates.collect::<Result<Vec<_>, _>>()?;
    let jails = made.iter().map(|&number| open(number, 0));
    let jails = jails.collect::<Result<Vec<_>, _>>()?;
    process::kill(keeper, libc::SIGKILL)?;
    let ended = process::wait(keeper);
    check_eq!(ended, Ok(Ended::Signaled(libc::SIGKILL)), "their owner");
    wait::within(limit(), "none of them is left", || {
        Ok(jailfs::numbers_beyond(&before)?.is_empty())
    })?;
    jails.iter().try_for_each(wait_for_end)?;
    inmates.iter().try_for_each(Inmate::check_killed)
}

/// What an engine does to start something: it makes a jail, and has a child enter it that makes more.
fn run_engine() -> i32 {
    let Ok(owner) = Owner::new() else { return 1 };
    let Ok(way_in) = owner.plain(call::ATTACH) else {
        return 1;
    };
    let started = process::fork(|| {
        // Whoever is in the jail must not own it.
        drop(owner);
        match call::attach_jailfd(way_in.as_raw_fd(), 0) {
            Ok(()) if resist().is_ok() => wait_for_ever(),
            _ => 1,
        }
    });
    match started {
        Ok(_) => wait_for_ever(),
        Err(_) => 1,
    }
}

/// At a hundred moments of the start, and after it.
fn engine() -> CaseResult {
    let before = jailfs::numbers()?;
    let mut dice = Dice::new(seed::first().map_err(fail)?);
    for round in 0..rounds(100) {
        let engine = process::fork(run_engine).context("fork")?;
        std::thread::sleep(Duration::from_micros(dice.below(20_000)));
        process::kill(engine, libc::SIGKILL)?;
        process::wait(engine).context("wait")?;
        wait::within(limit(), &format!("nothing is left of jail {round}"), || {
            Ok(jailfs::numbers_beyond(&before)?.is_empty())
        })?;
    }
    Ok(())
}

/// How long they may take to end: a second. The debug kernel, which alone has this file on every
/// architecture, has no speed of its own to be held to.
fn limit() -> Duration {
    match std::fs::exists("/proc/slabinfo") {
        Ok(true) => wait::PATIENCE,
        _ => Duration::from_secs(1),
    }
}
