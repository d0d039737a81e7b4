// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entering the jail of a descriptor.

use jaula_tests::descriptor::{apart, close_owners, open, wait_for_end, Owner, ALL, RIGHTS};
use jaula_tests::inmate::{reluctant, wait_for_ever, Inmate};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::sys::jailfd::{self as call, ADMINISTER, ATTACH};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as number_call, shared_memory, trace, Errno};
use jaula_tests::topology::{self, Relation};
use jaula_tests::{check, check_eq, jail, jailfs, wait};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

pub fn add(suite: &mut Suite) {
    suite.case(
        "attach: who attaches is in the jail, and so are its children",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            let jail = open(inmate.number, ATTACH)?;
            attach(&jail).context("attach_jailfd")?;
            check_eq!(jail::number()?, inmate.number, "where it is");
            let number = inmate.number;
            let child = process::in_child(move || i32::from(call_number() != Ok(number)));
            check_eq!(child, Ok(Ended::Exited(0)), "a child");
            jailfs::wait_for(number, "tasks", 2)
        },
    );
    suite.case("attach: an owned jail that is empty is entered", || {
        let owner = Owner::new()?;
        let jail = owner.plain(ATTACH)?;
        apart(|| {
            close_owners()?;
            attach(&jail).context("attach_jailfd")?;
            check_eq!(jail::number()?, owner.number, "where it is");
            Ok(())
        })
    });
    suite.case("attach: a jail within, at any depth", deeper);
    suite.case("attach: without the right to attach: EPERM", || {
        let inmate = Inmate::start(|| Ok(()))?;
        for (rights, told) in RIGHTS.iter().filter(|(rights, _)| rights & ATTACH == 0) {
            let jail = open(inmate.number, *rights)?;
            check_eq!(attach(&jail), Err(Errno::EPERM), "with {told}");
        }
        check_eq!(jail::number()?, 0, "where it is afterwards");
        Ok(())
    });
    suite.case(
        "attach: without CAP_SYS_ADMIN: EPERM, whatever is given up",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            let jail = open(inmate.number, ATTACH)?;
            ids::become_user(1000)?;
            check_eq!(attach(&jail), Err(Errno::EPERM), "as a user");
            ids::set_no_new_privileges().context("prctl")?;
            check_eq!(attach(&jail), Err(Errno::EPERM), "with no_new_privs");
            check_eq!(jail::number()?, 0, "where it is");
            Ok(())
        },
    );
    suite.case(
        "attach: CAP_SYS_ADMIN in a user namespace is not enough: EPERM",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            let jail = open(inmate.number, ATTACH)?;
            ids::unshare(libc::CLONE_NEWUSER).context("unshare")?;
            check_eq!(attach(&jail), Err(Errno::EPERM), "attach_jailfd");
            Ok(())
        },
    );
    for (name, relation) in [
        ("one's own jail", Relation::Same),
        ("a jail beside one's own", Relation::Across),
        ("a jail that one's own is in", Relation::Up),
    ] {
        let name = format!("attach: {name}: EPERM, whatever the descriptor says");
        suite.case(&name, move || refused_in(relation));
    }
    suite.case("attach: one thread of several: EINVAL", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, ATTACH)?;
        let (told, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv().is_ok());
        let got = attach(&jail);
        drop(told);
        check!(!thread.join().unwrap_or(true), "the thread got something");
        check_eq!(got, Err(Errno::EINVAL), "with a second thread");
        Ok(())
    });
    suite.case(
        "attach: shared memory, a shared root, a tracer: EINVAL",
        not_whole,
    );
    suite.case(
        "attach: a jail with as many tasks as it may have: EAGAIN",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            let jail = open(inmate.number, ATTACH)?;
            jailfs::set(inmate.number, "tasks.max", "1")?;
            check_eq!(attach(&jail), Err(Errno::EAGAIN), "a second");
            jailfs::set(inmate.number, "tasks.max", "2")?;
            attach(&jail).context("when there is room")
        },
    );
    suite.case("attach: a jail that is dying, or dead: ESRCH", ended);
    suite.case(
        "attach: who owns the jail: EBUSY, also by its number",
        || {
            let owner = Owner::new()?;
            busy(&owner.plain(ALL)?, owner.number, "a plain one")?;
            check_eq!(attach(&owner.descriptor), Err(Errno::EBUSY), "the owner");
            let copy = call::dup(&owner.descriptor)?;
            let jail = owner.plain(ATTACH)?;
            let number = owner.number;
            // Not to leave the jail without an owner.
            apart(|| {
                call::close_inherited(owner.raw())?;
                busy(&jail, number, "with a copy")?;
                call::close_inherited(copy.as_raw_fd())?;
                attach(&jail).context("when it owns it no more")
            })
        },
    );
    suite.case(
        "attach: who owns a jail around it: EBUSY, also by its number",
        around,
    );
    suite.case("attach: who owns another jail enters", || {
        let other = Owner::new()?;
        let inmate = Inmate::start(|| Ok(()))?;
        jailfs::set(inmate.number, "children.max", "1")?;
        let jail = open(inmate.number, ALL)?;
        // One within is another one as well.
        let within = Owner::within(jail.as_raw_fd())?;
        attach(&jail).context("attach_jailfd")?;
        call::destroy_jailfd(other.raw(), 0).context("the other one")?;
        call::destroy_jailfd(within.raw(), 0).context("the one within")
    });
    suite.case("attach: who has disowned it enters", || {
        let owner = Owner::new()?;
        let _inmate = owner.member(|| Ok(()))?;
        call::disown_jail(owner.raw(), 0)?;
        attach(&owner.descriptor).context("attach_jailfd")
    });
    suite.case(
        "attach: who shares its descriptors, where there is an owner: EBUSY",
        || {
            owned_by_another(|jail| {
                check_eq!(sharing(jail)?, libc::EBUSY, "the jail is owned");
                Ok(())
            })
        },
    );
    suite.case(
        "attach: who shares its descriptors, where there is none, enters",
        || {
            let inmate = Inmate::start(|| Ok(()))?;
            let jail = open(inmate.number, ATTACH)?;
            check_eq!(sharing(&jail)?, 0, "the error");
            Ok(())
        },
    );
}

fn call_number() -> Result<i64, Errno> {
    number_call::get_jailnumber()
}

fn attach(jail: &OwnedFd) -> Result<(), Errno> {
    call::attach_jailfd(jail.as_raw_fd(), 0)
}

/// Fails unless the jail is entered neither by this descriptor nor by its number, for EBUSY.
fn busy(jail: &OwnedFd, number: i64, what: &str) -> CaseResult {
    let before = jail::number()?;
    check_eq!(attach(jail), Err(Errno::EBUSY), "{what}");
    let by_number = number_call::attach_jail(number);
    check_eq!(by_number, Err(Errno::EBUSY), "{what}, by its number");
    check_eq!(jail::number()?, before, "where it is afterwards");
    Ok(())
}

fn deeper() -> CaseResult {
    for topology in topology::with(Relation::Down) {
        let jails = topology.make()?;
        let object = jails.object.unwrap_or_default();
        let jail = open(object, ATTACH)?;
        jails.as_subject(|| {
            attach(&jail).context(topology)?;
            check_eq!(jail::number()?, object, "{topology}");
            Ok(())
        })?;
    }
    Ok(())
}

fn refused_in(relation: Relation) -> CaseResult {
    for topology in topology::with(relation) {
        let jails = topology.make()?;
        // The host is no jail to be entered.
        let Some(object) = jails.object else {
            continue;
        };
        let jail = open(object, ALL)?;
        let refused = || {
            let own = jail::number()?;
            check_eq!(attach(&jail), Err(Errno::EPERM), "{topology}");
            check_eq!(jail::number()?, own, "where it is afterwards");
            Ok(())
        };
        jails.as_subject(refused)?;
        jails.as_subject(|| {
            ids::become_user(1000)?;
            ids::set_no_new_privileges().context("prctl")?;
            refused().context("with no_new_privs")
        })?;
    }
    Ok(())
}

fn not_whole() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let jail = open(inmate.number, ATTACH)?;
    let raw = jail.as_raw_fd();
    let refused = move || i32::from(call::attach_jailfd(raw, 0) != Err(Errno::EINVAL));
    let child = shared_memory::clone(libc::CLONE_VFORK, refused).context("clone(CLONE_VM)")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "shared memory");
    let child = process::clone(libc::CLONE_FS | libc::SIGCHLD, refused).context("clone")?;
    check_eq!(process::wait(child), Ok(Ended::Exited(0)), "a shared root");
    let traced = process::fork(|| wait_for_ever()).context("fork")?;
    trace::seize(traced, 0).context("PTRACE_SEIZE")?;
    check_eq!(attach(&jail), Err(Errno::EINVAL), "a tracer");
    process::kill(traced, libc::SIGKILL)?;
    process::wait(traced)?;
    attach(&jail).context("attach_jailfd afterwards")
}

fn ended() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let jail = open(inmate.number, ATTACH)?;
    let number = inmate.number;
    let destroyer = process::fork(move || i32::from(number_call::destroy_jail(number).is_err()))
        .context("fork")?;
    wait::until("it is dying", || {
        Ok(jailfs::read(number, "state") == Ok("dying".to_owned()))
    })?;
    // This process traces one of the jail's, and could not enter any.
    let raw = jail.as_raw_fd();
    let error = || process::in_child(move || error_of(call::attach_jailfd(raw, 0)));
    check_eq!(error(), Ok(Ended::Exited(libc::ESRCH)), "a dying one");
    process::wait(traced).context("waiting for what is traced")?;
    process::wait(destroyer).context("waiting for its end")?;
    wait_for_end(&jail)?;
    check_eq!(error(), Ok(Ended::Exited(libc::ESRCH)), "a dead one");
    Ok(())
}

fn error_of(result: Result<(), Errno>) -> i32 {
    result.map_or_else(|errno| errno.0, |()| 0)
}

fn around() -> CaseResult {
    let outer = Owner::new()?;
    jailfs::set(outer.number, "children.max", "1")?;
    let middle = Owner::within(outer.raw())?;
    jailfs::set(middle.number, "children.max", "1")?;
    let inner = Owner::within(middle.raw())?;
    let jail = inner.plain(ATTACH)?;
    apart(|| {
        call::close_inherited(inner.raw())?;
        busy(&jail, inner.number, "with the owners of both around it")?;
        call::close_inherited(middle.raw())?;
        busy(&jail, inner.number, "with the owner of the outermost")?;
        call::close_inherited(outer.raw())?;
        attach(&jail).context("with none")
    })?;
    // Who owns what is within enters what is around.
    let jail = outer.plain(ADMINISTER | ATTACH)?;
    apart(|| {
        call::close_inherited(outer.raw())?;
        attach(&jail).context("the outermost, with the owners of both within")?;
        let jail = call::open_jail(jail.as_raw_fd(), inner.number, ATTACH);
        let jail = jail.context("open_jail")?;
        busy(&jail, inner.number, "then the innermost")
    })
}

/// The error of a child that attaches while it shares the descriptors of this process, which goes on.
fn sharing(jail: &OwnedFd) -> Result<i32, Failure> {
    let raw = jail.as_raw_fd();
    let flags = libc::CLONE_FILES | libc::SIGCHLD;
    let child = process::clone(flags, move || error_of(call::attach_jailfd(raw, 0)));
    match process::wait(child.context("clone(CLONE_FILES)")?).context("wait")? {
        Ended::Exited(error) => Ok(error),
        ended => Err(jaula_tests::ktap::fail(format!("the child: {ended}"))),
    }
}

/// Does something with a jail that another process owns, and looks that it can be entered when that one
/// has disowned it.
fn owned_by_another(what: impl FnOnce(&OwnedFd) -> CaseResult) -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let keeper = process::fork(|| {
        let Ok(owner) = Owner::new() else { return 1 };
        let told = theirs.write_all(&owner.number.to_le_bytes());
        let heard = theirs.read_exact(&mut [0]);
        let disowned = call::disown_jail(owner.raw(), 0);
        let told_again = theirs.write_all(&[0]);
        i32::from(told.is_err() || heard.is_err() || disowned.is_err() || told_again.is_err())
    })
    .context("fork")?;
    let mut number = [0; 8];
    ours.read_exact(&mut number)
        .context("hearing of the jail")?;
    let number = i64::from_le_bytes(number);
    let inmate = Inmate::start_in(number, || Ok(()))?;
    let jail = open(number, ATTACH)?;
    what(&jail)?;
    ours.write_all(&[0]).context("having it disowned")?;
    ours.read_exact(&mut [0]).context("hearing that it is")?;
    check_eq!(process::wait(keeper), Ok(Ended::Exited(0)), "the owner");
    check_eq!(sharing(&jail)?, 0, "the error when nobody owns it");
    check_eq!(process::kill(inmate.pid, 0), Ok(()), "what is in it");
    Ok(())
}
