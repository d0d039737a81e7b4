// SPDX-License-Identifier: MIT OR Apache-2.0

//! The root directory that attackers are locked up in, richer than any jail should have it: what
//! is missing in it would be refused by nobody.

use crate::ktap::{Context, Failure};
use crate::sys::{ids, tree, Errno};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const BASE: &str = "/tmp/jaula-escape";
/// A file outside of the root directory.
pub const FLAG: &str = "/tmp/jaula-escape/flag";
/// A file of the target that it has locked.
pub const LOCKED: &str = "/tmp/jaula-escape/locked";

/// The root directory.
pub fn path() -> PathBuf {
    Path::new(BASE).join("root")
}

/// Makes it, in a mount namespace of the caller's own.
pub fn make() -> Result<(), Failure> {
    ids::unshare(libc::CLONE_NEWNS).context("unshare(CLONE_NEWNS)")?;
    tree::make_private().context("making mounts private")?;
    fs::create_dir_all(BASE).context(BASE)?;
    tree::mount("tmpfs", BASE, "mode=0755").context("mounting a tmpfs")?;
    fs::write(FLAG, "outside").context(FLAG)?;
    fs::set_permissions(FLAG, Permissions::from_mode(0o644)).context(FLAG)?;
    fs::write(LOCKED, "").context(LOCKED)?;
    fs::set_permissions(LOCKED, Permissions::from_mode(0o666)).context(LOCKED)?;
    let root = path();
    fs::create_dir_all(&root).context(root.display())?;
    // A mount point, as pivot_root wants it, of the file system that the flag is in.
    tree::bind(&root, &root).context("binding the root directory")?;
    for directory in [
        "bin", "proc", "hidden", "sys", "dev", "mnt", "doomed", "queues", "cgroup", "groups",
        "shown", "tmp", "sub",
    ] {
        fs::create_dir_all(root.join(directory)).context(directory)?;
    }
    fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777)).context("tmp")?;
    tree::mount("proc", root.join("proc"), "").context("mounting proc")?;
    tree::mount("proc", root.join("hidden"), "hidepid=ptraceable").context("mounting proc")?;
    tree::mount("sysfs", root.join("sys"), "").context("mounting sysfs")?;
    tree::mount("tmpfs", root.join("doomed"), "").context("mounting a tmpfs")?;
    tree::bind("/dev", root.join("dev")).context("binding /dev")?;
    // Not every kernel has these.
    let _ = tree::mount("mqueue", root.join("queues"), "");
    let _ = tree::mount("cgroup", root.join("cgroup"), "none,name=jaula-escape");
    if tree::mount("cgroup2", root.join("groups"), "").is_ok() {
        let shown = root.join("shown");
        tree::bind(root.join("groups"), &shown).context("binding the control groups")?;
        tree::make_read_only(&shown).context("making a mount read-only")?;
    }
    add_programs(&root)
}

/// Programs that give more than their user has: set-user-ID root, and with a capability.
fn add_programs(root: &Path) -> Result<(), Failure> {
    let program = fs::read("/proc/self/exe").context("/proc/self/exe")?;
    for (name, mode) in [("bin/set-user-id", 0o4755), ("bin/capable", 0o755)] {
        let path = root.join(name);
        fs::write(&path, &program).context(name)?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).context(name)?;
    }
    match tree::make_capable_of_chroot(root.join("bin/capable")) {
        // tmpfs keeps no such attributes where the kernel is not built for it.
        Err(Errno::EOPNOTSUPP) => fs::remove_file(root.join("bin/capable")).context("bin/capable"),
        other => other.context("setting a file capability"),
    }
}
