// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files in /proc that tell a jail its share of the machine and not the whole of it.
//!
//! lxcfs makes them, where it is installed: they tell whoever reads them what the control group allows
//! that he is in, at that moment.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{openat, OFlag, AT_FDCWD};
use nix::sys::stat::Mode;
use nix::sys::statfs::{statfs, FUSE_SUPER_MAGIC};
use rustix::mount::MountAttrFlags;

use super::mounts::{attach, clone_tree, restrict, why, CLOSED};
use crate::isolation::{Isolation, Part};
use crate::text::{reason, shown};

/// Where lxcfs shows them.
const DIRECTORY: &str = "/var/lib/lxcfs/proc";

const FILES: [&str; 7] = [
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
];

/// One of them, and nowhere yet.
pub struct Share {
    file: &'static str,
    tree: OwnedFd,
}

/// Those for a jail that something limits; none where there is no lxcfs. By the paths that the caller has.
///
/// # Errors
///
/// Which could not be had.
pub fn take(isolation: &Isolation) -> Result<Vec<Share>, String> {
    let is_limited = !isolation.controls.is_empty() && isolation.has(Part::Proc);
    let is_there = || statfs(DIRECTORY).map(|it| it.filesystem_type()) == Ok(FUSE_SUPER_MAGIC);
    if !is_limited || !is_there() {
        return Ok(Vec::new());
    }
    let mut shares = Vec::new();
    for file in FILES {
        let path = Path::new(DIRECTORY).join(file);
        // Versions differ in which they have.
        if !path.exists() {
            continue;
        }
        let name = CString::new(path.as_os_str().as_encoded_bytes());
        let name = name.map_err(|error| error.to_string())?;
        let failed = |why: String| format!("{}: {why}", shown(&path));
        let tree = clone_tree(AT_FDCWD, &name).map_err(|error| failed(why(error)))?;
        let closed = CLOSED | MountAttrFlags::MOUNT_ATTR_NOEXEC | MountAttrFlags::MOUNT_ATTR_RDONLY;
        restrict(&tree, closed).map_err(failed)?;
        shares.push(Share { file, tree });
    }
    Ok(shares)
}

impl Share {
    /// Puts it on the file of its name in `proc`.
    pub fn put(self, proc: &OwnedFd) -> Result<(), String> {
        let failed = |why: String| format!("/proc/{}: {why}", self.file);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let place = openat(proc, self.file, flags, Mode::empty());
        let place = place.map_err(|errno| failed(reason(errno)))?;
        attach(&self.tree, &place).map_err(failed)
    }
}
