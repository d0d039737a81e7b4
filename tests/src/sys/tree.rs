// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tree of files: roots, mounts, nodes and handles.

use super::errno::{call, checked, Errno, Result};
use super::peer::owned;
use libc::c_int;
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn c_path(path: impl AsRef<Path>) -> Result<CString> {
    CString::new(path.as_ref().as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

/// `chroot(2)`.
pub fn chroot(path: impl AsRef<Path>) -> Result<()> {
    let path = c_path(path)?;
    // SAFETY: the string ends with a null byte and outlives the call.
    checked(unsafe { libc::chroot(path.as_ptr()) }).map(drop)
}

/// `fchdir(2)`.
pub fn change_to(directory: &impl AsRawFd) -> Result<()> {
    // SAFETY: the descriptor is open for as long as the borrow.
    checked(unsafe { libc::fchdir(directory.as_raw_fd()) }).map(drop)
}

/// `mount(2)` of a file system of this type.
pub fn mount(kind: &str, at: impl AsRef<Path>, options: &str) -> Result<()> {
    let (kind, at, options) = (c_path(kind)?, c_path(at)?, c_path(options)?);
    // SAFETY: the strings end with a null byte and outlive the call.
    checked(unsafe {
        libc::mount(
            c"none".as_ptr(),
            at.as_ptr(),
            kind.as_ptr(),
            0,
            options.as_ptr().cast(),
        )
    })
    .map(drop)
}

/// `mount(2)` of a directory at another one, with all that is mounted in it.
pub fn bind(from: impl AsRef<Path>, at: impl AsRef<Path>) -> Result<()> {
    change_mount(
        Some(from.as_ref()),
        at.as_ref(),
        libc::MS_BIND | libc::MS_REC,
    )
}

/// Keeps all mounts of this namespace from being seen in others, and those from here.
pub fn make_private() -> Result<()> {
    change_mount(None, Path::new("/"), libc::MS_PRIVATE | libc::MS_REC)
}

/// Gives the caller mounts of its own: what it mounts and unmounts then is nobody else's, also where
/// those of the machine are shared.
pub fn own_mounts() -> Result<()> {
    super::ids::unshare(libc::CLONE_NEWNS)?;
    make_private()
}

fn change_mount(from: Option<&Path>, at: &Path, flags: libc::c_ulong) -> Result<()> {
    let from = from.map(c_path).transpose()?;
    let at = c_path(at)?;
    // SAFETY: the strings end with a null byte and outlive the call; the others may be null.
    checked(unsafe {
        libc::mount(
            from.as_ref().map_or(std::ptr::null(), |from| from.as_ptr()),
            at.as_ptr(),
            std::ptr::null(),
            flags,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// `umount2(2)`, as soon as nobody uses it any more.
pub fn unmount(at: impl AsRef<Path>) -> Result<()> {
    super::mount::unmount(at.as_ref())
}

/// `pivot_root(2)`.
pub fn pivot_root(new: impl AsRef<Path>, old: impl AsRef<Path>) -> Result<()> {
    let (new, old) = (c_path(new)?, c_path(old)?);
    call!(libc::SYS_pivot_root, new.as_ptr(), old.as_ptr()).map(drop)
}

/// `open_tree(2)`: a copy of what is mounted at a path.
pub fn clone_tree(path: impl AsRef<Path>) -> Result<OwnedFd> {
    const OPEN_TREE_CLONE: c_int = 1;
    let path = c_path(path)?;
    call!(
        libc::SYS_open_tree,
        libc::AT_FDCWD,
        path.as_ptr(),
        OPEN_TREE_CLONE | libc::O_CLOEXEC
    )
    .map(owned)
}

/// `fsopen(2)`.
pub fn open_file_system(kind: &str) -> Result<OwnedFd> {
    let kind = c_path(kind)?;
    call!(libc::SYS_fsopen, kind.as_ptr(), 1).map(owned)
}

/// `mount_setattr(2)`: makes the mount at a path read-only.
pub fn make_read_only(at: impl AsRef<Path>) -> Result<()> {
    let at = c_path(at)?;
    let attributes = [1u64, 0, 0, 0];
    call!(
        libc::SYS_mount_setattr,
        libc::AT_FDCWD,
        at.as_ptr(),
        0,
        attributes.as_ptr(),
        std::mem::size_of_val(&attributes)
    )
    .map(drop)
}

/// `mkfifo(2)` of a pipe that everybody may read and write, as far as the umask lets them.
pub fn make_pipe(path: impl AsRef<Path>) -> Result<()> {
    let path = c_path(path)?;
    // SAFETY: the string ends with a null byte and outlives the call.
    checked(unsafe { libc::mkfifo(path.as_ptr(), 0o666) }).map(drop)
}

/// `mknod(2)` of a device.
pub fn make_device(
    path: impl AsRef<Path>,
    kind: libc::mode_t,
    major: u32,
    minor: u32,
) -> Result<()> {
    let path = c_path(path)?;
    let device = libc::makedev(major, minor);
    // SAFETY: the string ends with a null byte and outlives the call.
    checked(unsafe { libc::mknod(path.as_ptr(), kind | 0o600, device) }).map(drop)
}

/// `struct file_handle` with room for what any file system puts into it.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct Handle {
    size: u32,
    kind: c_int,
    bytes: [u8; 128],
}

/// `name_to_handle_at(2)`.
pub fn handle(path: impl AsRef<Path>) -> Result<Handle> {
    let path = c_path(path)?;
    let mut handle = Handle {
        size: 128,
        kind: 0,
        bytes: [0; 128],
    };
    let mut mount = 0i32;
    call!(
        libc::SYS_name_to_handle_at,
        libc::AT_FDCWD,
        path.as_ptr(),
        &raw mut handle,
        &raw mut mount,
        0
    )?;
    Ok(handle)
}

/// `open_by_handle_at(2)`, in the file system that `mount` is on.
pub fn open_handle(mount: &impl AsRawFd, handle: &Handle) -> Result<OwnedFd> {
    call!(
        libc::SYS_open_by_handle_at,
        mount.as_raw_fd(),
        std::ptr::from_ref(handle),
        libc::O_RDONLY | libc::O_CLOEXEC
    )
    .map(owned)
}

/// Gives a program `CAP_SYS_CHROOT`, which it then has whoever executes it.
pub fn make_capable_of_chroot(path: impl AsRef<Path>) -> Result<()> {
    const CAP_SYS_CHROOT: u32 = 18;
    // VFS_CAP_REVISION_2 with the effective bit, then the permitted and the inheritable set.
    let data: [u32; 5] = [0x0200_0001, 1 << CAP_SYS_CHROOT, 0, 0, 0].map(u32::to_le);
    let path = c_path(path)?;
    // SAFETY: the strings end with a null byte; the pointer and the size describe the array.
    checked(unsafe {
        libc::setxattr(
            path.as_ptr(),
            c"security.capability".as_ptr(),
            data.as_ptr().cast(),
            std::mem::size_of_val(&data),
            0,
        )
    })
    .map(drop)
}

/// `getxattr(2)`: an extended attribute of a file.
pub fn attribute(path: impl AsRef<Path>, name: &str) -> Result<Vec<u8>> {
    let (path, name) = (c_path(path)?, c_path(name)?);
    let mut value = vec![0; 4096];
    // SAFETY: the strings end with a null byte; the pointer and the size are those of the buffer.
    let length = checked(unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    })?;
    value.truncate(usize::try_from(length).map_err(|_| Errno::EINVAL)?);
    Ok(value)
}

/// `setxattr(2)`: gives a file an extended attribute.
pub fn set_attribute(path: impl AsRef<Path>, name: &str, value: &[u8]) -> Result<()> {
    let (path, name) = (c_path(path)?, c_path(name)?);
    // SAFETY: the strings end with a null byte; the pointer and the size describe the value.
    checked(unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    })
    .map(drop)
}

/// `chmod(2)`.
pub fn set_mode(path: impl AsRef<Path>, mode: libc::mode_t) -> Result<()> {
    let path = c_path(path)?;
    // SAFETY: the string ends with a null byte and outlives the call.
    checked(unsafe { libc::chmod(path.as_ptr(), mode) }).map(drop)
}

/// `flock(2)`: locks a file for the caller alone.
pub fn lock(file: &impl AsRawFd) -> Result<()> {
    // SAFETY: the descriptor is open for as long as the borrow.
    checked(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

/// `umask(2)`.
pub fn allow_all_modes() {
    // SAFETY: plain integers in, an integer out.
    unsafe { libc::umask(0) };
}
