// SPDX-License-Identifier: MIT OR Apache-2.0

//! The file system in a volume, as a mount that lies nowhere.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::unistd::fchdir;
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, FsMountFlags, FsOpenFlags,
    MountAttrFlags,
};

use super::super::apart::complaints;
use super::super::{Mapping, Purpose};
use super::device::Node;
use crate::sys;
use crate::sys::volume::resize_ext4;
use crate::text::reason;
use crate::trusted_path;

/// Kinds of file systems, and where which bytes say that it is one.
const KINDS: [(&str, u64, &[u8]); 3] = [
    ("ext4", 0x438, &[0x53, 0xef]),
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x1_0040, b"_BHRfS_M"),
];

/// Has the working directory be one in memory, which nobody else is in and which goes with the process.
///
/// # Errors
///
/// A text that says what is in the way.
pub fn enter_memory() -> Result<(), String> {
    let failed = |error: rustix::io::Errno| format!("memory to work in: {error}");
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(failed)?;
    for (option, value) in [("mode", "0700"), ("size", "1M"), ("nr_inodes", "64")] {
        fsconfig_set_string(&context, option, value).map_err(failed)?;
    }
    // Kernels before 6.4 do not know it.
    let _ = rustix::mount::fsconfig_set_flag(&context, "noswap");
    let mount = fsconfig_create(&context)
        .and_then(|()| {
            let closed = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, closed)
        })
        .map_err(failed)?;
    fchdir(&mount).map_err(|errno| format!("memory to work in: {}", reason(errno)))
}

/// Mounts what is on a device.
///
/// # Errors
///
/// A text that says why it cannot be mounted.
pub fn mount(device: &OwnedFd, purpose: Purpose<'_>) -> Result<OwnedFd, String> {
    let kind = kind_of(device)?;
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| match error {
        rustix::io::Errno::NODEV => format!("the running kernel has no {kind}, which is in it"),
        error => format!("{kind}: {error}"),
    })?;
    let node = Node::of(device)?;
    let attributes = match purpose {
        Purpose::Look => MountAttrFlags::MOUNT_ATTR_RDONLY,
        Purpose::Run(_) => MountAttrFlags::empty(),
    };
    let closed = MountAttrFlags::MOUNT_ATTR_NODEV;
    // What its superblock says may be to go on, or to have the machine stop.
    let after_errors = match kind {
        "ext4" => fsconfig_set_string(&context, "errors", "remount-ro"),
        _ => Ok(()),
    };
    let mount = after_errors
        .and_then(|()| fsconfig_set_string(&context, "source", node.path()))
        .and_then(|()| fsconfig_create(&context))
        .and_then(|()| fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes | closed))
        .map_err(|error| match error {
            rustix::io::Errno::BUSY => format!(
                "its {kind} can no more be written to, after an error of which the kernel's log (dmesg) \
                 tells; it can be checked when no jail uses it"
            ),
            error => format!("mounting its {kind}: {error}{}", complaints(&context)),
        })?;
    if kind == "ext4" && !matches!(purpose, Purpose::Look) {
        if let Err(why) = grow(device, &mount) {
            crate::complain!("jaula: warning: {why}");
        }
    }
    if let Purpose::Run(Some(Mapping { namespace, .. })) = purpose {
        sys::map_mounts(mount.as_fd(), namespace, false)
            .map_err(|errno| format!("mapping the ids of its {kind}: {}", reason(errno)))?;
    }
    Ok(mount)
}

fn kind_of(device: &OwnedFd) -> Result<&'static str, String> {
    for (kind, at, magic) in KINDS {
        let found = read(device, at, magic.len());
        if found.is_ok_and(|found| found == magic) {
            return Ok(kind);
        }
    }
    let known = KINDS.map(|(kind, ..)| kind).join(", ");
    Err(format!(
        "there is no file system in it that jaula knows ({known})"
    ))
}

fn read(device: &OwnedFd, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let file = File::from(device.try_clone()?);
    let mut found = vec![0; length];
    file.read_exact_at(&mut found, at)?;
    Ok(found)
}

/// A file that was made larger has room for more.
fn grow(device: &OwnedFd, mount: &OwnedFd) -> Result<(), String> {
    let failed = |why: String| format!("its file system does not grow with it: {why}");
    let superblock = read(device, 1024, 1024).map_err(|error| failed(error.to_string()))?;
    let size = rustix::fs::seek(device, rustix::fs::SeekFrom::End(0));
    let size = size.map_err(|error| failed(error.to_string()))?;
    match blocks_of_ext4(&superblock) {
        Some((block, blocks)) if size / block > blocks => trusted_path::readable(mount)
            .and_then(|top| resize_ext4(top.as_fd(), size / block))
            .map_err(|errno| failed(reason(errno))),
        _ => Ok(()),
    }
}

/// How large a block is, and how many there are.
fn blocks_of_ext4(superblock: &[u8]) -> Option<(u64, u64)> {
    const HAS_MANY: u32 = 0x80;

    let number = |at: usize| {
        let bytes = superblock.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let block = 1024_u64.checked_shl(number(0x18)?)?;
    let high = match number(0x60)? & HAS_MANY {
        0 => 0,
        _ => u64::from(number(0x150)?) << 32,
    };
    (block != 0).then_some((block, high | u64::from(number(0x04)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_ext4_is_in_its_superblock() {
        let mut superblock = vec![0; 1024];
        superblock[0x04..0x08].copy_from_slice(&[0, 0, 2, 0]);
        superblock[0x18] = 2;
        superblock[0x150] = 1;
        assert_eq!(blocks_of_ext4(&superblock), Some((4096, 0x2_0000)));
        superblock[0x60] = 0xc2;
        assert_eq!(blocks_of_ext4(&superblock), Some((4096, 0x1_0002_0000)));
        superblock[0x18] = 200;
        assert_eq!(blocks_of_ext4(&superblock), None);
        assert_eq!(blocks_of_ext4(&[]), None);
    }
}
