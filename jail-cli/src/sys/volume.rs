// SPDX-License-Identifier: MIT OR Apache-2.0

//! The calls for volumes: loop devices, the device mapper, keys.
//!
//! What is told to a device is made of bytes, in the order of the kernel's structures: these have the same
//! layout on every architecture that jaula is for.

use std::ffi::{c_int, c_long, c_ulong, CStr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;

const LOOP_CONFIGURE: c_ulong = 0x4c0a;
const LOOP_CTL_GET_FREE: c_ulong = 0x4c82;

/// How long `struct loop_config` is.
pub const LOOP_CONFIG: usize = 304;

/// How long `struct dm_ioctl` is.
pub const DEVICE_MAPPER: usize = 312;

/// Where it says how long all of a message is.
const DATA_SIZE: usize = 12;

/// `_IOWR(0xfd, command, struct dm_ioctl)`.
const fn device_mapper_request(command: u8) -> c_ulong {
    (3 << 30) | ((DEVICE_MAPPER as c_ulong) << 16) | (0xfd << 8) | command as c_ulong
}

/// `_IOW('f', 16, __u64)`.
const EXT4_IOC_RESIZE_FS: c_ulong = (1 << 30) | (8 << 16) | (0x66 << 8) | 16;

/// Where keys are that nobody but this thread finds, and that go with it (keyrings(7)).
const KEY_SPEC_THREAD_KEYRING: c_int = -1;

/// Has a key be gone at once (keyctl(2)).
const KEYCTL_INVALIDATE: c_long = 21;

/// The number of a loop device that is free (loop(4)).
pub fn free_loop_device(control: BorrowedFd<'_>) -> Result<c_int, Errno> {
    // SAFETY: the command takes no argument.
    Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) })
}

/// Gives a loop device its file.
pub fn configure_loop_device(
    device: BorrowedFd<'_>,
    config: &[u8; LOOP_CONFIG],
) -> Result<(), Errno> {
    // SAFETY: the kernel reads a structure of just this length, which lives over the call.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, config.as_ptr()) })
        .map(drop)
}

/// Asks the device mapper for something. `message` is a `struct dm_ioctl` and what belongs to it; how long
/// it is is written into it here.
pub fn device_mapper(
    control: BorrowedFd<'_>,
    command: u8,
    message: &mut [u8],
) -> Result<(), Errno> {
    let length = u32::try_from(message.len()).map_err(|_| Errno::E2BIG)?;
    if message.len() < DEVICE_MAPPER {
        return Err(Errno::EINVAL);
    }
    message[DATA_SIZE..DATA_SIZE + 4].copy_from_slice(&length.to_ne_bytes());
    // SAFETY: the kernel reads and writes no more than the length that is in the message, which is its own.
    Errno::result(unsafe {
        libc::ioctl(
            control.as_raw_fd(),
            device_mapper_request(command) as _,
            message.as_mut_ptr(),
        )
    })
    .map(drop)
}

/// A key that the kernel has and nobody reads any more, until this is dropped.
pub struct SecretKey(c_long);

impl SecretKey {
    /// Gives the kernel one (add_key(2), "logon"), which this thread alone finds.
    pub fn new(description: &CStr, key: &[u8]) -> Result<Self, Errno> {
        // SAFETY: both strings end, and the kernel reads no more of the key than its length; all of them
        // live over the call.
        Errno::result(unsafe {
            libc::syscall(
                libc::SYS_add_key,
                c"logon".as_ptr(),
                description.as_ptr(),
                key.as_ptr(),
                key.len(),
                c_long::from(KEY_SPEC_THREAD_KEYRING),
            )
        })
        .map(SecretKey)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        // Else it stays for as long as what was opened meanwhile.
        // SAFETY: the command takes numbers alone.
        unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_INVALIDATE, self.0) };
    }
}

/// Has a mounted ext4 be as many blocks large.
pub fn resize_ext4(directory: BorrowedFd<'_>, blocks: u64) -> Result<(), Errno> {
    // SAFETY: the kernel reads one number, which lives over the call.
    Errno::result(unsafe { libc::ioctl(directory.as_raw_fd(), EXT4_IOC_RESIZE_FS as _, &blocks) })
        .map(drop)
}

/// Keeps all memory of the calling process from being swapped out.
pub fn lock_memory() -> Result<(), Errno> {
    // SAFETY: the call takes numbers alone.
    Errno::result(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) }).map(drop)
}

/// A descriptor that the process was started with, once more. All that it has opened itself since then is
/// closed when something is executed, and is not meant.
///
/// # Errors
///
/// `EBADF` where there is none.
pub fn inherited_descriptor(number: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: the command takes numbers alone.
    let flags = Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    if flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: as above; nobody's descriptor is closed or changed.
    let again = Errno::result(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) })?;
    // SAFETY: the call has returned a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(again) })
}

/// Has `command` be killed when the process ends that starts it.
pub fn end_with_parent(command: &mut Command) {
    let begin = || {
        // SAFETY: the command takes numbers alone.
        let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong) };
        Errno::result(set).map(drop).map_err(Into::into)
    };
    // SAFETY: between fork and exec it makes a system call alone: it neither allocates nor locks.
    unsafe { command.pre_exec(begin) };
}
