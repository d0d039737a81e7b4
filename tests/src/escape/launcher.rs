// SPDX-License-Identifier: MIT OR Apache-2.0

//! Attacks by a process that enters a jail in the course of them: what it has, or whom it knows,
//! is from outside.

use super::attack::{Area, Attack, Attempt, Needed, Role, Stop};
use super::attacker::in_child;
use super::scene::{Kept, Scene, Target, MEMORY};
use super::{cell, procfs, step, uring};
use crate::sys::process::{self, Ended};
use crate::sys::{ids, jail as call, key, peer, trace, tree, Errno, Result as SysResult};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const EPERM: Errno = Errno::EPERM;
const EINVAL: Errno = Errno::EINVAL;

/// What only a kernel with jails can refuse: on others there is nothing to enter.
const fn only_with_jails(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::entering(Area::Entering, name, attempt, EINVAL).only(Role::Root)
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    Attack::entering(
        Area::Entering,
        "CLONE_PARENT to a parent outside",
        clone_parent,
        EPERM,
    )
    .counted("refusals.sched"),
    Attack::entering(
        Area::Entering,
        "clone3 with CLONE_PARENT to a parent outside",
        clone3_parent,
        EPERM,
    )
    .counted("refusals.sched"),
    Attack::entering(
        Area::Entering,
        "PTRACE_TRACEME by a child outside",
        traced_from_inside,
        EPERM,
    )
    .counted("refusals.ptrace")
    .only(Role::Root),
    Attack::entering(
        Area::Entering,
        "KEYCTL_SESSION_TO_PARENT to a parent outside",
        session_to_parent,
        // Linux takes any refusal at this place for a lack of memory.
        Errno::ENOMEM,
    )
    .counted("refusals.key")
    .only(Role::Root),
    Attack::entering(
        Area::Entering,
        "io_uring as somebody registered outside",
        registered_outside,
        EPERM,
    )
    .counted("refusals.io_uring"),
    Attack::entering(
        Area::Entering,
        "io_uring as the launcher, registered inside",
        registered_inside,
        EPERM,
    )
    .counted("refusals.io_uring"),
    Attack::entering(
        Area::Entering,
        "a key in the session keyring from outside",
        session_from_outside,
        EPERM,
    )
    .without_error(),
    // Who enters keeps what it came with until it executes a program. It gives nothing of that away.
    Attack::entering(
        Area::Entering,
        "chroot by the program that the launcher executes",
        after_exec,
        EPERM,
    )
    .counted("refusals.capability")
    .only(Role::Root),
    Attack::entering(
        Area::Entering,
        "PTRACE_SEIZE of the launcher",
        |scene| on_launcher(scene, |launcher| Ok(trace::seize(launcher, 0)?)),
        EPERM,
    )
    .counted("refusals.ptrace"),
    Attack::entering(
        Area::Entering,
        "process_vm_readv of the launcher",
        |scene| {
            on_launcher(scene, |launcher| {
                let address = peer::address_of(&MEMORY);
                peer::read_memory(launcher, address, size_of_val(&MEMORY))?;
                Ok(())
            })
        },
        EPERM,
    )
    .counted("refusals.ptrace"),
    Attack::entering(
        Area::Entering,
        "pidfd_getfd of the launcher",
        |scene| {
            on_launcher(scene, |launcher| {
                let process = peer::pidfd(launcher).needed("pidfd_open")?;
                peer::take_descriptor(&process, 0)?;
                Ok(())
            })
        },
        EPERM,
    )
    .counted("refusals.ptrace"),
    Attack::entering(
        Area::Entering,
        "/proc/PID/mem of the launcher",
        |scene| {
            on_launcher(scene, |launcher| {
                procfs::open_to_write(&format!("/proc/{launcher}/mem"))
            })
        },
        Errno::EACCES,
    ),
    // Not in a root directory of its own, in which Linux lets nobody make one.
    Attack::entering(
        Area::Namespaces,
        "unshare(CLONE_NEWUSER) in a jail that may not",
        |scene| {
            enter(scene)?;
            in_child(|| Ok(ids::unshare(libc::CLONE_NEWUSER)?))
        },
        EPERM,
    )
    .counted("refusals.capability"),
    Attack::entering(
        Area::Namespaces,
        "clone(CLONE_NEWUSER) in a jail that may not",
        |scene| {
            enter(scene)?;
            in_child(|| {
                let child = process::clone(libc::CLONE_NEWUSER | libc::SIGCHLD, || 0)?;
                process::wait(child).needed("waiting for the child")?;
                Ok(())
            })
        },
        EPERM,
    )
    .counted("refusals.capability"),
    only_with_jails("create_newjail while tracing", |scene| {
        while_tracing(scene, || call::create_newjail().map(drop))
    }),
    only_with_jails("attach_jail while tracing", |scene| {
        let number = number(scene);
        while_tracing(scene, move || call::attach_jail(number))
    }),
    only_with_jails("create_newjail with a shared root directory", |scene| {
        with_shared_root(scene, || call::create_newjail().map(drop))
    }),
    only_with_jails("attach_jail with a shared root directory", |scene| {
        let number = number(scene);
        with_shared_root(scene, move || call::attach_jail(number))
    }),
];

/// Has an attack tried by a child of the caller, which is outside.
pub fn attempt(attack: &Attack, role: Role, jail: Option<i64>, target: &Target) -> Attempt {
    let scene = Scene {
        role,
        target: target.clone(),
        kept: Kept {
            namespace: None,
            handle: None,
        },
        jail,
        jaula: crate::jail::are_there(),
    };
    in_child(|| (attack.attempt)(&scene))
}

fn number(scene: &Scene) -> i64 {
    scene.jail.unwrap_or(1)
}

/// Enters the jail, if there are any, and becomes who attacks.
fn enter(scene: &Scene) -> Result<(), Stop> {
    if let Some(number) = scene.jail {
        call::attach_jail(number).needed("attach_jail")?;
    }
    if scene.role == Role::User {
        ids::become_user(scene.role.id()).needed("giving up root")?;
    }
    Ok(())
}

fn clone_parent(scene: &Scene) -> Attempt {
    enter(scene)?;
    process::clone(libc::CLONE_PARENT, || 0)?;
    Ok(())
}

fn clone3_parent(scene: &Scene) -> Attempt {
    enter(scene)?;
    process::clone3(libc::CLONE_PARENT as u64, || 0)?;
    Ok(())
}

/// A child that stays outside asks to be traced by its parent, which has entered.
fn traced_from_inside(scene: &Scene) -> Attempt {
    let (mut ours, mut theirs) = UnixStream::pair().needed("socketpair")?;
    let child = process::fork(|| {
        if theirs.read_exact(&mut [0]).is_err() {
            return libc::EIO;
        }
        match peer::trace_me() {
            Ok(()) => 0,
            Err(errno) => errno.0,
        }
    })
    .needed("fork")?;
    enter(scene)?;
    ours.write_all(b"x").needed("telling the child")?;
    match process::wait(child).needed("waiting for the child")? {
        Ended::Exited(0) => Ok(()),
        Ended::Exited(errno) => Err(Errno(errno).into()),
        other => Err(Stop::Broken(format!("the child ended by {other}"))),
    }
}

fn session_to_parent(scene: &Scene) -> Attempt {
    enter(scene)?;
    key::join_session(None).needed("beginning a session keyring")?;
    Ok(key::session_to_parent()?)
}

/// The ring knows who its maker was before it entered; a child in the jail uses it.
fn registered_outside(scene: &Scene) -> Attempt {
    let mut ring = uring::ring()?;
    let who = ring.register()?;
    enter(scene)?;
    in_child(move || {
        ring.try_open_as("/proc/self/status", Some(who))??;
        Ok(())
    })
}

/// The same by a launcher that has entered and is not bound yet.
fn registered_inside(scene: &Scene) -> Attempt {
    let mut ring = uring::ring()?;
    enter(scene)?;
    let who = ring.register()?;
    in_child(move || {
        ring.try_open_as("/proc/self/status", Some(who))??;
        Ok(())
    })
}

/// A child in the jail looks for what its launcher had outside.
fn session_from_outside(scene: &Scene) -> Attempt {
    const KEY: &str = "jaula-escape-kept";
    key::join_session(None).needed("beginning a session keyring")?;
    let kept = key::add(KEY, key::SESSION).needed("add_key")?;
    key::set_permissions(kept, key::ALL).needed("KEYCTL_SETPERM")?;
    enter(scene)?;
    in_child(|| match key::search(key::SESSION, KEY) {
        Ok(_) => Ok(()),
        Err(Errno::ENOKEY) => Err(Stop::NoEffect),
        Err(errno) => Err(errno.into()),
    })
}

/// The launcher changes its root directory, and executes a program that does so again.
fn after_exec(scene: &Scene) -> Attempt {
    let launcher = process::fork(|| {
        let begun = enter(scene).and_then(|()| tree::chroot(cell::path()).needed("chroot"));
        match begun {
            Ok(()) => step::become_program("/bin/set-user-id", "chroot"),
            Err(stop) => {
                eprintln!("the launcher: {stop:?}");
                255
            }
        }
    })
    .needed("fork")?;
    match process::wait(launcher).needed("waiting for the launcher")? {
        Ended::Exited(0) => Ok(()),
        Ended::Exited(255) => Err(Stop::Broken("its reason is above".into())),
        Ended::Exited(errno) => Err(Errno(errno).into()),
        other => Err(Stop::Broken(format!("the launcher ended by {other}"))),
    }
}

/// A child that the launcher has made in the jail attacks the launcher.
fn on_launcher(scene: &Scene, attempt: impl FnOnce(libc::pid_t) -> Attempt) -> Attempt {
    enter(scene)?;
    peer::set_dumpable().needed("prctl")?;
    let launcher = process::pid();
    in_child(|| attempt(launcher))
}

fn while_tracing(scene: &Scene, enter: impl FnOnce() -> SysResult<()>) -> Attempt {
    without_jails(scene)?;
    let child = process::fork(|| crate::inmate::wait_for_ever()).needed("fork")?;
    let seized = trace::seize(child, 0).needed("PTRACE_SEIZE");
    let entered = seized.and_then(|()| Ok(enter()?));
    process::kill(child, libc::SIGKILL).needed("ending the child")?;
    process::wait(child).needed("waiting for the child")?;
    entered
}

fn with_shared_root(scene: &Scene, enter: impl FnOnce() -> SysResult<()>) -> Attempt {
    without_jails(scene)?;
    let child = process::clone(libc::CLONE_FS | libc::SIGCHLD, || {
        crate::inmate::wait_for_ever()
    })
    .needed("clone")?;
    let entered = enter();
    process::kill(child, libc::SIGKILL).needed("ending the child")?;
    process::wait(child).needed("waiting for the child")?;
    Ok(entered?)
}

fn without_jails(scene: &Scene) -> Result<(), Stop> {
    match scene.jaula {
        true => Ok(()),
        false => Err(Stop::NotHere("there are no jails to enter".into())),
    }
}
