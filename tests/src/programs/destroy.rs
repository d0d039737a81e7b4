// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ending a jail: whatever its processes do, and nothing else.

mod ipc;
mod mqueue;
mod processes;
mod waiting;

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::{ids, jail as call, process, Errno};
use jaula_tests::sysv::Family;
use jaula_tests::{check_eq, jail, jailfs};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for (name, inside) in processes::WAYS {
        suite.case(&format!("ends {name}"), move || processes::ended(inside));
    }
    suite.case("ends one that is stopped", processes::stopped);
    suite.case("ends one that is traced and stopped", processes::traced);
    suite.case(
        "ends one that its tracer makes stop when it exits",
        processes::traced_to_the_end,
    );
    suite.case("does not wait for a zombie to be reaped", processes::zombie);
    suite.case("ends a fork bomb", processes::fork_bomb);
    suite.case("ends the jails within, and theirs", processes::descendants);
    suite.case(
        "ends many jails within, and theirs",
        processes::many_descendants,
    );
    suite.case("ends one that has attached itself", processes::attached);
    suite.case("ends a jail in which nothing is but an object", || {
        ipc::deserted_jail()
    });
    for family in Family::ALL {
        suite.case(
            &format!("removes a {family}, and no other jail's"),
            move || ipc::removed(family),
        );
    }
    suite.case("removes objects in every IPC namespace", ipc::namespaces);
    suite.case("removes a thousand objects", ipc::many);
    suite.case("removes shared memory that is attached", ipc::attached);
    suite.case(
        "removes message queues of POSIX, and no other jail's",
        mqueue::removed,
    );
    suite.case("removes them in every IPC namespace", mqueue::namespaces);
    suite.case(
        "removes them when a jail ends by itself",
        mqueue::ended_by_itself,
    );
    suite.case("keeps them while the jail is kept", mqueue::kept);
    suite.case("their names are free then", mqueue::name_is_free);
    suite.case(
        "a signal interrupts the wait, and no more",
        waiting::interrupted,
    );
    suite.case(
        "several at once: all return when it has ended",
        waiting::several,
    );
    suite.case("no process enters a jail that is ending", waiting::no_entry);
    suite.case("no such jail: ESRCH", || {
        let number = Inmate::start(|| Ok(()))?.number;
        jailfs::wait_until_gone(number)?;
        check_eq!(call::destroy_jail(number), Err(Errno::ESRCH), "a dead one");
        check_eq!(
            call::destroy_jail(i64::from(i32::MAX)),
            Err(Errno::ESRCH),
            "one that has never been"
        );
        Ok(())
    });
    suite.case("no number of a jail: EINVAL", || {
        for number in [0, -1, i64::from(i32::MIN)] {
            check_eq!(call::destroy_jail(number), Err(Errno::EINVAL), "{number}");
        }
        Ok(())
    });
    suite.case("the caller's own jail: EINVAL", || {
        let number = jail::enter()?;
        check_eq!(
            call::destroy_jail(number),
            Err(Errno::EINVAL),
            "from within"
        );
        Ok(())
    });
    suite.case("a jail beside the caller's: ESRCH", beside);
    suite.case("without CAP_SYS_ADMIN: EPERM", || {
        let inmate = Inmate::start(|| Ok(()))?;
        ids::drop_capability(ids::CAP_SYS_ADMIN, true).context("capset")?;
        for number in [inmate.number, 0, -1, i64::from(i32::MAX)] {
            check_eq!(call::destroy_jail(number), Err(Errno::EPERM), "{number}");
        }
        check_eq!(
            process::kill(inmate.pid, 0),
            Ok(()),
            "the process in the jail"
        );
        Ok(())
    });
    suite.run(chosen)
}

fn beside() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let number = inmate.number;
    let other = Inmate::start(move || {
        check_eq!(call::destroy_jail(number), Err(Errno::ESRCH), "a sibling");
        Ok(())
    })?;
    for inmate in [&inmate, &other] {
        check_eq!(
            jailfs::read(inmate.number, "state"),
            Ok("alive".to_owned()),
            "the state of jail {}",
            inmate.number
        );
    }
    Ok(())
}
