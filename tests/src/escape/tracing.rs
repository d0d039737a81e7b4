// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tracing, and what asks whether one may trace: memory, descriptors, comparisons.

use super::attack::{Area, Attack, Attempt, Down, Expected, Needed, Stop};
use super::need::Need;
use super::scene::{Scene, MEMORY};
use crate::sys::{peer, process, trace, Errno};
use std::sync::atomic::Ordering;

const EPERM: Errno = Errno::EPERM;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Tracing, name, attempt, EPERM)
        .counted("refusals.ptrace")
        .needs(Need::Attach)
}

/// What asks whether one may look, and no more.
const fn look(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    attack(name, attempt).needs(Need::Look)
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    attack("PTRACE_ATTACH", attach),
    attack("PTRACE_SEIZE", seize),
    attack("process_vm_readv", read),
    attack("process_vm_writev", write),
    attack("pidfd_getfd", take_descriptor),
    look("kcmp", compare),
    look("get_robust_list", robust_list),
    // Linux looks at the memory first and then asks for CAP_SYS_NICE. That it may be looked at is
    // asked so often and by so many that its refusal is neither counted nor logged.
    Attack::crossing(Area::Tracing, "process_madvise", advise, Errno::EACCES)
        .for_user(Expected::Fails(EPERM))
        .for_user_in_jail(Expected::Fails(Errno::EACCES))
        .needs(Need::Look)
        .from_above(Down::FromHost(EPERM)),
    // A jail may not count at all. On the host it is a look, whose refusal Linux tells in its own way.
    Attack::crossing(Area::Tracing, "perf_event_open", count, EPERM)
        .counted("refusals.capability")
        .needs(Need::Look)
        .refused_from_above_with(Errno::EACCES)
        .from_above(Down::HostAlone),
];

fn attach(scene: &Scene) -> Attempt {
    Ok(peer::attach_and_detach(scene.target.pid)?)
}

fn seize(scene: &Scene) -> Attempt {
    Ok(trace::seize(scene.target.pid, 0)?)
}

fn read(scene: &Scene) -> Attempt {
    let expected = MEMORY.load(Ordering::Relaxed).to_ne_bytes();
    let bytes = peer::read_memory(scene.target.pid, peer::address_of(&MEMORY), expected.len())?;
    match bytes == expected {
        true => Ok(()),
        false => Err(Stop::Broken(format!("the target has {bytes:?} there"))),
    }
}

/// Writes what is there already.
fn write(scene: &Scene) -> Attempt {
    let bytes = MEMORY.load(Ordering::Relaxed).to_ne_bytes();
    Ok(peer::write_memory(
        scene.target.pid,
        peer::address_of(&MEMORY),
        &bytes,
    )?)
}

fn take_descriptor(scene: &Scene) -> Attempt {
    let process = peer::pidfd(scene.target.pid).needed("pidfd_open")?;
    peer::take_descriptor(&process, scene.target.descriptor)?;
    Ok(())
}

fn compare(scene: &Scene) -> Attempt {
    Ok(peer::compare_files(process::pid(), scene.target.pid, 0)?)
}

fn robust_list(scene: &Scene) -> Attempt {
    Ok(peer::robust_list(scene.target.pid)?)
}

fn advise(scene: &Scene) -> Attempt {
    let process = peer::pidfd(scene.target.pid).needed("pidfd_open")?;
    let page = peer::address_of(&MEMORY) & !4095;
    Ok(peer::advise(&process, page)?)
}

fn count(scene: &Scene) -> Attempt {
    peer::perf(scene.target.pid)?;
    Ok(())
}
