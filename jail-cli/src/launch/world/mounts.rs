// SPDX-License-Identifier: MIT OR Apache-2.0

//! The mounts of a new world.

use std::os::fd::{AsFd, OwnedFd};

use caps::Capability;
use nix::errno::Errno;
use nix::fcntl::{openat2, OFlag, OpenHow, ResolveFlag, AT_FDCWD};
use nix::sys::stat::{umask, Mode};
use nix::unistd::fchdir;
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags,
};

use super::share::{self, Share};
use super::source::{Found, Taken};
use super::target::Targets;
use super::{devices, pivot, UserNamespace};
use crate::isolation::{Isolation, Mount, Part, Permission, Size};
use crate::network::Attached;
use crate::root::{Identity, Root};
use crate::stat::fstat;
use crate::text::reason;
use crate::{sys, trusted_path, user};

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
    network: Option<&Attached>,
) -> Result<(), String> {
    let no_mounts = |step: &'static str| {
        move |error: rustix::io::Errno| Part::Mounts.missing(format!("{step}: {}", why(error)))
    };
    // By the paths that the caller has.
    let found = isolation.mounts.list.iter().map(Found::at);
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let files = network.map_or(&[][..], |network| &network.mounts);
    let files: Vec<Mount> = files.iter().cloned().map(Mount::Bind).collect();
    let of_network = files.iter().map(Found::at);
    let of_network = of_network.collect::<Result<Vec<_>, _>>()?;
    pivot::leave_chroot().map_err(|why| Part::Mounts.missing(why))?;
    // Nothing that is mounted here is to be seen outside, and nothing from there here.
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", alone).map_err(no_mounts("making the mounts its own"))?;
    // While the root is as it is outside: they may lie in it.
    let sources = found.into_iter().map(|found| found.take(users));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let shares = share::take(isolation)?;
    // Nobody in the jail owns them, whatever its ids are.
    let of_network = of_network.into_iter().map(|found| found.take(None));
    let of_network = of_network.collect::<Result<Vec<_>, _>>()?;
    // What was made for it lies nowhere yet, and cannot be cloned then.
    let is_made = root.as_made().is_some();
    let (tree, place) = match is_made {
        true => {
            let tree = root.directory().try_clone_to_owned();
            (tree.map_err(|error| format!("the root: {error}"))?, c"/")
        }
        false => {
            let tree = clone_tree(AT_FDCWD, c".");
            (
                tree.map_err(no_mounts("mounting the root once more"))?,
                c".",
            )
        }
    };
    if Identity::from(fstat(&tree).map_err(reason)?) != root.identity() {
        return Err("the root is another directory now than the one asked for".into());
    }
    if !isolation.mounts.read_only && !is_made {
        trusted_path::mark_as_given(root.directory());
    }
    // The ids of layers are mapped one by one.
    if let Some(users) = users.filter(|_| !is_made) {
        users
            .map(tree.as_fd())
            .map_err(|why| format!("the root: {why}"))?;
    }
    // Before anything is put on it, and with all that is mounted below it.
    restrict(&tree, root_attributes(isolation))?;
    let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&tree, c"", AT_FDCWD, place, by_descriptor)
        .map_err(no_mounts("mounting the root"))?;
    fchdir(&tree).map_err(reason)?;

    let terminals = user::group(root, "tty");
    let before = umask(Mode::empty());
    let filled = fill(
        isolation,
        &tree,
        (of_network, sources, shares),
        terminals,
        users,
    );
    umask(before);
    filled?;
    pivot::pivot().map_err(|why| Part::Mounts.missing(why))
}

/// What is forbidden on the root.
fn root_attributes(isolation: &Isolation) -> MountAttrFlags {
    let mknod = Permission::Capability(Capability::CAP_MKNOD);
    let attributes = [
        (
            !isolation.allow.contains(&mknod),
            MountAttrFlags::MOUNT_ATTR_NODEV,
        ),
        // Where these programs are to work the jail has to have them.
        (
            isolation.has(Part::NoNewPrivs),
            MountAttrFlags::MOUNT_ATTR_NOSUID,
        ),
        (
            isolation.mounts.read_only,
            MountAttrFlags::MOUNT_ATTR_RDONLY,
        ),
    ];
    let set = attributes.into_iter().filter(|(is_set, _)| *is_set);
    set.map(|(_, attribute)| attribute).collect()
}

fn fill(
    isolation: &Isolation,
    root: &OwnedFd,
    (of_network, sources, shares): (Vec<Taken<'_>>, Vec<Taken<'_>>, Vec<Share>),
    terminals: Option<u32>,
    users: Option<&UserNamespace>,
) -> Result<(), String> {
    let mut targets = Targets::new(root, users)?;
    if isolation.has(Part::Proc) {
        if let Some(place) = place_for(root, Part::Proc)? {
            let missing = |why| Part::Proc.missing(format!("mounting /proc: {why}"));
            let proc = proc(&place).map_err(missing)?;
            let mut shares = shares.into_iter();
            shares.try_for_each(|share| share.put(&proc))?;
        }
    }
    if isolation.has(Part::Dev) {
        if let Some(place) = place_for(root, Part::Dev)? {
            let shm = isolation.mounts.shm_size.unwrap_or_default();
            let devices = devices::mount(&place, terminals, shm, users)
                .map_err(|why| Part::Dev.missing(format!("mounting /dev: {why}")))?;
            targets.add_devices(&devices.directory)?;
            targets.add(&devices.memory)?;
        }
    }
    // What is asked for by option lies on these.
    for file in of_network {
        file.put_where_there_is(&mut targets)?;
    }
    sources
        .into_iter()
        .try_for_each(|source| source.put(&mut targets, users))
}

/// The directory that /proc or /dev belongs on; `None` where the root has none.
fn place_for(root: &OwnedFd, part: Part) -> Result<Option<OwnedFd>, String> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(root, part.name(), how) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::ENOENT) => Ok(None),
        Err(Errno::ENOTDIR | Errno::ELOOP) => {
            Err(part.missing(format!("/{part} in the root is no directory")))
        }
        Err(errno) => Err(format!("/{part} in the root: {}", reason(errno))),
    }
}

/// Shows whoever looks the processes alone that it could trace, which are of its own jail.
fn proc(place: &OwnedFd) -> Result<OwnedFd, String> {
    let closed = CLOSED | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = filesystem("proc", &HIDING, closed)?;
    attach(&proc, place)?;
    Ok(proc)
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

/// The tree of mounts at a path, once more, and nowhere yet.
pub fn clone_tree(from: impl AsFd, path: &std::ffi::CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(from, path, flags)
}

/// Forbids something on a tree of mounts, before it is to be seen anywhere.
pub fn restrict(tree: &OwnedFd, attributes: MountAttrFlags) -> Result<(), String> {
    sys::restrict_mounts(tree.as_fd(), u64::from(attributes.bits()))
        .map_err(|errno| format!("closing it: {}", reason(errno)))
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

/// A new file system in memory, nowhere yet.
pub fn memory(mode: &str, size: Size, closed: MountAttrFlags) -> Result<OwnedFd, String> {
    let (bytes, files) = (size.bytes().to_string(), size.files().to_string());
    let options = [("mode", mode), ("size", &bytes), ("nr_inodes", &files)];
    filesystem("tmpfs", &options, closed)
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
