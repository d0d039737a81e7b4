// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals. Each attack has one of its own, which the target lets wait, so that what has arrived
//! can be seen.

use super::attack::{Area, Attack, Attempt, Needed, Proof};
use super::need::Need;
use super::scene::Scene;
use super::victim::has_pending;
use crate::sys::{peer, process, Errno};
use std::os::unix::net::UnixStream;

const EPERM: Errno = Errno::EPERM;

/// Signals of one's own, real-time ones: `SIGRTMIN` of the C library and up.
const QUEUED: i32 = 36;
const QUEUED_TO_THREAD: i32 = 37;
const BY_PIDFD: i32 = 38;
const TO_OWNER: i32 = 39;
const TO_OWNING_GROUP: i32 = 40;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt, proof: Proof) -> Attack {
    Attack::crossing(Area::Signals, name, attempt, EPERM)
        .counted("refusals.signal")
        .needs(Need::Kill)
        .proven(proof)
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    attack("kill", kill, |target| has_pending(target, libc::SIGUSR1)),
    // From above it is a question, which is free.
    Attack::crossing(Area::Signals, "kill with signal 0", exists, EPERM).counted("refusals.signal"),
    attack("tkill", tkill, |target| has_pending(target, libc::SIGUSR2)),
    attack("tgkill", tgkill, |target| {
        has_pending(target, libc::SIGALRM)
    }),
    attack("rt_sigqueueinfo", queue, |target| {
        has_pending(target, QUEUED)
    }),
    attack("rt_tgsigqueueinfo", queue_to_thread, |target| {
        has_pending(target, QUEUED_TO_THREAD)
    }),
    attack("pidfd_send_signal", by_pidfd, |target| {
        has_pending(target, BY_PIDFD)
    }),
    attack("kill of its process group", kill_group, |target| {
        has_pending(target, libc::SIGTERM)
    }),
    // What is skipped on the way to those that may be reached is not a refusal of the call.
    attack(
        "kill of a process group that spans the wall",
        kill_shared_group,
        |target| has_pending(target, libc::SIGURG),
    )
    .without_error()
    .uncounted(),
    attack("kill of everybody", kill_all, |target| {
        has_pending(target, libc::SIGWINCH)
    })
    .without_error()
    .uncounted(),
    attack("F_SETOWN and SIGIO", own, |target| {
        has_pending(target, TO_OWNER)
    })
    .without_error(),
    attack(
        "F_SETOWN and SIGIO to its process group",
        own_group,
        |target| has_pending(target, TO_OWNING_GROUP),
    )
    .without_error(),
];

fn kill(scene: &Scene) -> Attempt {
    Ok(process::kill(scene.target.pid, libc::SIGUSR1)?)
}

fn exists(scene: &Scene) -> Attempt {
    Ok(process::kill(scene.target.pid, 0)?)
}

fn tkill(scene: &Scene) -> Attempt {
    Ok(peer::tkill(scene.target.pid, libc::SIGUSR2)?)
}

fn tgkill(scene: &Scene) -> Attempt {
    let pid = scene.target.pid;
    Ok(peer::tgkill(pid, pid, libc::SIGALRM)?)
}

fn queue(scene: &Scene) -> Attempt {
    Ok(peer::queue(scene.target.pid, QUEUED)?)
}

fn queue_to_thread(scene: &Scene) -> Attempt {
    let pid = scene.target.pid;
    Ok(peer::queue_to_thread(pid, pid, QUEUED_TO_THREAD)?)
}

fn by_pidfd(scene: &Scene) -> Attempt {
    let process = peer::pidfd(scene.target.pid).needed("pidfd_open")?;
    Ok(peer::send_by_pidfd(&process, BY_PIDFD)?)
}

fn kill_group(scene: &Scene) -> Attempt {
    Ok(process::kill(-scene.target.pid, libc::SIGTERM)?)
}

fn kill_shared_group(scene: &Scene) -> Attempt {
    process::set_process_group(scene.target.pid).needed("joining the target's process group")?;
    Ok(process::kill(0, libc::SIGURG)?)
}

/// The signal is one that processes ignore unless they say otherwise.
fn kill_all(_scene: &Scene) -> Attempt {
    Ok(process::kill(-1, libc::SIGWINCH)?)
}

/// Makes a socket ready to be read of which `owner` is to be told.
fn tell(owner: libc::pid_t, signal: i32) -> Attempt {
    let (ours, mut theirs) = UnixStream::pair().needed("socketpair")?;
    peer::set_owner(&ours, owner, signal)?;
    std::io::Write::write_all(&mut theirs, b"x").needed("writing")?;
    Ok(())
}

fn own(scene: &Scene) -> Attempt {
    tell(scene.target.pid, TO_OWNER)
}

fn own_group(scene: &Scene) -> Attempt {
    tell(-scene.target.pid, TO_OWNING_GROUP)
}
