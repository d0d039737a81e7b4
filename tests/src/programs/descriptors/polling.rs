// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for the end of a jail.

use jaula_tests::descriptor::{check_stays, close_owners, open, wait_for_end, Owner, ALL};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::sys::jailfd::{self as call, Epoll, ENDED};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{jail as number_call, Result as SysResult};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check_eq, jail, jailfs, procfs};
use std::os::fd::{AsRawFd, OwnedFd};

pub fn add(suite: &mut Suite) {
    suite.case("poll: a jail that is destroyed by its number", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, 0)?;
        ends(&jail, || {
            number_call::destroy_jail(inmate.number).context("destroy_jail")
        })
    });
    suite.case("poll: a jail that is destroyed by a descriptor", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, ALL)?;
        ends(&jail, || {
            call::destroy_jailfd(jail.as_raw_fd(), 0).context("destroy_jailfd")
        })
    });
    suite.case("poll: a jail that ends by itself", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, 0)?;
        // A zombie keeps no jail.
        ends(&jail, || {
            process::kill(inmate.pid, libc::SIGKILL).context("kill")
        })
    });
    suite.case("poll: a jail whose owner is closed", || {
        let owner = Owner::new()?;
        let inmate = owner.member(|| Ok(()))?;
        let jail = owner.plain(0)?;
        ends(&jail, || {
            drop(owner);
            Ok(())
        })?;
        inmate.check_killed()
    });
    suite.case("poll: the owner reports it as well", || {
        let owner = Owner::new()?;
        ends(&owner.descriptor, || {
            number_call::destroy_jail(owner.number).context("destroy_jail")
        })
    });
    suite.case("poll: nothing while anything is left", left);
    suite.case("poll: a jail that has ended already", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let jail = open(inmate.number, 0)?;
        number_call::destroy_jail(inmate.number).context("destroy_jail")?;
        for _ in 0..3 {
            check_eq!(call::poll(&[&jail], -1), Ok(vec![ENDED]), "each time");
        }
        Ok(())
    });
    suite.case("poll: several wait for one jail", several_pollers);
    suite.case("poll: one waits for several jails", several_jails);
    suite.case("epoll: by level and by edge", epoll);
}

/// Fails unless a descriptor reports nothing before `end`, and the end of its jail afterwards.
fn ends(jail: &OwnedFd, end: impl FnOnce() -> CaseResult) -> CaseResult {
    check_stays(jail)?;
    end()?;
    wait_for_end(jail)
}

fn left() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        Object::create(Family::Sem, 0o600)
            .map(drop)
            .context("semget")
    })?;
    let jail = open(inmate.number, 0)?;
    jailfs::set(inmate.number, "children.max", "1")?;
    let within = Inmate::start_within(inmate.number, || Ok(()))?;
    let number = inmate.number;
    drop(inmate);
    jailfs::wait_for(number, "tasks", 0)?;
    check_stays(&jail).context("with an object and a jail")?;
    drop(within);
    jailfs::wait_for(number, "children", 0)?;
    check_stays(&jail).context("with an object")?;
    number_call::destroy_jail(number).context("destroy_jail")?;
    wait_for_end(&jail)
}

/// A process that owns nothing, and exits with 0 when poll has reported the end of a jail to it.
fn poller(jail: &OwnedFd) -> Result<libc::pid_t, Failure> {
    process::fork(|| {
        let closed = close_owners();
        let reported = call::poll(&[jail], -1);
        i32::from(closed.is_err() || reported != Ok(vec![ENDED]))
    })
    .context("fork")
}

fn several_pollers() -> CaseResult {
    let owner = Owner::new()?;
    let jail = owner.plain(0)?;
    let other = owner.plain(0)?;
    let pollers = [&jail, &jail, &other, &other, &jail]
        .into_iter()
        .map(poller)
        .collect::<Result<Vec<_>, _>>()?;
    for pid in &pollers {
        procfs::wait_until_asleep(*pid)?;
        check_eq!(process::try_wait(*pid), Ok(None), "before the end");
    }
    drop(owner);
    let ended: SysResult<Vec<_>> = pollers.into_iter().map(process::wait).collect();
    check_eq!(ended, Ok(vec![Ended::Exited(0); 5]), "all of them");
    Ok(())
}

fn several_jails() -> CaseResult {
    let (first, second) = (Owner::new()?, Owner::new()?);
    let jails = [first.plain(0)?, second.plain(0)?];
    let both = [&jails[0], &jails[1]];
    check_eq!(call::poll(&both, 0), Ok(vec![0, 0]), "before");
    drop(second);
    check_eq!(call::poll(&both, -1), Ok(vec![0, ENDED]), "the second");
    drop(first);
    wait_for_end(&jails[0])?;
    check_eq!(call::poll(&both, -1), Ok(vec![ENDED, ENDED]), "both");
    Ok(())
}

fn epoll() -> CaseResult {
    const REPORTED: u32 = ENDED as u32;
    let (first, second) = (Owner::new()?, Owner::new()?);
    let (level, edge) = (Epoll::new()?, Epoll::new()?);
    let jails = [first.plain(0)?, second.plain(0)?];
    for (name, jail) in (1..).zip(&jails) {
        level.add(jail, name, false).context("epoll_ctl")?;
        edge.add(jail, name, true).context("epoll_ctl")?;
    }
    check_eq!(level.wait(0), Ok(vec![]), "before");
    check_eq!(edge.wait(0), Ok(vec![]), "before, by edge");
    drop(second);
    check_eq!(level.wait(-1), Ok(vec![(2, REPORTED)]), "the second");
    check_eq!(edge.wait(-1), Ok(vec![(2, REPORTED)]), "by edge");
    check_eq!(level.wait(0), Ok(vec![(2, REPORTED)]), "once more");
    check_eq!(edge.wait(0), Ok(vec![]), "by edge only once");
    drop(first);
    check_eq!(edge.wait(-1), Ok(vec![(1, REPORTED)]), "then the first");
    // One that is watched after its end.
    let late = Epoll::new()?;
    late.add(&jails[0], 3, true).context("epoll_ctl")?;
    check_eq!(late.wait(-1), Ok(vec![(3, REPORTED)]), "one that is late");
    Ok(())
}
