// SPDX-License-Identifier: MIT OR Apache-2.0

//! Entering a jail that exists.

use jaula_tests::crew::{Crew, Place};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, sem, shared_memory, Errno};
use jaula_tests::sysv::{listed, Family, Object};
use jaula_tests::topology::{self, Relation};
use jaula_tests::{check, check_eq, jail, jailfs};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case(
        "the process is in the jail, and so are its children",
        member,
    );
    suite.case("it uses the jail's objects", uses_objects);
    suite.case("it keeps the jail when the first process has gone", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let number = inmate.number;
        call::attach_jail(number).context("attach_jail")?;
        drop(inmate);
        check_eq!(jail::number()?, number, "the number");
        jailfs::wait_for(number, "tasks", 1)
    });
    suite.case("a descendant of a descendant", descendant);
    suite.case("the undo list is applied in the old jail", undo);
    suite.case("no such jail: ESRCH", || {
        let gone = {
            let inmate = Inmate::start(|| Ok(()))?;
            inmate.number
        };
        jailfs::wait_until_gone(gone)?;
        check_eq!(
            call::attach_jail(gone),
            Err(Errno::ESRCH),
            "one that has ended"
        );
        check_eq!(
            call::attach_jail(i64::from(i32::MAX)),
            Err(Errno::ESRCH),
            "one that has never been"
        );
        check_eq!(jail::number()?, 0, "the number afterwards");
        Ok(())
    });
    suite.case("no number of a jail: EINVAL", || {
        for number in [0, -1, i64::from(i32::MIN)] {
            check_eq!(call::attach_jail(number), Err(Errno::EINVAL), "{number}");
        }
        Ok(())
    });
    suite.case("its own jail: EINVAL", || {
        let number = jail::enter()?;
        check_eq!(call::attach_jail(number), Err(Errno::EINVAL), "from within");
        Ok(())
    });
    suite.case("a jail beside its own: ESRCH", || {
        refused_in(Relation::Across)
    });
    suite.case("a jail that its own is in: ESRCH", || {
        refused_in(Relation::Up)
    });
    suite.case("without CAP_SYS_ADMIN: EPERM", || {
        let inmate = Inmate::start(|| Ok(()))?;
        ids::drop_capability(ids::CAP_SYS_ADMIN, true).context("capset")?;
        for number in [inmate.number, 0, -1, i64::from(i32::MAX)] {
            check_eq!(call::attach_jail(number), Err(Errno::EPERM), "{number}");
        }
        Ok(())
    });
    suite.case("one thread of several: EINVAL", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let (told, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv().is_ok());
        let got = call::attach_jail(inmate.number);
        drop(told);
        check!(!thread.join().unwrap_or(true), "the thread got something");
        check_eq!(got, Err(Errno::EINVAL), "with a second thread");
        Ok(())
    });
    suite.case("memory shared with another process: EINVAL", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let number = inmate.number;
        let child = shared_memory::clone(libc::CLONE_VFORK, move || {
            i32::from(call::attach_jail(number) != Err(Errno::EINVAL))
        })
        .context("clone(CLONE_VM|CLONE_VFORK)")?;
        check_eq!(process::wait(child), Ok(Ended::Exited(0)), "the child");
        Ok(())
    });
    suite.case("a jail with as many tasks as it may have: EAGAIN", || {
        let inmate = Inmate::start(|| Ok(()))?;
        jailfs::set(inmate.number, "tasks.max", "1")?;
        check_eq!(
            call::attach_jail(inmate.number),
            Err(Errno::EAGAIN),
            "a second"
        );
        check_eq!(jail::number()?, 0, "the number afterwards");
        check_eq!(
            jailfs::value(inmate.number, "refusals.tasks")?,
            1,
            "the refusals"
        );
        jailfs::set(inmate.number, "tasks.max", "2")?;
        call::attach_jail(inmate.number).context("when there is room")
    });
    suite.run(chosen)
}

fn member() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    call::attach_jail(inmate.number).context("attach_jail")?;
    check_eq!(jail::number()?, inmate.number, "the number");
    let number = inmate.number;
    let child = process::in_child(move || i32::from(call::get_jailnumber() != Ok(number)));
    check_eq!(child, Ok(Ended::Exited(0)), "a child");
    jailfs::wait_for(number, "tasks", 2)
}

fn uses_objects() -> CaseResult {
    jail::private_tables()?;
    let crew = Crew::start(Place::NewJail, 1)?;
    let theirs = crew.member(0).create(Family::Sem, 0o600, false)?;
    let ours = Object::create(Family::Sem, 0o600).context("creating")?;
    check_eq!(listed(Family::Sem), Ok(vec![ours.id]), "what the host sees");
    call::attach_jail(crew.number()).context("attach_jail")?;
    check_eq!(
        listed(Family::Sem),
        Ok(vec![theirs.id]),
        "what the jail sees"
    );
    check_eq!(sem::set_value(theirs.id, 0, 1), Ok(()), "using the jail's");
    check_eq!(
        sem::get_value(ours.id, 0),
        Err(Errno::EACCES),
        "using the host's"
    );
    Ok(())
}

fn refused_in(relation: Relation) -> CaseResult {
    for topology in topology::with(relation) {
        let jails = topology.make()?;
        // The host is no jail to be entered.
        let Some(object) = jails.object else {
            continue;
        };
        jails.as_subject(|| {
            let own = jail::number()?;
            check_eq!(call::attach_jail(object), Err(Errno::ESRCH), "{topology}");
            check_eq!(jail::number()?, own, "where it is afterwards");
            Ok(())
        })?;
    }
    Ok(())
}

fn descendant() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    let number = outer.number;
    let inner = Inmate::start_within(number, || Ok(()))?;
    check_eq!(
        jailfs::value(inner.number, "parent")?,
        number as u64,
        "the parent"
    );
    let both = process::in_child(|| {
        let outer = call::attach_jail(number);
        let inner = call::attach_jail(inner.number);
        i32::from(outer.is_err() || inner.is_err())
    });
    check_eq!(both, Ok(Ended::Exited(0)), "one after the other");
    call::attach_jail(inner.number).context("attach_jail")?;
    check_eq!(
        call::attach_jail(number),
        Err(Errno::ESRCH),
        "back to the outer one"
    );
    Ok(())
}

fn undo() -> CaseResult {
    jail::private_tables()?;
    let set = Object::create(Family::Sem, 0o600).context("creating")?;
    sem::set_value(set.id, 0, 5).context("SETVAL")?;
    let inmate = Inmate::start(|| Ok(()))?;
    let child = Inmate::start_by(
        || {
            sem::op(set.id, 0, -3, sem::SEM_UNDO).context("semop")?;
            call::attach_jail(inmate.number).context("attach_jail")?;
            jail::number()
        },
        || Ok(()),
    )?;
    check_eq!(child.number, inmate.number, "the number of the child");
    check_eq!(
        sem::get_value(set.id, 0),
        Ok(5),
        "the value while the process is alive in the jail"
    );
    Ok(())
}
