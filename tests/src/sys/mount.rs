// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mounts that the tests need in a jail's root.

use super::errno::{checked, Errno, Result};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Mounts the process file system.
pub fn proc(at: &Path) -> Result<()> {
    let target = CString::new(at.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: the strings end with a null byte and outlive the call; proc takes no data.
    checked(unsafe {
        libc::mount(
            c"proc".as_ptr(),
            target.as_ptr(),
            c"proc".as_ptr(),
            flags,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// Mounts an empty file system in memory.
pub fn tmpfs(at: &Path) -> Result<()> {
    let target = CString::new(at.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the strings end with a null byte and outlive the call; without data there are defaults.
    checked(unsafe {
        libc::mount(
            c"tmpfs".as_ptr(),
            target.as_ptr(),
            c"tmpfs".as_ptr(),
            0,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// Shows what lies at `from` at another place as well.
pub fn bind(from: &Path, at: &Path) -> Result<()> {
    let source = CString::new(from.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let target = CString::new(at.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the strings end with a null byte and outlive the call; a bind takes no type and no data.
    checked(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            std::ptr::null(),
            libc::MS_BIND,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// Unmounts what is mounted there, as soon as nobody uses it any more.
pub fn unmount(at: &Path) -> Result<()> {
    let target = CString::new(at.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the string ends with a null byte and outlives the call.
    checked(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}
