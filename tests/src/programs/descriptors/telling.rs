// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a descriptor tells: by `read`, and in `/proc/PID/fdinfo`.

use jaula_tests::descriptor::{apart, check_stays, open, text, wait_for_end};
use jaula_tests::descriptor::{Info, Owner, Status, ALL, RIGHTS};
use jaula_tests::inmate::{reluctant, Inmate};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::sys::jailfd as call;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as number_call, Errno};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check, check_eq, jail, jailfs, wait};
use std::os::fd::AsRawFd;

pub fn add(suite: &mut Suite) {
    suite.case("read: it tells what is in the jail", contents);
    suite.case("read: a task that has exited counts no more", exited);
    suite.case("read: each tells it anew, at any offset", anew);
    suite.case("read: a buffer that is too short: EINVAL", too_short);
    suite.case("read: a jail that is dying, and one that is dead", states);
    suite.case("/proc/PID/fdinfo tells jail, owner and rights", fdinfo);
    suite.case("read: by whoever has it", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, 0)?;
        apart(|| {
            jail::enter()?;
            ids::become_user(1000)?;
            check_eq!(Status::of(&jail)?.number, inmate.number, "from elsewhere");
            Ok(())
        })
    });
    suite.case("number and time of creation tell jails apart", told_apart);
}

fn contents() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        for (family, count) in [(Family::Sem, 1), (Family::Shm, 2), (Family::Msg, 3)] {
            for _ in 0..count {
                Object::create(family, 0o600).context("creating")?;
            }
        }
        process::fork(|| jaula_tests::inmate::wait_for_ever())
            .map(drop)
            .context("fork")
    })?;
    jailfs::set(inmate.number, "children.max", "2")?;
    let jail = open(inmate.number, ALL)?;
    let within = Owner::within(jail.as_raw_fd())?;
    let expected = Status {
        number: inmate.number,
        created: jailfs::read(inmate.number, "created").context("created")?,
        state: "alive".to_owned(),
        tasks: 2,
        children: 1,
        sem: 1,
        shm: 2,
        msg: 3,
    };
    check_eq!(Status::of(&jail)?, expected, "what is told");
    let told = Status::of(&within.descriptor)?;
    check_eq!(
        (told.tasks, told.children, told.sem),
        (0, 0, 0),
        "of the one within"
    );
    Ok(())
}

fn exited() -> CaseResult {
    let owner = Owner::new()?;
    let inmate = owner.member(|| Ok(()))?;
    check_eq!(Status::of(&owner.descriptor)?.tasks, 1, "before");
    process::kill(inmate.pid, libc::SIGKILL)?;
    wait::until("no task is told of", || {
        Ok(Status::of(&owner.descriptor)?.tasks == 0)
    })?;
    // Nobody has waited for it.
    check_eq!(jailfs::value(owner.number, "tasks")?, 1, "the file tasks");
    Ok(())
}

fn anew() -> CaseResult {
    let owner = Owner::new()?;
    let first = text(&owner.descriptor)?;
    check_eq!(text(&owner.descriptor)?, first, "a second read");
    for offset in [1, first.len() as u32, 1 << 20] {
        let got = call::read(&owner.descriptor, 4096, Some(offset)).context("pread")?;
        let got = String::from_utf8_lossy(&got).into_owned();
        check_eq!(got, first, "at the offset {offset}");
    }
    let _inmate = owner.member(|| Ok(()))?;
    check_eq!(Status::of(&owner.descriptor)?.tasks, 1, "after a change");
    Ok(())
}

fn too_short() -> CaseResult {
    let owner = Owner::new()?;
    let length = text(&owner.descriptor)?.len();
    for short in [0, 1, length - 1] {
        let got = call::read(&owner.descriptor, short, None);
        // The kernel may not ask at all about nothing.
        let fits = short == 0 && got == Ok(vec![]);
        check!(
            fits || got == Err(Errno::EINVAL),
            "{short} of {length} bytes: {got:?}"
        );
    }
    let got = call::read(&owner.descriptor, length, None).context("read")?;
    check_eq!(got.len(), length, "just enough");
    Ok(())
}

fn states() -> CaseResult {
    let (inmate, traced) = reluctant(jail::enter)?;
    let jail = open(inmate.number, 0)?;
    let before = Status::of(&jail)?;
    check_eq!(before.state, "alive", "before");
    let number = inmate.number;
    let destroyer = process::fork(move || i32::from(number_call::destroy_jail(number).is_err()))
        .context("fork")?;
    wait::until("it is dying", || Ok(Status::of(&jail)?.state == "dying"))?;
    check_eq!(call::poll(&[&jail], 0), Ok(vec![0]), "what poll reports");
    process::wait(traced).context("waiting for what is traced")?;
    wait_for_end(&jail)?;
    check_eq!(process::wait(destroyer), Ok(Ended::Exited(0)), "its end");
    let expected = Status {
        state: "dead".to_owned(),
        tasks: 0,
        ..before
    };
    check_eq!(Status::of(&jail)?, expected, "afterwards");
    Ok(())
}

fn fdinfo() -> CaseResult {
    let owner = Owner::new()?;
    let created = jailfs::read(owner.number, "created").context("created")?;
    let expected = |owns: bool, rights: &str| Info {
        jail: owner.number,
        created: created.clone(),
        owner: owns,
        rights: rights.to_owned(),
    };
    let all = "read attach administer";
    let info = Info::of(&owner.descriptor)?;
    check_eq!(info, expected(true, all), "the owner");
    for (rights, told) in RIGHTS {
        let info = Info::of(&owner.plain(rights)?)?;
        check_eq!(info, expected(false, told), "a plain one");
    }
    let _inmate = owner.member(|| Ok(()))?;
    call::disown_jail(owner.raw(), 0)?;
    let info = Info::of(&owner.descriptor)?;
    check_eq!(info, expected(false, all), "one that owns it no more");
    Ok(())
}

fn told_apart() -> CaseResult {
    let first = Owner::new()?;
    let old = first.plain(ALL)?;
    drop(first);
    wait_for_end(&old)?;
    let told = Status::of(&old)?;
    for _ in 0..5 {
        let other = Owner::new()?;
        let status = Status::of(&other.descriptor)?;
        check!(
            (status.number, &status.created) != (told.number, &told.created),
            "two jails are {} of {}",
            told.number,
            told.created
        );
        call::destroy_jailfd(old.as_raw_fd(), 0).context("the old one")?;
        check_stays(&other.descriptor)?;
    }
    check_eq!(Status::of(&old)?, told, "what the old one tells");
    Ok(())
}
