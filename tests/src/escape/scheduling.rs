// SPDX-License-Identifier: MIT OR Apache-2.0

//! Priorities, policies, processors, limits, process groups and pages of others.

use super::attack::{Area, Attack, Attempt, Down, Expected, Role, Stop};
use super::need::Need;
use super::procfs::refused;
use super::scene::{Scene, Target};
use crate::ktap::{Context, Failure};
use crate::sys::schedule::{self, Whose};
use crate::sys::{ids, peer, Errno};
use std::io::{self, Write};

const EPERM: Errno = Errno::EPERM;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Scheduling, name, attempt, EPERM).counted("refusals.sched")
}

/// The rows of the table. Nice values only rise, as is free to all.
pub const ATTACKS: &[Attack] = &[
    attack("setpriority of the process", |scene| {
        set_nice(scene, Whose::Process, 5)
    })
    .needs(Need::Nice),
    attack("setpriority of its process group", |scene| {
        set_nice(scene, Whose::Group, 6)
    })
    .needs(Need::Nice),
    // The user of the target and of the attacker is one, who reaches himself, and is told that he
    // does not reach all.
    attack("setpriority of its user", |scene| {
        let user = scene.role.id();
        Ok(schedule::set_nice(Whose::User, user, NICE_BY_USER)?)
    })
    .needs(Need::Nice)
    .proven(has_nice_by_user)
    .only(Role::User),
    attack("getpriority of the process", |scene| {
        schedule::nice_of(scene.target.pid)?;
        Ok(())
    }),
    attack("sched_setscheduler", |scene| {
        Ok(schedule::set_batch(scene.target.pid)?)
    })
    .needs(Need::Nice),
    attack("sched_getscheduler", |scene| {
        Ok(schedule::policy(scene.target.pid)?)
    }),
    attack("sched_setparam", |scene| {
        Ok(schedule::set_parameter(scene.target.pid)?)
    })
    .needs(Need::Nice),
    attack("sched_getparam", |scene| {
        Ok(schedule::parameter(scene.target.pid)?)
    }),
    attack("sched_setattr", |scene| {
        Ok(schedule::set_attributes(scene.target.pid, 8)?)
    })
    .needs(Need::Nice),
    attack("sched_getattr", |scene| {
        Ok(schedule::attributes(scene.target.pid)?)
    }),
    attack("sched_rr_get_interval", |scene| {
        Ok(schedule::interval(scene.target.pid)?)
    }),
    attack("sched_setaffinity", |scene| {
        Ok(schedule::set_affinity(scene.target.pid)?)
    })
    .needs(Need::Nice),
    attack("sched_getaffinity", |scene| {
        Ok(schedule::affinity(scene.target.pid)?)
    }),
    attack("prlimit, reading", |scene| {
        schedule::limit(scene.target.pid)?;
        Ok(())
    }),
    attack("prlimit, setting", |scene| {
        Ok(schedule::set_limit(scene.target.pid, [1 << 40, u64::MAX])?)
    })
    .needs(Need::Resource),
    attack("ioprio_set", |scene| {
        Ok(schedule::set_io_priority(scene.target.pid)?)
    })
    .needs(Need::Nice),
    attack("ioprio_get", |scene| {
        Ok(schedule::io_priority(scene.target.pid)?)
    }),
    attack("getpgid", |scene| {
        peer::group_of(scene.target.pid)?;
        Ok(())
    }),
    attack("getsid", |scene| {
        peer::session_of(scene.target.pid)?;
        Ok(())
    }),
    attack("capget", |scene| {
        Ok(ids::read_capabilities_of(scene.target.pid)?)
    }),
    // By the control group that somebody has left in the root directory.
    Attack::crossing(Area::Scheduling, "cgroup.procs", move_by_group, EPERM)
        .for_user(Expected::Fails(Errno::EACCES))
        .counted("refusals.proc")
        .from_above(Down::FromHost(EPERM)),
    attack("move_pages", |scene| {
        let address = peer::address_of(&super::scene::MEMORY) & !4095;
        Ok(schedule::locate_pages(scene.target.pid, address)?)
    })
    // Whether the target may be looked into comes first.
    .counted("refusals.ptrace")
    .needs(Need::Move),
    attack("migrate_pages", |scene| {
        Ok(schedule::migrate_pages(scene.target.pid)?)
    })
    .counted("refusals.ptrace")
    .needs(Need::Move),
];

/// Puts the target into the root control group, in which it is.
fn move_by_group(scene: &Scene) -> Attempt {
    let file = std::fs::File::options()
        .write(true)
        .open("/cgroup/cgroup.procs");
    match file.and_then(|mut file| write!(file, "{}", scene.target.pid)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Stop::NotHere("the kernel has no control groups".into()))
        }
        other => other.map_err(refused),
    }
}

const NICE_BY_USER: i32 = 7;

fn set_nice(scene: &Scene, whose: Whose, nice: i32) -> Attempt {
    let id = u32::try_from(scene.target.pid)
        .map_err(|_| Stop::Broken("the target has no number".into()))?;
    Ok(schedule::set_nice(whose, id, nice)?)
}

fn has_nice_by_user(target: &Target) -> Result<bool, Failure> {
    let nice = schedule::nice_of(target.pid).context("getpriority")?;
    Ok(nice == NICE_BY_USER)
}
