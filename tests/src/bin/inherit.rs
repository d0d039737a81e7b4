// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tag of a process goes to everything that it makes, and to nothing else.
//!
//! That init and the kernel's own threads are on the host cannot be asked for from here; that
//! programs which the kernel starts are can.

use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::uring::Ring;
use jaula_tests::sys::{ids, jail as call, Errno, Result as SysResult};
use jaula_tests::sysv::{Family, Object, PATHS};
use jaula_tests::{check, check_eq, jail};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};

/// The argument with which this program prints the number of its jail.
const PRINT: &str = "--print-number";
/// The argument with which the kernel starts this program for a core dump.
const RECORD: &str = "--record-number";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(PRINT) => return print_number(),
        Some(RECORD) => return record_number(),
        _ => {}
    }
    let mut suite = Suite::new();
    suite.case("fork", || by(process::fork));
    for (name, flags) in [
        ("clone", 0),
        ("clone(CLONE_PARENT)", libc::CLONE_PARENT),
        (
            "clone(CLONE_FILES|CLONE_FS)",
            libc::CLONE_FILES | libc::CLONE_FS,
        ),
        ("clone(CLONE_SYSVSEM)", libc::CLONE_SYSVSEM),
        ("clone(CLONE_VFORK)", libc::CLONE_VFORK),
        ("clone(CLONE_NEWPID)", libc::CLONE_NEWPID),
        ("clone(CLONE_NEWIPC)", libc::CLONE_NEWIPC),
    ] {
        suite.case(name, move || {
            by(|child| process::clone(flags | libc::SIGCHLD, child))
        });
    }
    suite.case("clone3", || by(|child| process::clone3(0, child)));
    suite.case("clone3(CLONE_PARENT)", || {
        by(|child| process::clone3(libc::CLONE_PARENT as u64, child))
    });
    suite.case("clone(CLONE_VM)", || sharing_memory(0));
    suite.case("clone(CLONE_VM|CLONE_VFORK)", || {
        sharing_memory(libc::CLONE_VFORK)
    });
    #[cfg(target_arch = "x86_64")]
    suite.case("vfork", || {
        let number = jail::enter()?;
        let got = process::syscall_in_vfork(call::GET_JAILNUMBER);
        check_eq!(got, Ok(number), "the child of vfork");
        Ok(())
    });
    suite.case("a thread", || {
        let number = jail::enter()?;
        let got = std::thread::spawn(call::get_jailnumber).join();
        check_eq!(got.ok(), Some(Ok(number)), "the thread");
        Ok(())
    });
    suite.case("a process made by a thread", || {
        let number = jail::enter()?;
        let got = std::thread::spawn(printed).join();
        check_eq!(got.ok(), Some(Ok(number)), "the child of a thread");
        Ok(())
    });
    suite.case("a grandchild whose parent has gone", orphan);
    suite.case("the fortieth generation", || {
        let number = jail::enter()?;
        check_eq!(generations(40), Ok(Ended::Exited(0)), "the youngest");
        check_eq!(jail::number()?, number, "the eldest");
        Ok(())
    });
    suite.case("a program that is executed", || {
        let number = jail::enter()?;
        check_eq!(printed()?, number, "the program");
        Ok(())
    });
    suite.case("an interpreter that runs a script", script);
    suite.case("a worker of io_uring: what it lists", worker_lists);
    suite.case("a child made earlier stays on the host", earlier_child);
    suite.case(
        "a program that the kernel starts is on the host",
        core_dump_handler,
    );
    suite.case("no change of identity changes the number", identities);
    suite.case("nor does a user namespace, made or refused", || {
        let number = jail::enter()?;
        let _ = ids::unshare(libc::CLONE_NEWUSER);
        check_eq!(jail::number()?, number, "afterwards");
        Ok(())
    });
    for family in Family::ALL {
        suite.case(
            &format!("a namespace of System V IPC is no way out: {family}"),
            move || ipc_namespaces(family),
        );
    }
    suite.run()
}

/// The exit status of a child whose number must be `expected`.
fn verdict(expected: i64) -> i32 {
    i32::from(call::get_jailnumber() != Ok(expected))
}

/// Enters a jail and makes a child in this way, which must be in that jail. The child may be
/// our parent's and not ours: so it tells through a socket.
fn by(make: impl FnOnce(Box<dyn FnOnce() -> i32>) -> SysResult<libc::pid_t>) -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    // The child of CLONE_PARENT is left to this process.
    let middle = process::fork(|| {
        let Ok(number) = jail::enter() else { return 2 };
        let child = make(Box::new(move || {
            let answer = format!("{}", verdict(number));
            let told = theirs.write_all(answer.as_bytes());
            // The descriptor may be the parent's as well (CLONE_FILES), who closes it.
            std::mem::forget(theirs);
            i32::from(told.is_err())
        }));
        match child {
            Ok(pid) => {
                let _ = process::wait(pid);
                0
            }
            Err(errno) => errno.0,
        }
    })
    .context("fork")?;
    check_eq!(
        process::wait(middle),
        Ok(Ended::Exited(0)),
        "making the child"
    );
    let mut answer = [0];
    ours.read_exact(&mut answer)
        .context("hearing from the child")?;
    check_eq!(
        answer,
        *b"0",
        "the verdict of the child (1: in another jail)"
    );
    Ok(())
}

fn sharing_memory(flags: i32) -> CaseResult {
    let number = jail::enter()?;
    let child = process::clone_sharing_memory(flags | libc::SIGCHLD, move || verdict(number))
        .context("clone")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "the child");
    Ok(())
}

/// This program, executed anew, tells its number.
fn print_number() -> ExitCode {
    match call::get_jailnumber() {
        Ok(number) => {
            println!("{number}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn printed_by(command: &mut Command) -> Result<i64, Failure> {
    let output = command.output().context("executing a program")?;
    check!(output.status.success(), "the program failed: {output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .map_err(|_| fail(format!("not a number: {text}")))
}

fn printed() -> Result<i64, Failure> {
    printed_by(Command::new("/proc/self/exe").arg(PRINT))
}

fn script() -> CaseResult {
    let number = jail::enter()?;
    let program = std::env::current_exe().context("/proc/self/exe")?;
    let path = std::env::temp_dir().join(format!("inherit-{}", process::pid()));
    let text = format!("#!{} {PRINT}\n", program.display());
    std::fs::write(&path, text).context(path.display())?;
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).context(path.display())?;
    let got = printed_by(&mut Command::new(&path));
    std::fs::remove_file(&path).context(path.display())?;
    check_eq!(got?, number, "the interpreter");
    Ok(())
}

fn generations(left: u32) -> SysResult<Ended> {
    let number = call::get_jailnumber()?;
    process::in_child(|| match (left, call::get_jailnumber() == Ok(number)) {
        (_, false) => 1,
        (0, true) => 0,
        (_, true) => match generations(left - 1) {
            Ok(Ended::Exited(status)) => status,
            _ => 2,
        },
    })
}

fn orphan() -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let number = jail::enter()?;
    let parent = process::fork(|| {
        let me = process::pid();
        let made = process::fork(|| {
            while process::parent() == me {
                process::nap();
            }
            let answer = format!("{}", verdict(number));
            i32::from(theirs.write_all(answer.as_bytes()).is_err())
        });
        i32::from(made.is_err())
    })
    .context("fork")?;
    process::wait(parent).context("waiting for the parent")?;
    let mut answer = [0];
    ours.read_exact(&mut answer)
        .context("hearing from the orphan")?;
    check_eq!(
        answer,
        *b"0",
        "the verdict of the orphan (1: in another jail)"
    );
    Ok(())
}

fn earlier_child() -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| match theirs.read(&mut [0]) {
        Ok(_) => verdict(0),
        Err(_) => 2,
    })
    .context("fork")?;
    jail::enter()?;
    ours.write_all(b"x").context("telling the child")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "the child");
    Ok(())
}

/// The listing that a worker reads for a process must be that of the process's jail.
fn worker_lists() -> CaseResult {
    jail::private_tables()?;
    let foreign = Object::create(Family::Sem, 0o666).context("creating on the host")?;
    let listing = "/proc/sysvipc/sem";
    let contains = |text: &str, object: &Object| {
        let id = object.id.to_string();
        text.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(&id))
    };
    let mut of_host = Ring::new()?;
    let file = of_host.open(listing)?;
    let text = of_host.read(&file)?;
    check!(
        contains(&text, &foreign),
        "the host does not see its own set:\n{text}"
    );
    let ended = process::in_child(|| {
        let run = || -> CaseResult {
            jail::enter()?;
            let own = Object::create(Family::Sem, 0o666).context("creating in the jail")?;
            let mut ring = Ring::new()?;
            let file = ring.open(listing)?;
            let text = ring.read(&file)?;
            check!(
                contains(&text, &own),
                "the jail does not see its own set:\n{text}"
            );
            check!(
                !contains(&text, &foreign),
                "the jail sees the host's set:\n{text}"
            );
            Ok(())
        };
        match run() {
            Ok(()) => 0,
            Err(failure) => {
                eprintln!("{failure}");
                1
            }
        }
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "the side in the jail");
    Ok(())
}

/// Where the program that the kernel starts leaves its number.
fn record_path() -> std::path::PathBuf {
    std::path::PathBuf::from("/tmp/inherit-core-dump")
}

fn record_number() -> ExitCode {
    let number = call::get_jailnumber().map_or_else(|errno| errno.to_string(), |n| n.to_string());
    match std::fs::write(record_path(), number) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The kernel starts the program of core_pattern by itself, outside every jail, when a process
/// in a jail dumps core.
fn core_dump_handler() -> CaseResult {
    let setting = "/proc/sys/kernel/core_pattern";
    let before = match std::fs::read_to_string(setting) {
        Ok(text) => text,
        Err(_) => return Err(jaula_tests::ktap::skip("the kernel dumps no core")),
    };
    let _ = std::fs::remove_file(record_path());
    let program = std::env::current_exe().context("/proc/self/exe")?;
    std::fs::write(setting, format!("|{} {RECORD}", program.display())).context(setting)?;
    let ended = process::in_child(|| {
        if jail::enter().is_err() {
            return 1;
        }
        std::process::abort()
    });
    std::fs::write(setting, before).context(setting)?;
    check_eq!(
        ended,
        Ok(Ended::Signaled(libc::SIGABRT)),
        "the process that dumps core"
    );
    let mut recorded = Err(fail("the kernel did not start the program"));
    for _ in 0..1000 {
        if let Ok(text) = std::fs::read_to_string(record_path()) {
            if !text.is_empty() {
                recorded = Ok(text);
                break;
            }
        }
        process::nap();
    }
    let _ = std::fs::remove_file(record_path());
    check_eq!(
        recorded?,
        "0",
        "the number of the program that the kernel started"
    );
    Ok(())
}

fn identities() -> CaseResult {
    let number = jail::enter()?;
    ids::set_supplementary_groups(&[7, 8]).context("setgroups")?;
    check_eq!(jail::number()?, number, "after setgroups");
    ids::set_effective_user(1000).context("seteuid")?;
    check_eq!(jail::number()?, number, "after seteuid");
    ids::set_effective_user(0).context("seteuid back")?;
    check_eq!(jail::number()?, number, "after seteuid back");
    ids::become_user(1000).context("becoming user 1000")?;
    check_eq!(jail::number()?, number, "after setresgid and setresuid");
    Ok(())
}

/// Making a namespace of one's own keeps the number, and coming back to the host's keeps the
/// host's objects out of reach.
fn ipc_namespaces(family: Family) -> CaseResult {
    jail::private_tables()?;
    let foreign = Object::create(family, 0o666).context("creating on the host")?;
    let original = std::fs::File::open("/proc/self/ns/ipc").context("/proc/self/ns/ipc")?;
    let number = jail::enter()?;
    jail::private_tables()?;
    check_eq!(jail::number()?, number, "after unshare(CLONE_NEWIPC)");
    let own = Object::create(family, 0o666).context("creating in the new namespace")?;
    own.remove().context("removing it")?;
    ids::set_namespace(&original, libc::CLONE_NEWIPC).context("setns")?;
    check_eq!(jail::number()?, number, "after setns");
    for path in PATHS.iter().filter(|path| path.family == family) {
        let got: Result<(), Errno> = (path.attempt)(&foreign);
        check_eq!(got, Err(path.crossing), "{} after setns", path.name);
    }
    Ok(())
}
