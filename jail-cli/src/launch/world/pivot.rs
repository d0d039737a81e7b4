// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making the working directory the root of a mount namespace.

use std::fs;

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot, fchdir, pivot_root};
use rustix::mount::{mount_move, unmount, UnmountFlags};

use super::mounts::why;
use crate::text::reason;

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
    chdir("/").map_err(|errno| format!("chdir to the new root: {}", reason(errno)))
}

/// Moves what is mounted on the working directory upon the root, and enters it. What is mounted
/// beside it is unmounted, so that nothing but the first file system itself is left below.
fn cover_the_first_root() -> Result<(), String> {
    let step = |step: &'static str| move |errno: Errno| format!("{step}: {}", reason(errno));
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let below = open("/", flags, Mode::empty()).map_err(step("opening the old root"))?;
    let new = open(".", flags, Mode::empty()).map_err(step("opening the new root"))?;
    let others = mount_points()?;
    mount_move(".", "/").map_err(|error| format!("moving the root to /: {}", why(error)))?;
    fchdir(&new).map_err(step("chdir to the new root"))?;
    chroot(".").map_err(step("chroot"))?;
    fchdir(&below).map_err(step("chdir to the old root"))?;
    for path in others {
        match unmount(path.as_str(), UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            // It went with one above it, or is the new root itself, which is elsewhere now.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(format!("unmounting /{path}: {}", why(error))),
        }
    }
    Ok(())
}

/// What is mounted in this namespace but at its root, by paths that begin there.
fn mount_points() -> Result<Vec<String>, String> {
    const FILE: &str = "/proc/self/mountinfo";
    let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> Vec<String> {
    let points = text.lines().filter_map(|line| line.split(' ').nth(4));
    let points = points.map(|point| unescaped(point.trim_start_matches('/')));
    points.filter(|point| !point.is_empty()).collect()
}

/// Blanks and the like are written as a backslash and three octal digits (proc_pid_mountinfo(5)).
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read() {
        let text = "21 1 0:2 / / rw - rootfs rootfs rw\n\
                    22 21 0:20 / /proc rw,relatime - proc p rw\n\
                    23 21 0:21 / /a\\040b rw - tmpfs t rw\n";
        assert_eq!(parse(text), ["proc", "a b"]);
    }
}
