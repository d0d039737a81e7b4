// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making the working directory the root of a mount namespace.

use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::sched::{setns, CloneFlags};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot, fchdir, pivot_root};
use rustix::mount::{mount_move, unmount, UnmountFlags};

use super::mounts::why;
use crate::mountinfo::unescaped;
use crate::sys;
use crate::text::{reason, shown};

/// Has the root of the process be that of its mount namespace, wherever it was in it; the working
/// directory stays.
///
/// In a chroot nothing that is mounted outside of it could be taken away, and whoever enters the
/// namespace later would be outside.
pub fn leave_chroot() -> Result<(), String> {
    let here = directory(".", "opening the new root")?;
    let own = sys::own_pidfd().map_err(step("pidfd"))?;
    // Joining a mount namespace, one's own included, leads to its root.
    setns(&own, CloneFlags::CLONE_NEWNS).map_err(step("leaving the chroot"))?;
    fchdir(&here).map_err(step("chdir to the new root"))
}

/// Makes the working directory, on which something must be mounted, the root, and takes all else
/// away that is mounted. The working directory is the new root afterwards.
pub fn pivot() -> Result<(), String> {
    match pivot_root(".", ".") {
        // The old root lies upon the new one now, and this takes the upper one.
        Ok(()) => unmount(".", UnmountFlags::DETACH)
            .map_err(|error| format!("unmounting the old root: {}", why(error)))?,
        // The file system that a kernel starts with cannot be taken away.
        Err(Errno::EINVAL) => cover_the_first_root()?,
        Err(errno) => return Err(format!("pivot_root: {}", reason(errno))),
    }
    chdir("/").map_err(step("chdir to the new root"))
}

fn step(step: &'static str) -> impl Fn(Errno) -> String {
    move |errno| format!("{step}: {}", reason(errno))
}

fn directory(path: &str, what: &'static str) -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).map_err(step(what))
}

/// Moves what is mounted on the working directory upon the root, and enters it. What is mounted
/// beside it is unmounted, so that nothing but the first file system itself is left below.
fn cover_the_first_root() -> Result<(), String> {
    let below = directory("/", "opening the old root")?;
    let new = directory(".", "opening the new root")?;
    let others = mount_points()?;
    match mount_move(".", "/") {
        // It lies there already: the root that was asked for is that of the host.
        Ok(()) | Err(rustix::io::Errno::LOOP) => {}
        Err(error) => return Err(format!("moving the root to /: {}", why(error))),
    }
    fchdir(&new).map_err(step("chdir to the new root"))?;
    chroot(".").map_err(step("chroot"))?;
    fchdir(&below).map_err(step("chdir to the old root"))?;
    for path in others {
        let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
        match unmount(path.as_os_str(), flags) {
            // It went with one above it, or is the new root itself, which is elsewhere now.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(format!("unmounting /{}: {}", shown(&path), why(error))),
        }
    }
    Ok(())
}

/// What is mounted in this namespace but at its root, by paths that begin there.
fn mount_points() -> Result<Vec<OsString>, String> {
    const FILE: &str = "/proc/self/mountinfo";
    let text = fs::read(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    Ok(parse(&text))
}

/// Names are bytes.
fn parse(text: &[u8]) -> Vec<OsString> {
    let lines = text.split(|&byte| byte == b'\n');
    let points = lines.filter_map(|line| line.split(|&byte| byte == b' ').nth(4));
    let points = points.map(|point| unescaped(point.strip_prefix(b"/").unwrap_or(point)));
    points.filter(|point| !point.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn mount_points_are_read() {
        let text = b"21 1 0:2 / / rw - rootfs rootfs rw\n\
                    22 21 0:20 / /proc rw,relatime - proc p rw\n\
                    23 21 0:21 / /a\\040b rw - tmpfs t rw\n\
                    24 21 0:22 / /\xe9\\134\\x rw - tmpfs t rw\n";
        let expected = [&b"proc"[..], b"a b", b"\xe9\\\\x"].map(OsStr::from_bytes);
        assert_eq!(parse(text), expected);
    }
}
