// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much a jail may have.

use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{jail as call, process, shm, Errno};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check_eq, jail, jailfs};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("tasks: EAGAIN from fork", tasks);
    suite.case("threads are tasks: EAGAIN", threads);
    suite.case("a thread counts until it has exited", ended_threads);
    suite.case(
        "a task that nobody waits for counts until it has exited",
        unawaited,
    );
    suite.case("a task counts until it has been waited for", zombies);
    for (family, file) in [
        (Family::Sem, "sem"),
        (Family::Shm, "shm"),
        (Family::Msg, "msg"),
    ] {
        suite.case(&format!("{family}: ENOSPC"), move || objects(family, file));
    }
    suite.case("bytes of shared memory: ENOSPC", bytes);
    suite.case("a limit below what there is takes nothing away", below);
    suite.case("a limit is for one jail", || {
        jail::private_tables()?;
        let limited = Inmate::start(|| Ok(()))?;
        jailfs::set(limited.number, "sem.max", "0")?;
        jailfs::set(limited.number, "tasks.max", "1")?;
        Inmate::start(|| {
            process::in_child(|| 0).context("fork")?;
            Object::create(Family::Sem, 0o600)
                .map(drop)
                .context("semget")
        })
        .map(drop)
    });
    suite.case("creations that fail otherwise do not count", failures);
    suite.run(chosen)
}

/// Does something as another process of the jail.
fn inside(number: i64, what: impl FnOnce() -> CaseResult) -> Result<Inmate, Failure> {
    Inmate::start_in(number, what)
}

fn tasks() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "tasks.max", "4")?;
    let second = inside(inmate.number, || {
        for _ in 0..2 {
            process::fork(|| wait_for_ever()).context("fork")?;
        }
        for _ in 0..3 {
            let got = process::fork(|| 0).map(drop);
            check_eq!(got, Err(Errno::EAGAIN), "a fifth");
        }
        Ok(())
    })?;
    check_eq!(jailfs::value(inmate.number, "tasks")?, 4, "tasks");
    check_eq!(
        jailfs::value(inmate.number, "refusals.tasks")?,
        3,
        "refusals"
    );
    jailfs::set(inmate.number, "tasks.max", "max")?;
    let third = inside(inmate.number, || {
        process::in_child(|| 0).map(drop).context("fork")
    })?;
    drop((second, third));
    call::destroy_jail(inmate.number).context("destroy_jail")
}

fn threads() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "tasks.max", "3")?;
    let second = inside(inmate.number, || {
        let first = std::thread::Builder::new().spawn(|| wait_for_ever());
        let second = std::thread::Builder::new().spawn(|| wait_for_ever());
        check_eq!(first.is_ok(), true, "the third task");
        check_eq!(
            second.map(drop).map_err(|error| jailfs::errno(&error)),
            Err(Errno::EAGAIN),
            "the fourth"
        );
        Ok(())
    })?;
    drop(second);
    Ok(())
}

fn zombies() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let number = inmate.number;
    jailfs::set(number, "tasks.max", "4")?;
    let second = inside(number, || {
        for round in 0..20 {
            let mut children = Vec::new();
            for _ in 0..2 {
                let child = process::fork(|| 0).context("fork")?;
                children.push(child);
                while jaula_tests::procfs::state(child)? != 'Z' {
                    process::nap();
                }
            }
            let third = process::fork(|| 0).map(drop);
            check_eq!(third, Err(Errno::EAGAIN), "with two zombies, round {round}");
            for child in children {
                process::wait(child).context("wait")?;
            }
            // What has been waited for has made room by now, each time.
        }
        process::fork(|| 0).map(drop).context("fork")
    })?;
    jailfs::wait_for(number, "tasks", 3)?;
    drop(second);
    // The zombie has been left to the first process of all, which waits for it.
    jailfs::wait_for(number, "tasks", 1)?;
    drop(inmate);
    jailfs::wait_until_gone(number)
}

fn ended_threads() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "tasks.max", "3")?;
    inside(inmate.number, || {
        for _ in 0..50 {
            let thread = loop {
                // A thread that was joined is a moment away from its end.
                match std::thread::Builder::new().spawn(|| ()) {
                    Ok(thread) => break thread,
                    Err(_) => process::nap(),
                }
            };
            thread.join().map_err(|_| fail("a thread has failed"))?;
        }
        Ok(())
    })
    .map(drop)
}

fn unawaited() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let number = inmate.number;
    jailfs::set(number, "tasks.max", "4")?;
    let second = inside(number, || {
        process::ignore_children().context("ignoring SIGCHLD")?;
        for _ in 0..20 {
            loop {
                match process::fork(|| 0) {
                    Ok(_) => break,
                    Err(Errno::EAGAIN) => process::nap(),
                    Err(errno) => return Err(errno).context("fork"),
                }
            }
        }
        Ok(())
    })?;
    jailfs::wait_for(number, "tasks", 2)?;
    drop(second);
    Ok(())
}

fn objects(family: Family, file: &str) -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, &format!("{file}.max"), "2")?;
    let second = inside(inmate.number, || {
        let first = Object::create(family, 0o600).context("the first")?;
        Object::create(family, 0o600).context("the second")?;
        let got = Object::create(family, 0o600).map(drop);
        check_eq!(got, Err(Errno::ENOSPC), "the third");
        first.remove().context("removing")?;
        Object::create(family, 0o600)
            .map(drop)
            .context("in its place")
    })?;
    check_eq!(jailfs::value(second.number, file)?, 2, "{file}");
    for kind in ["sem", "shm", "msg"] {
        let expected = u64::from(kind == file);
        let refused = jailfs::value(second.number, &format!("refusals.{kind}"))?;
        check_eq!(refused, expected, "refusals of {kind}");
    }
    Ok(())
}

fn bytes() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "shm_bytes.max", "10000")?;
    let second = inside(inmate.number, || {
        let get = |size| shm::get(libc::IPC_PRIVATE, size, 0o600);
        check_eq!(
            get(10_001).map(drop),
            Err(Errno::ENOSPC),
            "more than there may be"
        );
        let first = get(6000).context("6 000 bytes")?;
        check_eq!(get(4001).map(drop), Err(Errno::ENOSPC), "4 001 more");
        get(4000).context("4 000 more")?;
        check_eq!(get(1).map(drop), Err(Errno::ENOSPC), "one more");
        shm::remove(first).context("removing")?;
        get(6000).map(drop).context("6 000 again")
    })?;
    check_eq!(
        jailfs::value(second.number, "shm_bytes")?,
        10_000,
        "shm_bytes"
    );
    check_eq!(jailfs::value(second.number, "shm")?, 2, "shm");
    check_eq!(
        jailfs::value(second.number, "refusals.shm_bytes")?,
        3,
        "refusals"
    );
    check_eq!(
        jailfs::value(second.number, "refusals.shm")?,
        0,
        "refusals of segments"
    );
    Ok(())
}

fn below() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        for _ in 0..3 {
            Object::create(Family::Shm, 0o600).context("shmget")?;
        }
        process::fork(|| wait_for_ever()).map(drop).context("fork")
    })?;
    for file in ["shm.max", "shm_bytes.max"] {
        jailfs::set(inmate.number, file, "1")?;
    }
    check_eq!(jailfs::value(inmate.number, "shm")?, 3, "shm");
    let other = inside(inmate.number, || {
        let got = Object::create(Family::Shm, 0o600).map(drop);
        check_eq!(got, Err(Errno::ENOSPC), "a segment");
        // Other kinds have limits of their own.
        Object::create(Family::Sem, 0o600)
            .map(drop)
            .context("semget")
    })?;
    jailfs::set(other.number, "tasks.max", "1")?;
    check_eq!(jailfs::value(other.number, "tasks")?, 3, "tasks");
    check_eq!(
        call::attach_jail(other.number),
        Err(Errno::EAGAIN),
        "attach_jail"
    );
    Ok(())
}

fn failures() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        let set = Object::create_with_key(Family::Sem, 0x6c69_0001, 0o600).context("semget")?;
        for _ in 0..5 {
            let got =
                jaula_tests::sys::sem::get(set.key, 4, 0o600 | libc::IPC_CREAT | libc::IPC_EXCL);
            check_eq!(got.map(drop), Err(Errno::EEXIST), "a key that is in use");
            let got = shm::get(libc::IPC_PRIVATE, 0, 0o600);
            check_eq!(got.map(drop), Err(Errno::EINVAL), "no bytes");
        }
        // Fails when the task is nearly made: there is no place for the descriptor's number.
        for _ in 0..5 {
            let got = process::clone(libc::CLONE_PIDFD | libc::SIGCHLD, || 0);
            check_eq!(got.map(drop), Err(Errno::EFAULT), "CLONE_PIDFD to nowhere");
        }
        Ok(())
    })?;
    for (file, value) in [("sem", 1), ("shm", 0), ("shm_bytes", 0), ("tasks", 1)] {
        check_eq!(jailfs::value(inmate.number, file)?, value, "{file}");
    }
    Ok(())
}
