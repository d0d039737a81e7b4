// SPDX-License-Identifier: MIT OR Apache-2.0

//! The mounts of a new world.

use std::fmt::Display;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{openat2, OFlag, OpenHow, ResolveFlag, AT_FDCWD};
use nix::sys::stat::{fstat, umask, Mode, SFlag};
use nix::unistd::fchdir;
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags,
};

use super::{devices, pivot, UserNamespace};
use crate::isolation::{Bind, Isolation, Part, Tmpfs};
use crate::root::{Identity, Root};
use crate::sys;
use crate::text::{reason, shown};

/// How a /proc shows whoever looks what he could trace, and nothing else.
const HIDING: [(&str, &str); 1] = [("hidepid", "ptraceable")];

/// What is forbidden on every file system but the root.
pub const CLOSED: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// Makes the working directory, which is that of `root`, the root of this mount namespace, with
/// all that is to be mounted in it, and nothing else.
pub fn make(
    isolation: &Isolation,
    root: &Root,
    users: Option<&UserNamespace>,
) -> Result<(), String> {
    let no_mounts = |step: &'static str| {
        move |error: rustix::io::Errno| Part::Mounts.missing(format!("{step}: {}", why(error)))
    };
    // Nothing that is mounted here is to be seen outside, and nothing from there here.
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", alone).map_err(no_mounts("making the mounts its own"))?;
    let tree = clone(".").map_err(no_mounts("mounting the root once more"))?;
    if Identity::from(fstat(&tree).map_err(reason)?) != root.identity() {
        return Err("the root is another directory now than the one asked for".into());
    }
    if let Some(users) = users {
        users
            .map(tree.as_fd())
            .map_err(|why| format!("the root: {why}"))?;
    }
    let to_itself = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&tree, c"", AT_FDCWD, c".", to_itself)
        .map_err(no_mounts("mounting the root on itself"))?;
    fchdir(&tree).map_err(reason)?;

    let before = umask(Mode::empty());
    let filled = fill(isolation, &tree, users);
    umask(before);
    filled?;
    pivot::pivot().map_err(|why| Part::Mounts.missing(why))
}

fn fill(
    isolation: &Isolation,
    root: &OwnedFd,
    users: Option<&UserNamespace>,
) -> Result<(), String> {
    if isolation.has(Part::Proc) {
        if let Some(place) = place_for(root, Part::Proc)? {
            proc(&place).map_err(|why| Part::Proc.missing(format!("mounting /proc: {why}")))?;
        }
    }
    if isolation.has(Part::Dev) {
        if let Some(place) = place_for(root, Part::Dev)? {
            devices::mount(&place, users)
                .map_err(|why| Part::Dev.missing(format!("mounting /dev: {why}")))?;
        }
    }
    for wanted in &isolation.tmpfs {
        tmpfs(root, wanted, users)
            .map_err(|why| format!("--tmpfs {}: {why}", shown(&text(wanted))))?;
    }
    for wanted in &isolation.bind {
        bind(root, wanted, users)
            .map_err(|why| format!("--bind {}: {why}", shown(&text(wanted))))?;
    }
    Ok(())
}

fn text(wanted: &impl Display) -> String {
    wanted.to_string()
}

/// The directory that /proc or /dev belongs on; `None` where the root has none.
fn place_for(root: &OwnedFd, part: Part) -> Result<Option<OwnedFd>, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    match openat2(
        root,
        part.name(),
        below(flags, ResolveFlag::RESOLVE_NO_SYMLINKS),
    ) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::ENOENT) => Ok(None),
        Err(Errno::ENOTDIR | Errno::ELOOP) => {
            Err(part.missing(format!("/{part} in the root is no directory")))
        }
        Err(errno) => Err(format!("/{part} in the root: {}", reason(errno))),
    }
}

fn below(flags: OFlag, more: ResolveFlag) -> OpenHow {
    OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more)
}

/// Shows whoever looks the processes alone that it could trace, which are of its own jail.
fn proc(place: &OwnedFd) -> Result<(), String> {
    let closed = CLOSED | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    attach(&filesystem("proc", &HIDING, closed)?, place)
}

/// Whether the running kernel can hide processes in /proc.
///
/// # Errors
///
/// Why not; with EPERM in it where the caller may not know.
pub fn knows_hidepid() -> Result<(), String> {
    // It is nowhere, and gone when this returns.
    filesystem("proc", &HIDING, CLOSED).map(drop)
}

fn tmpfs(root: &OwnedFd, wanted: &Tmpfs, users: Option<&UserNamespace>) -> Result<(), String> {
    let place = target(root, &wanted.target)?;
    if !is_directory(&place)? {
        return Err("it is no directory".into());
    }
    let size = wanted.size.map(|size| size.to_string());
    let mut options = vec![("mode", "1777")];
    options.extend(size.as_deref().map(|size| ("size", size)));
    let tree = filesystem("tmpfs", &options, CLOSED)?;
    if let Some(users) = users {
        users.give(tree.as_fd())?;
    }
    attach(&tree, &place)
}

fn bind(root: &OwnedFd, wanted: &Bind, users: Option<&UserNamespace>) -> Result<(), String> {
    let source = shown(&wanted.source);
    let tree = clone(&wanted.source).map_err(|error| format!("{source}: {}", why(error)))?;
    let place = target(root, &wanted.target)?;
    if is_directory(&tree)? != is_directory(&place)? {
        return Err("one of the two is a directory, and the other is not".into());
    }
    let read_only = match wanted.read_only {
        true => MountAttrFlags::MOUNT_ATTR_RDONLY,
        false => MountAttrFlags::empty(),
    };
    // Before it is to be seen anywhere.
    if let Some(users) = users {
        users
            .map(tree.as_fd())
            .map_err(|why| format!("{source}: {why}"))?;
    }
    sys::restrict_mounts(tree.as_fd(), u64::from((CLOSED | read_only).bits()))
        .map_err(|errno| format!("closing it: {}", reason(errno)))?;
    attach(&tree, &place)
}

fn is_directory(file: &OwnedFd) -> Result<bool, String> {
    let mode = fstat(file).map_err(reason)?.st_mode;
    Ok(SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
}

/// Where something is mounted: below the root, whatever links are in the way.
fn target(root: &OwnedFd, path: &Path) -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    openat2(root, path, below(flags, ResolveFlag::empty())).map_err(|errno| match errno {
        Errno::ENOENT => format!("{} does not exist in the root; make it first", shown(path)),
        errno => format!("{} in the root: {}", shown(path), reason(errno)),
    })
}

/// The tree of mounts at a path, once more, and nowhere yet.
fn clone<P: rustix::path::Arg>(path: P) -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(AT_FDCWD, path, flags)
}

/// A new file system, nowhere yet.
pub fn filesystem(
    kind: &str,
    options: &[(&str, &str)],
    closed: MountAttrFlags,
) -> Result<OwnedFd, String> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| match error {
        rustix::io::Errno::NODEV => format!("the running kernel has no {kind}"),
        error => format!("{kind}: {}", why(error)),
    })?;
    for &(option, value) in options {
        fsconfig_set_string(&context, option, value)
            .map_err(|error| format!("{kind} with {option}={value}: {}", why(error)))?;
    }
    fsconfig_create(&context)
        .and_then(|()| fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, closed))
        .map_err(|error| format!("{kind}: {}", why(error)))
}

/// Mounts it on what is open.
pub fn attach(tree: &OwnedFd, place: &OwnedFd) -> Result<(), String> {
    let by_descriptors =
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", place, c"", by_descriptors).map_err(why)
}

pub fn why(error: rustix::io::Errno) -> String {
    reason(Errno::from_raw(error.raw_os_error()))
}
