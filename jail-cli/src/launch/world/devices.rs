// SPDX-License-Identifier: MIT OR Apache-2.0

//! The /dev of a jail: the devices that reach nothing, terminals of its own, shared memory.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{openat, OFlag};
use nix::sys::stat::{makedev, mkdirat, mknodat, Mode, SFlag};
use nix::unistd::symlinkat;
use rustix::mount::MountAttrFlags;

use super::mounts::{attach, filesystem, CLOSED};
use super::UserNamespace;
use crate::text::reason;

/// Devices: the name, the major and the minor number.
const NODES: [(&str, u64, u64); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Where devices work: here, and where the terminals are. In a jail nobody makes others.
const NODES_WORK: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Mounts it on `place`. The umask must be empty.
pub fn mount(place: &OwnedFd, users: Option<&UserNamespace>) -> Result<(), String> {
    let directory = filesystem("tmpfs", &[("mode", "0755"), ("size", "1m")], NODES_WORK)?;
    let open = Mode::from_bits_truncate(0o666);
    for (name, major, minor) in NODES {
        mknodat(
            &directory,
            name,
            SFlag::S_IFCHR,
            open,
            makedev(major, minor),
        )
        .map_err(|errno| format!("making /dev/{name}: {}", reason(errno)))?;
    }
    for (name, target) in LINKS {
        symlinkat(target, &directory, name)
            .map_err(|errno| format!("making /dev/{name}: {}", reason(errno)))?;
    }
    attach(&directory, place)?;
    let terminals = terminals(users)?;
    attach(&terminals, &below(&directory, "pts")?)?;
    let memory = filesystem("tmpfs", &[("mode", "1777")], CLOSED)?;
    attach(&memory, &below(&directory, "shm")?)?;
    if let Some(users) = users {
        for tree in [&directory, &terminals, &memory] {
            users.give(tree.as_fd())?;
        }
    }
    Ok(())
}

/// A new file system of terminals, nowhere yet.
pub fn terminals(users: Option<&UserNamespace>) -> Result<OwnedFd, String> {
    let mut options = vec![("mode", "0620"), ("ptmxmode", "0666")];
    // That of who makes one, which may be the host's root, would be nobody's in the jail.
    let group = users.map(|users| users.on_host(0)).transpose()?;
    let group = group.map(|group| group.to_string());
    options.extend(group.as_deref().map(|group| ("gid", group)));
    filesystem("devpts", &options, NODES_WORK)
}

/// Makes a directory, and opens it.
fn below(directory: &OwnedFd, name: &str) -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    mkdirat(directory, name, Mode::from_bits_truncate(0o755))
        .and_then(|()| openat(directory, name, flags, Mode::empty()))
        .map_err(|errno| format!("making /dev/{name}: {}", reason(errno)))
}
