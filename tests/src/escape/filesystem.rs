// SPDX-License-Identifier: MIT OR Apache-2.0

//! Out of the root directory: by a second one, by mounts, by handles, by devices, by namespaces.

use super::attack::{Area, Attack, Attempt, Down, Expected, Needed, Role, Stop};
use super::cell;
use super::need::Need;
use super::procfs::refused;
use super::scene::Scene;
use super::step;
use crate::sys::{ids, peer, tree, Errno};
use std::fs::{self, File};
use std::io;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::breakout(Area::Files, name, attempt)
}

/// The rows of the table. "Out" is where a file of the host is found by its own path.
pub const ATTACKS: &[Attack] = &[
    attack("chroot, and out by ..", |_| second_root()),
    attack("chroot, and out by an open directory", |_| {
        by_open_directory()
    }),
    attack("chroot by a set-user-ID program", |_| {
        step::run("/bin/set-user-id", "chroot")
    })
    .for_user(Expected::Succeeds)
    .only(Role::User),
    attack("chroot by a program with the capability for it", |_| {
        step::run("/bin/capable", "chroot")
    })
    .for_user(Expected::Succeeds)
    .only(Role::User),
    attack("mount by a set-user-ID program", |_| {
        step::run("/bin/set-user-id", "mount")
    })
    .for_user(Expected::Succeeds)
    .only(Role::User),
    attack("unshare(CLONE_NEWNS)", |_| {
        Ok(ids::unshare(libc::CLONE_NEWNS)?)
    }),
    attack("unshare(CLONE_NEWPID)", |_| {
        Ok(ids::unshare(libc::CLONE_NEWPID)?)
    }),
    attack("unshare(CLONE_NEWIPC)", |_| {
        Ok(ids::unshare(libc::CLONE_NEWIPC)?)
    }),
    attack("unshare(CLONE_NEWUTS)", |_| {
        Ok(ids::unshare(libc::CLONE_NEWUTS)?)
    }),
    attack("mounting a tmpfs", |_| {
        own_mounts();
        Ok(tree::mount("tmpfs", "/mnt", "")?)
    }),
    attack("mounting proc", |_| {
        own_mounts();
        Ok(tree::mount("proc", "/mnt", "")?)
    }),
    attack("mounting the devices", |_| {
        own_mounts();
        Ok(tree::mount("devtmpfs", "/mnt", "")?)
    }),
    attack("a bind mount", |_| {
        own_mounts();
        Ok(tree::bind("/sub", "/mnt")?)
    }),
    attack("open_tree of a copy", |_| {
        tree::clone_tree("/")?;
        Ok(())
    }),
    attack("fsopen", |_| {
        tree::open_file_system("tmpfs")?;
        Ok(())
    }),
    attack("mount_setattr", |_| {
        own_mounts();
        Ok(tree::make_read_only("/doomed")?)
    }),
    attack("umount", |_| {
        own_mounts();
        Ok(tree::unmount("/doomed")?)
    }),
    attack("pivot_root", |_| pivot()),
    attack("open_by_handle_at", by_handle),
    attack("mknod of a disk", |_| {
        device("/tmp/disk", libc::S_IFBLK, 8, 0)
    }),
    attack("mknod of the memory", |_| {
        device("/tmp/memory", libc::S_IFCHR, 1, 1)
    }),
    attack("setns with a descriptor kept from outside", |scene| {
        let kept = scene.kept.namespace.as_ref();
        let namespace = kept.ok_or(Stop::Broken("no namespace was kept".into()))?;
        Ok(ids::set_namespace(namespace, libc::CLONE_NEWNS)?)
    }),
    Attack::crossing(
        Area::Files,
        "setns with the target",
        |scene| {
            let process = peer::pidfd(scene.target.pid).needed("pidfd_open")?;
            peer::join_namespaces(&process, libc::CLONE_NEWNS)?;
            found()
        },
        Errno::EPERM,
    )
    .for_user(Expected::Fails(Errno::EPERM))
    .counted("refusals.ptrace")
    .needs(Need::Look)
    .from_above(Down::FromHost(Errno::EPERM)),
    // The way is asked for so often that its refusal is not counted.
    Attack::crossing(
        Area::Files,
        "chroot to /proc/PID/root",
        |scene| {
            tree::chroot(scene.target.path("root"))?;
            found()
        },
        Errno::EACCES,
    )
    .for_user(Expected::Fails(Errno::EPERM))
    .for_user_in_jail(Expected::Fails(Errno::EACCES))
    .needs(Need::Look)
    .from_above(Down::FromHost(Errno::EPERM)),
    attack("sethostname by a set-user-ID program", |_| {
        step::run("/bin/set-user-id", "host-name")
    })
    .for_user(Expected::Succeeds)
    .only(Role::User),
];

/// Success when a file of the host is where it is on the host.
fn found() -> Attempt {
    match File::open(cell::FLAG) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Stop::NoEffect),
        Err(error) => Err(refused(error)),
    }
}

/// Goes up until there is no more above, and makes that the root directory.
fn climb() -> Attempt {
    for _ in 0..64 {
        std::env::set_current_dir("..").needed("chdir")?;
    }
    tree::chroot(".")?;
    found()
}

/// The classic: a second root directory below leaves the working directory outside.
pub fn second_root() -> Attempt {
    tree::chroot("/sub")?;
    climb()
}

fn by_open_directory() -> Attempt {
    let directory = File::open("/").map_err(refused)?;
    tree::chroot("/sub")?;
    std::env::set_current_dir("/").needed("chdir")?;
    tree::change_to(&directory).needed("fchdir")?;
    climb()
}

/// Keeps the mounts of an attack that succeeds to itself, where that is let happen.
pub fn own_mounts() {
    // An attack that may not do this goes on without, and is told that it may not mount either.
    let _ = ids::unshare(libc::CLONE_NEWNS);
}

fn pivot() -> Attempt {
    own_mounts();
    // Where mounting is refused, too, the root stays as it is, and pivot_root asks first.
    let _ = tree::mount("tmpfs", "/mnt", "");
    let _ = fs::create_dir("/mnt/old");
    tree::pivot_root("/mnt", "/mnt/old")?;
    match fs::exists("/old/bin") {
        Ok(true) => Ok(()),
        _ => Err(Stop::NoEffect),
    }
}

fn by_handle(scene: &Scene) -> Attempt {
    let Some(handle) = &scene.kept.handle else {
        return Err(Stop::NotHere("the kernel gives no handles".into()));
    };
    let mount = File::open("/").map_err(refused)?;
    tree::open_handle(&mount, handle)?;
    Ok(())
}

fn device(path: &str, kind: libc::mode_t, major: u32, minor: u32) -> Attempt {
    Ok(tree::make_device(path, kind, major, minor)?)
}
