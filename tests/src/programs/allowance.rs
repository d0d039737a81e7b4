// SPDX-License-Identifier: MIT OR Apache-2.0

//! What root in a jail is allowed: the file `allow`, when it binds, and whom.

mod looking;

use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::jailfs::{self, ALLOWED};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, shared_memory, trace, tree, Errno};
use jaula_tests::{check, check_eq, jail};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The argument by which this program, executed, tells whether it can change its root.
const CHROOT: &str = "--chroot";

/// Tries to change its root, where the program was executed for that.
pub fn act() -> Option<ExitCode> {
    (std::env::args().nth(1).as_deref() == Some(CHROOT))
        .then(|| ExitCode::from(change_root_status() as u8))
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("names replace the allowance", names_replace);
    suite.case("signs add and take away", signs_change);
    suite.case(
        "what is no list of names is refused and changes nothing",
        bad_lists,
    );
    suite.case("a jail writes nothing to its own", not_ones_own);
    suite.case(
        "nobody gives more than the jail's parent has",
        no_more_than_parent,
    );
    suite.case(
        "what the parent loses its jails lose with it",
        lost_with_parent,
    );
    suite.case(
        "who enters keeps its capabilities until it executes",
        unbound_until_exec,
    );
    suite.case(
        "a child of who has entered is bound from the start",
        child_is_bound,
    );
    suite.case("a program that is executed is bound", program_is_bound);
    suite.case(
        "so is one that was executed by attaching",
        attached_is_bound,
    );
    suite.case("a change takes effect at once", takes_effect_at_once);
    suite.case("a set-user-ID program is bound", set_user_id);
    suite.case(
        "who is bound does not trace who is not",
        no_tracing_the_unbound,
    );
    suite.case(
        "what shares memory with who is not bound is not traced either",
        no_tracing_a_share,
    );
    suite.case("every refusal is counted", counted);
    suite.case(
        "nothing is made where the kernel is controlled, before it is opened",
        makes_no_control_file,
    );
    suite.case(
        "who shares the root of one that is not bound executes nothing",
        share_executes_nothing,
    );
    suite.case(
        "what an ancestor lacks for a moment is not lost",
        not_lost_with_parent,
    );
    suite.case("a jail that is born then has it afterwards", born_without);
    suite.case(
        "root looks at what the jail's other users run",
        looking::at_others,
    );
    suite.case(
        "root attaches to what other users run with sys_ptrace alone",
        looking::attaching,
    );
    suite.case("a user looks at nothing of another user", looking::by_user);
    suite.case(
        "nobody in a jail looks at a launcher that enters it",
        looking::at_launcher,
    );
    suite.run(chosen)
}

fn allowed(number: i64) -> Result<String, jaula_tests::ktap::Failure> {
    jailfs::read(number, "allow").context("allow")
}

fn names_replace() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    for (text, expected) in [
        ("sys_chroot,kill", "kill sys_chroot"),
        ("mount raw_sockets", "net_raw sys_admin"),
        ("sysctl userns\n", "userns sysctl"),
        ("none", ""),
        (ALLOWED, ALLOWED),
    ] {
        jailfs::set(inmate.number, "allow", text)?;
        check_eq!(allowed(inmate.number)?, expected, "after {text:?}");
    }
    Ok(())
}

fn signs_change() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "allow", "kill")?;
    for (text, expected) in [
        ("+chroot", "kill sys_chroot"),
        ("-kill,+bpf", "sys_chroot bpf"),
        ("-bpf -sys_chroot -mknod", ""),
    ] {
        jailfs::set(inmate.number, "allow", text)?;
        check_eq!(allowed(inmate.number)?, expected, "after {text:?}");
    }
    Ok(())
}

fn bad_lists() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let long = "kill ".repeat(200);
    for text in [
        "\n",
        " ",
        "all",
        "CHOWN",
        "cap_chown",
        "+",
        "chown +kill",
        "+none",
        "21",
        &long,
    ] {
        let got = jailfs::write(inmate.number, "allow", text);
        check_eq!(got, Err(Errno::EINVAL), "{text:?}");
        check_eq!(allowed(inmate.number)?, ALLOWED, "after {text:?}");
    }
    Ok(())
}

fn not_ones_own() -> CaseResult {
    let number = jail::enter()?;
    check_eq!(
        jailfs::write(number, "allow", "+sys_chroot"),
        Err(Errno::EPERM),
        "before execve"
    );
    let ended = process::in_child(|| {
        i32::from(jailfs::write(number, "allow", "+sys_chroot") != Err(Errno::EPERM))
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "a child");
    check_eq!(allowed(number)?, ALLOWED, "afterwards");
    Ok(())
}

/// A jail with a jail in it.
fn nested() -> Result<(Inmate, Inmate), jaula_tests::ktap::Failure> {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    let inner = Inmate::start_within(outer.number, || Ok(()))?;
    Ok((outer, inner))
}

fn no_more_than_parent() -> CaseResult {
    let (outer, inner) = nested()?;
    check_eq!(
        jailfs::write(inner.number, "allow", "+sys_chroot"),
        Err(Errno::EPERM),
        "what the parent does not have"
    );
    check_eq!(allowed(inner.number)?, ALLOWED, "afterwards");
    jailfs::set(outer.number, "allow", "+sys_chroot")?;
    check_eq!(allowed(inner.number)?, ALLOWED, "when the parent has it");
    jailfs::set(inner.number, "allow", "+sys_chroot")?;
    check!(allowed(inner.number)?.contains("sys_chroot"), "not granted");
    Ok(())
}

fn not_lost_with_parent() -> CaseResult {
    let (outer, inner) = nested()?;
    jailfs::set(outer.number, "allow", "-kill,-chown")?;
    jailfs::set(inner.number, "allow", "-setfcap,-chown")?;
    check!(!allowed(inner.number)?.contains("kill"), "it has kill");
    jailfs::set(outer.number, "allow", "+kill,+chown")?;
    let expected = ALLOWED.replace("chown ", "").replace(" setfcap", "");
    check_eq!(allowed(inner.number)?, expected, "the inner jail's");
    Ok(())
}

fn born_without() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    jailfs::set(outer.number, "allow", "-kill")?;
    let inner = Inmate::start_within(outer.number, || Ok(()))?;
    check!(!allowed(inner.number)?.contains("kill"), "it has kill");
    jailfs::set(outer.number, "allow", "+kill")?;
    check_eq!(allowed(inner.number)?, ALLOWED, "the inner jail's");
    Ok(())
}

fn lost_with_parent() -> CaseResult {
    let (outer, inner) = nested()?;
    jailfs::set(outer.number, "allow", "kill,chown")?;
    check_eq!(allowed(inner.number)?, "chown kill", "the inner jail's");
    let third = Inmate::start_in(outer.number, || Ok(()))?;
    check_eq!(third.number, outer.number, "the jail attached to");
    Ok(())
}

/// 0 when the root can be changed, else the error number.
fn change_root_status() -> i32 {
    match std::os::unix::fs::chroot("/") {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(255),
    }
}

fn check_changes_root(expected: i32, who: &str) -> CaseResult {
    check_eq!(change_root_status(), expected, "chroot by {who}");
    Ok(())
}

fn unbound_until_exec() -> CaseResult {
    jail::enter()?;
    check_changes_root(0, "who has entered")?;
    let in_thread = std::thread::spawn(change_root_status).join();
    check_eq!(in_thread.ok(), Some(0), "chroot by a thread of it");
    check!(
        ids::has_capability(ids::CAP_SYS_ADMIN).context("capget")?,
        "it has lost CAP_SYS_ADMIN"
    );
    Ok(())
}

fn child_is_bound() -> CaseResult {
    jail::enter()?;
    let bound = Ok(Ended::Exited(libc::EPERM));
    check_eq!(process::in_child(change_root_status), bound, "a child");
    let grandchild = process::in_child(|| match process::in_child(change_root_status) {
        Ok(Ended::Exited(status)) => status,
        _ => 255,
    });
    check_eq!(grandchild, bound, "a grandchild");
    check_changes_root(0, "the parent afterwards")
}

fn executed() -> Result<Option<i32>, jaula_tests::ktap::Failure> {
    let status = Command::new("/proc/self/exe").arg(CHROOT).status();
    Ok(status.context("executing this program")?.code())
}

fn program_is_bound() -> CaseResult {
    jail::enter()?;
    check_eq!(executed()?, Some(libc::EPERM), "what it says");
    Ok(())
}

fn attached_is_bound() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let attached = Inmate::start_in(inmate.number, || {
        check_eq!(executed()?, Some(libc::EPERM), "what it says");
        Ok(())
    })?;
    check_eq!(attached.number, inmate.number, "its jail");
    jailfs::set(inmate.number, "allow", "+chroot")?;
    Inmate::start_in(inmate.number, || {
        check_eq!(executed()?, Some(0), "what it says with sys_chroot allowed");
        Ok(())
    })
    .map(drop)
}

fn takes_effect_at_once() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().context("socketpair")?;
    let number = inmate.number;
    let attached = Inmate::start_in(number, move || {
        process::fork(move || answer_by_turns(theirs).map_or(1, |()| 0))
            .context("fork")
            .map(drop)
    })?;
    check_eq!(attached.number, number, "its jail");
    for (text, expected) in [
        ("-kill", libc::EPERM),
        ("+sys_chroot", 0),
        ("-sys_chroot", libc::EPERM),
    ] {
        jailfs::set(number, "allow", text)?;
        check_eq!(ask(&mut ours)?, expected, "after {text}");
    }
    Ok(())
}

/// Tries to change its root once for every byte that comes, and answers with the error number.
fn answer_by_turns(mut stream: std::os::unix::net::UnixStream) -> std::io::Result<()> {
    use std::io::{Read, Write};
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        stream.write_all(&[change_root_status() as u8])?;
    }
    Ok(())
}

fn ask(stream: &mut std::os::unix::net::UnixStream) -> Result<i32, jaula_tests::ktap::Failure> {
    use std::io::{Read, Write};
    let mut byte = [0];
    stream.write_all(&[0]).context("asking")?;
    stream.read_exact(&mut byte).context("the answer")?;
    Ok(byte[0].into())
}

/// This program, owned by root and with the set-user-ID bit, executed by an ordinary user, tells what
/// its root's capabilities are worth.
fn set_user_id() -> CaseResult {
    use std::os::unix::fs::PermissionsExt;
    // The machine's own /tmp may be one where the bit has no effect.
    tree::own_mounts().context("mounts of its own")?;
    tree::mount("tmpfs", "/tmp", "mode=0755").context("mounting a tmpfs")?;
    let copy = "/tmp/set-user-id";
    std::fs::copy("/proc/self/exe", copy).context("copying this program")?;
    let mode = std::fs::Permissions::from_mode(0o4755);
    std::fs::set_permissions(copy, mode).context("chmod")?;
    let run = || {
        let status = Command::new(copy).arg(CHROOT).status();
        status
            .context("executing the copy")
            .map(|status| status.code())
    };
    let as_user = |inside: bool| {
        process::in_child(|| {
            if inside && jail::enter().is_err() || ids::become_user(1000).is_err() {
                return 254;
            }
            run().ok().flatten().unwrap_or(255)
        })
    };
    check_eq!(as_user(false), Ok(Ended::Exited(0)), "on the host");
    check_eq!(as_user(true), Ok(Ended::Exited(libc::EPERM)), "in a jail");
    Ok(())
}

fn no_tracing_the_unbound() -> CaseResult {
    let number = jail::enter()?;
    let launcher = process::pid();
    let before = jailfs::value(number, "refusals.ptrace")?;
    let ended = process::in_child(|| match trace::seize(launcher, 0) {
        Err(errno) => errno.0,
        Ok(()) => 0,
    });
    check_eq!(ended, Ok(Ended::Exited(libc::EPERM)), "tracing its parent");
    let sibling = process::fork(|| wait_for_ever()).context("fork")?;
    let ended = process::in_child(|| match trace::seize(sibling, 0) {
        Err(errno) => errno.0,
        Ok(()) => 0,
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "tracing its sibling");
    let _ = process::kill(sibling, libc::SIGKILL);
    check_eq!(
        jailfs::value(number, "refusals.ptrace")?,
        before + 1,
        "counted"
    );
    Ok(())
}

fn no_tracing_a_share() -> CaseResult {
    jail::enter()?;
    for flags in [libc::CLONE_VM, libc::CLONE_FILES, libc::CLONE_FS] {
        let share =
            shared_memory::clone(flags | libc::SIGCHLD, || wait_for_ever()).context("clone")?;
        let ended = process::in_child(|| match trace::seize(share, 0) {
            Err(errno) => errno.0,
            Ok(()) => 0,
        });
        let _ = process::kill(share, libc::SIGKILL);
        process::wait(share).context("wait")?;
        check_eq!(
            ended,
            Ok(Ended::Exited(libc::EPERM)),
            "with flags {flags:#x}"
        );
    }
    Ok(())
}

fn share_executes_nothing() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "allow", "+sys_chroot")?;
    jaula_tests::sys::jail::attach_jail(inmate.number).context("attach_jail")?;
    for (flags, expected) in [
        (libc::CLONE_FS, libc::EPERM),
        (libc::CLONE_FILES, 0),
        (0, 0),
    ] {
        let share = process::clone(flags | libc::SIGCHLD, || {
            let error = Command::new("/proc/self/exe").arg(CHROOT).exec();
            jailfs::errno(&error).0
        })
        .context("clone")?;
        check_eq!(
            process::wait(share),
            Ok(Ended::Exited(expected)),
            "with flags {flags:#x}"
        );
    }
    Ok(())
}

/// No file system of the test machine lets anybody make a file by which the kernel is controlled: that the
/// jail is asked about first is seen by the error.
fn makes_no_control_file() -> CaseResult {
    let make = || {
        let file = std::fs::File::create("/sys/kernel/jaula-test").map(drop);
        file.map_err(|error| jailfs::errno(&error))
    };
    check_eq!(make(), Err(Errno::EACCES), "on the host");
    let number = jail::enter()?;
    let before = jailfs::value(number, "refusals.proc")?;
    let made = process::in_child(|| make().map_or_else(|errno| errno.0, |()| 0));
    check_eq!(made, Ok(Ended::Exited(libc::EPERM)), "in a jail");
    check_eq!(
        jailfs::value(number, "refusals.proc")?,
        before + 1,
        "refusals.proc"
    );
    Ok(())
}

fn counted() -> CaseResult {
    let number = jail::enter()?;
    let before = jailfs::value(number, "refusals.capability")?;
    for _ in 0..3 {
        check_eq!(
            process::in_child(change_root_status),
            Ok(Ended::Exited(libc::EPERM)),
            "chroot"
        );
    }
    check_eq!(
        jailfs::value(number, "refusals.capability")?,
        before + 3,
        "refusals.capability"
    );
    Ok(())
}
