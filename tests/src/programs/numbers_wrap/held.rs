// SPDX-License-Identifier: MIT OR Apache-2.0

//! What keeps a number from being given out again, and no longer than it is there.

use super::range::Range;
use jaula_tests::crew::{Crew, Place};
use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::sys::{jail as call, peer, process};
use jaula_tests::sysv::{Family, PATHS};
use jaula_tests::{check, check_eq, jail, jailfs, procfs, wait};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// How often all numbers come round meanwhile.
const ROUNDS: usize = 3;

/// A number that something holds.
pub struct Held {
    number: i64,
    release: Box<dyn FnOnce() -> CaseResult>,
}

impl Held {
    fn new(number: i64, release: impl FnOnce() -> CaseResult + 'static) -> Held {
        Held {
            number,
            release: Box::new(release),
        }
    }

    /// Held by a value, up to its end.
    fn by<T: 'static>(number: i64, holder: T) -> Held {
        Held::new(number, move || {
            drop(holder);
            Ok(())
        })
    }
}

/// What has a number held, and how.
type Holder = (&'static str, fn() -> Result<Held, Failure>);

pub const HOLDERS: [Holder; 7] = [
    ("a process", || {
        let inmate = Inmate::start(|| Ok(()))?;
        Ok(Held::by(inmate.number, inmate))
    }),
    ("a process whose parent has gone", orphan),
    ("a zombie", zombie),
    ("a jail within it", outer),
    ("nothing but that it is kept", kept),
    ("a file of it that is still open", open_file),
    ("a descriptor that was taken out of it", descriptor),
];

/// Has the numbers come round several times, without this one; with it, when it is held no longer.
pub fn is_held(held: Held) -> CaseResult {
    let range = Range::of_this_boot()?;
    let number = held.number;
    check!(range.has(number), "jail {number} is not of {range}");
    let (mut last, mut rounds) = (number, 0);
    for _ in 0..ROUNDS * range.count() {
        let next = range.next()?;
        check!(next != number, "{number} was given out, which is held");
        rounds += usize::from(next < last);
        last = next;
    }
    check!(rounds >= ROUNDS, "the numbers came round {rounds} times");
    (held.release)().context("letting go of the number")?;
    wait::until(
        &format!("{number}, which is no longer held, is given out"),
        || Ok(range.next()? == number),
    )
}

fn orphan() -> Result<Held, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let first = process::fork(|| {
        let Ok(number) = call::create_newjail() else {
            return 1;
        };
        let second = process::fork(|| {
            let told = theirs.write_all(&number.to_le_bytes());
            // Until the other side is closed.
            let _ = theirs.read(&mut [0]);
            i32::from(told.is_err())
        });
        i32::from(second.is_err())
    })
    .context("fork")?;
    process::wait(first).context("waiting for the first process")?;
    let mut number = [0; 8];
    ours.read_exact(&mut number)
        .context("hearing from the second process")?;
    Ok(Held::new(i64::from_le_bytes(number), move || {
        ours.shutdown(std::net::Shutdown::Both)
            .context("telling the second process to end")
    }))
}

fn zombie() -> Result<Held, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| match call::create_newjail() {
        Ok(number) => i32::from(theirs.write_all(&number.to_le_bytes()).is_err()),
        Err(_) => 1,
    })
    .context("fork")?;
    let mut number = [0; 8];
    ours.read_exact(&mut number)
        .context("hearing from the child")?;
    let number = i64::from_le_bytes(number);
    wait::until("the child is a zombie", || Ok(procfs::state(child)? == 'Z'))?;
    jailfs::wait_until_gone(number)?;
    check_eq!(procfs::jail(child), Ok(number), "the jail of the zombie");
    Ok(Held::new(number, move || {
        process::wait(child)
            .map(drop)
            .context("waiting for the child")
    }))
}

fn outer() -> Result<Held, Failure> {
    let outer = Inmate::start(|| Ok(()))?;
    let number = outer.number;
    jailfs::set(number, "children.max", "1")?;
    let inner = Inmate::start_within(number, || Ok(()))?;
    drop(outer);
    jailfs::wait_for(number, "tasks", 0)?;
    Ok(Held::by(number, inner))
}

fn kept() -> Result<Held, Failure> {
    let number = {
        let inmate = Inmate::start(|| Ok(()))?;
        jailfs::set(inmate.number, "persist", "1")?;
        inmate.number
    };
    jailfs::wait_for(number, "tasks", 0)?;
    Ok(Held::new(number, move || {
        jailfs::set(number, "persist", "0")
    }))
}

fn open_file() -> Result<Held, Failure> {
    let inmate = Inmate::start(|| Ok(()))?;
    let number = inmate.number;
    let path = jailfs::path(number, "tasks");
    let file = File::open(&path).context(path)?;
    call::destroy_jail(number).context("destroy_jail")?;
    jailfs::check_gone(number)?;
    Ok(Held::by(number, file))
}

/// Has a child of who enters a new jail do something there, and wait: unlike its parent it has
/// credentials that are the jail's. The child says a line.
fn inside(
    what: impl FnOnce() -> Result<i64, Failure>,
) -> Result<(Inmate, libc::pid_t, i64), Failure> {
    let (ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let inmate = Inmate::start(|| {
        process::fork(|| match what() {
            Ok(value) => {
                let told = writeln!(theirs, "{} {value}", process::pid());
                match told {
                    Ok(()) => wait_for_ever(),
                    Err(_) => 1,
                }
            }
            Err(failure) => i32::from(writeln!(theirs, "{failure}").is_err()),
        })
        .map(drop)
        .context("fork")
    })?;
    let mut line = String::new();
    BufReader::new(ours)
        .read_line(&mut line)
        .context("hearing from the jail")?;
    let said = line.trim_end().split_once(' ');
    let said = said.and_then(|(pid, value)| Some((pid.parse().ok()?, value.parse().ok()?)));
    let (pid, value) = said.ok_or_else(|| fail(format!("in a jail: {line}")))?;
    Ok((inmate, pid, value))
}

/// A file has the credentials of who has opened it.
fn descriptor() -> Result<Held, Failure> {
    let (inmate, pid, number) = inside(|| {
        let file = File::open("/").context("/")?;
        let number = file.as_raw_fd();
        std::mem::forget(file);
        Ok(number.into())
    })?;
    let process = peer::pidfd(pid).context("pidfd_open")?;
    let file = peer::take_descriptor(&process, number as i32).context("pidfd_getfd")?;
    drop(process);
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    jailfs::check_gone(inmate.number)?;
    Ok(Held::by(inmate.number, file))
}

pub fn by_object(family: Family) -> Result<Held, Failure> {
    jail::private_tables()?;
    let crew = Crew::start(Place::NewJail, 1)?;
    let number = crew.number();
    let object = crew.member(0).create(family, 0o666, false)?;
    drop(crew);
    Ok(Held::new(number, move || {
        // Whoever has come by a number meanwhile has come by nobody's object.
        let stranger = Crew::start(Place::NewJail, 1)?;
        for path in PATHS.iter().filter(|path| path.family == family) {
            let got = stranger.member(0).attempt(path, &object)?;
            check_eq!(got, Err(path.crossing), "{} by a new jail", path.name);
        }
        call::destroy_jail(number).context("destroy_jail")
    }))
}
