// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is executed in a jail: what a path leads to from its root, and nothing that a launcher, or
//! somebody else outside, has left within reach.

mod interpreter;
mod place;

use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{execute, jail as call, tree, Errno};
use jaula_tests::{check_eq, jailfs};
use place::{Place, INSIDE};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The argument with which this program ends with a status of its own.
const EXECUTED: &str = "--executed";
/// The argument with which it executes itself once more, by its link in /proc.
const AGAIN: &str = "--executed-again";
/// The same when its file has been removed.
const UNLINKED: &str = "--executed-unlinked";

/// The status by which it is known that the program was executed: no error number.
const DONE: i32 = 177;

/// Does what the program was executed for, if it was for that.
pub fn act() -> Option<ExitCode> {
    // An interpreter has the path of what it interprets before its own arguments, or after one.
    let asked = std::env::args()
        .skip(1)
        .find(|word| [EXECUTED, AGAIN, UNLINKED].contains(&word.as_str()))?;
    let status = match asked.as_str() {
        EXECUTED => DONE,
        AGAIN => execute("/proc/self/exe").0,
        _ => match fs::remove_file(INSIDE) {
            Ok(()) => execute("/proc/self/exe").0,
            Err(error) => jailfs::errno(&error).0,
        },
    };
    Some(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)))
}

/// Executes a program instead of this one: why it did not.
fn execute(path: &str) -> Errno {
    jailfs::errno(&Command::new(path).arg(EXECUTED).exec())
}

/// Who executes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// One that has just entered the jail.
    Launcher,
    /// One that was made in the jail, and is bound by it.
    Inmate,
    /// One on the host, with the same root directory.
    Host,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Who::Launcher => "a launcher",
            Who::Inmate => "a process in the jail",
            Who::Host => "a process of the host",
        }
    }
}

/// What executing something came to: its status, or the error number.
fn become_in(who: Who, root: &Place, what: impl Fn() -> Errno) -> Result<Errno, Failure> {
    let ended = process::in_child(|| {
        if who != Who::Host && call::create_newjail().is_err() {
            return 254;
        }
        if tree::chroot(root.path()).is_err() || std::env::set_current_dir("/").is_err() {
            return 253;
        }
        match who {
            Who::Launcher | Who::Host => what().0,
            Who::Inmate => match process::in_child(|| what().0) {
                Ok(Ended::Exited(status)) => status,
                _ => 252,
            },
        }
    });
    match ended.context("fork")? {
        Ended::Exited(status) => Ok(Errno(status)),
        other => Err(fail(format!("it ended by {other:?}"))),
    }
}

const EXECUTES: Errno = Errno(DONE);

type What = fn(&Place) -> Result<Box<dyn Fn() -> Errno>, Failure>;

/// What is tried, by what name, and what comes of it for a launcher and for a process in the jail.
const TRIED: [(&str, What, [Errno; 2]); 12] = [
    ("a program in the root", |_| path(INSIDE), [EXECUTES; 2]),
    ("a script", |root| root.script(INSIDE), [EXECUTES; 2]),
    (
        "a program that is bound into the root",
        |root| root.bound_program(),
        [EXECUTES; 2],
    ),
    (
        "a program in a lower directory of an overlay",
        |root| root.overlay(),
        [EXECUTES; 2],
    ),
    (
        "a program that executes itself again",
        |_| with_argument(AGAIN),
        [EXECUTES; 2],
    ),
    (
        "a program that was removed and executes itself again",
        |_| with_argument(UNLINKED),
        [EXECUTES; 2],
    ),
    (
        "its own file from outside",
        |_| path("/proc/self/exe"),
        [Errno::EACCES; 2],
    ),
    (
        "a script of which that is the interpreter",
        |root| root.script("/proc/self/exe"),
        [Errno::EACCES; 2],
    ),
    (
        "a program of which that is the interpreter",
        |root| root.interpreted("/proc/self/exe"),
        [Errno::EACCES; 2],
    ),
    (
        "a file that was opened outside",
        |_| descriptor(File::open("/proc/self/exe").context("/proc/self/exe")?),
        [Errno::EACCES; 2],
    ),
    ("memory", |_| memory(), [Errno::EACCES, EXECUTES]),
    (
        "memory by its link in /proc",
        |_| memory_by_path(),
        [Errno::EACCES, EXECUTES],
    ),
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for (name, what, [launcher, inmate]) in TRIED {
        for (who, expected) in [
            (Who::Launcher, launcher),
            (Who::Inmate, inmate),
            (Who::Host, EXECUTES),
        ] {
            // What the interpreter of a program does with another program is its own affair.
            if who == Who::Host && name.starts_with("a program of which") {
                continue;
            }
            let verb = if expected == EXECUTES {
                "executes"
            } else {
                "does not execute"
            };
            suite.case(&format!("{} {verb} {name}", who.name()), move || {
                let root = Place::make()?;
                let what = what(&root)?;
                check_eq!(become_in(who, &root, what)?, expected, "what came of it");
                Ok(())
            });
        }
    }
    for who in [Who::Launcher, Who::Inmate] {
        suite.case(
            &format!(
                "{} executes what the host has registered for good",
                who.name()
            ),
            move || registered(who, "F", EXECUTES),
        );
        suite.case(
            &format!(
                "{} does not execute what is registered and lies outside",
                who.name()
            ),
            move || registered(who, "", Errno::EACCES),
        );
    }
    suite.case("a refusal is counted", counted);
    suite.run(chosen)
}

fn path(path: &'static str) -> Result<Box<dyn Fn() -> Errno>, Failure> {
    Ok(Box::new(move || execute(path)))
}

fn with_argument(argument: &'static str) -> Result<Box<dyn Fn() -> Errno>, Failure> {
    Ok(Box::new(move || {
        jailfs::errno(&Command::new(INSIDE).arg(argument).exec())
    }))
}

fn descriptor(file: File) -> Result<Box<dyn Fn() -> Errno>, Failure> {
    Ok(Box::new(move || {
        execute::file(&file, &["outside", EXECUTED])
    }))
}

fn in_memory() -> Result<File, Failure> {
    let mut program = Vec::new();
    File::open("/proc/self/exe")
        .and_then(|mut file| file.read_to_end(&mut program))
        .context("/proc/self/exe")?;
    let mut file = execute::memory().context("memfd_create")?;
    file.write_all(&program).context("writing")?;
    Ok(file)
}

fn memory() -> Result<Box<dyn Fn() -> Errno>, Failure> {
    descriptor(in_memory()?)
}

fn memory_by_path() -> Result<Box<dyn Fn() -> Errno>, Failure> {
    use std::os::fd::AsRawFd;
    let file = in_memory()?;
    Ok(Box::new(move || {
        execute(&format!("/proc/self/fd/{}", file.as_raw_fd()))
    }))
}

fn registered(who: Who, flags: &str, expected: Errno) -> CaseResult {
    let root = Place::make()?;
    let program = match flags {
        "" => "/proc/self/exe".to_owned(),
        _ => std::env::current_exe()
            .context("/proc/self/exe")?
            .display()
            .to_string(),
    };
    let _entry = interpreter::Entry::register(&program, flags)?;
    root.file("magic", interpreter::MAGIC)?;
    check_eq!(
        become_in(who, &root, || execute("/magic"))?,
        expected,
        "what came of it"
    );
    Ok(())
}

fn counted() -> CaseResult {
    use jaula_tests::inmate::Inmate;
    let root = Place::make()?;
    let inmate = Inmate::start(|| {
        tree::chroot(root.path()).context("chroot")?;
        let ended = process::in_child(|| execute("/proc/self/exe").0);
        check_eq!(ended, Ok(Ended::Exited(libc::EACCES)), "executing");
        Ok(())
    })?;
    check_eq!(
        jailfs::value(inmate.number, "refusals.exec")?,
        1,
        "refusals.exec"
    );
    Ok(())
}
