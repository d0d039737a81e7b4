// SPDX-License-Identifier: MIT OR Apache-2.0

//! The /dev of a jail: the devices that reach nothing, terminals of its own, shared memory.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{openat, OFlag};
use nix::sys::stat::{makedev, mkdirat, mknodat, Mode, SFlag};
use nix::unistd::symlinkat;
use rustix::mount::MountAttrFlags;

use super::mounts::{attach, filesystem, memory, CLOSED};
use super::UserNamespace;
use crate::isolation::Size;
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

/// How much it holds besides: names of devices, and mount points.
const SIZE: &str = "1M";

/// How many terminals there can be at a time. The kernel has some three thousand for all jails.
const MOST_TERMINALS: &str = "1024";

/// The group of new terminals where the jail's own files do not say which is `tty`, as most systems
/// have it.
const TTY: u32 = 5;

/// What has been mounted.
pub struct Devices {
    /// On /dev.
    pub directory: OwnedFd,
    /// On /dev/shm.
    pub memory: OwnedFd,
}

/// Where devices work: here, and where the terminals are. In a jail nobody makes others.
const NODES_WORK: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Mounts it on `place`. New terminals belong to the group `tty`; shared memory has `shm`. The umask
/// must be empty.
pub fn mount(
    place: &OwnedFd,
    tty: Option<u32>,
    shm: Size,
    users: Option<&UserNamespace>,
) -> Result<Devices, String> {
    let directory = memory("0755", SIZE.parse()?, NODES_WORK)?;
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
    let terminals = terminals(tty, users)?;
    attach(&terminals, &below(&directory, "pts")?)?;
    let memory = memory("1777", shm, CLOSED)?;
    attach(&memory, &below(&directory, "shm")?)?;
    if let Some(users) = users {
        for tree in [&directory, &terminals, &memory] {
            users.give(tree.as_fd())?;
        }
    }
    Ok(Devices { directory, memory })
}

/// A new file system of terminals, nowhere yet, which belong to the group `tty`.
pub fn terminals(tty: Option<u32>, users: Option<&UserNamespace>) -> Result<OwnedFd, String> {
    let group = tty.unwrap_or(TTY);
    let group = match users {
        None => group,
        // One that the jail does not have would be nobody's there.
        Some(users) => users.on_host(group).or_else(|_| users.on_host(0))?,
    };
    let group = group.to_string();
    let options = [
        ("mode", "0620"),
        ("ptmxmode", "0666"),
        ("gid", &group),
        ("max", MOST_TERMINALS),
    ];
    filesystem("devpts", &options, NODES_WORK)
}

/// Makes a directory, and opens it.
fn below(directory: &OwnedFd, name: &str) -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    mkdirat(directory, name, Mode::from_bits_truncate(0o755))
        .and_then(|()| openat(directory, name, flags, Mode::empty()))
        .map_err(|errno| format!("making /dev/{name}: {}", reason(errno)))
}
