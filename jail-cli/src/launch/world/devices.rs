// SPDX-License-Identifier: MIT OR Apache-2.0

//! The /dev of a jail: the devices that reach nothing, terminals of its own, shared memory.

use std::os::fd::OwnedFd;

use nix::fcntl::{openat, OFlag};
use nix::sys::stat::{makedev, mkdirat, mknodat, Mode, SFlag};
use nix::unistd::symlinkat;
use rustix::mount::MountAttrFlags;

use super::mounts::{attach, filesystem, CLOSED};
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
pub fn mount(place: &OwnedFd) -> Result<(), String> {
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
    attach(&terminals()?, &below(&directory, "pts")?)?;
    let memory = filesystem("tmpfs", &[("mode", "1777")], CLOSED)?;
    attach(&memory, &below(&directory, "shm")?)
}

/// A new file system of terminals, nowhere yet.
pub fn terminals() -> Result<OwnedFd, String> {
    let options = [("mode", "0620"), ("ptmxmode", "0666")];
    filesystem("devpts", &options, NODES_WORK)
}

/// Makes a directory, and opens it.
fn below(directory: &OwnedFd, name: &str) -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    mkdirat(directory, name, Mode::from_bits_truncate(0o755))
        .and_then(|()| openat(directory, name, flags, Mode::empty()))
        .map_err(|errno| format!("making /dev/{name}: {}", reason(errno)))
}
