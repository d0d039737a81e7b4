// SPDX-License-Identifier: MIT OR Apache-2.0

//! System V shared-memory segments.

// A C type that is wider than its value on one architecture is equal to it on another.
#![allow(clippy::useless_conversion)]

use super::{checked, Errno, Key, Result, IPC_SLOTS};
use libc::c_int;
use std::ptr::NonNull;

const SHM_STAT: c_int = 13;
const SHM_STAT_ANY: c_int = 15;
const SHM_LOCK: c_int = 11;
const SHM_UNLOCK: c_int = 12;

/// Attach for reading only.
pub const READ_ONLY: i32 = libc::SHM_RDONLY;
/// Attach for execution too.
pub const EXECUTE: i32 = 0o100000;

/// The segment named `key`, created where `flags` say so.
pub fn get(key: Key, size: usize, flags: i32) -> Result<i32> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::shmget(key, size, flags) })
}

/// Which of the stat commands to use.
#[derive(Clone, Copy, Debug)]
pub enum Stat {
    /// `IPC_STAT`, by identifier.
    ById,
    /// `SHM_STAT`, by index.
    ByIndex,
    /// `SHM_STAT_ANY`, by index and without a permission check.
    Any,
}

/// What the kernel says about a segment.
pub fn stat(id: i32, how: Stat) -> Result<libc::shmid_ds> {
    let (target, command) = match how {
        Stat::ById => (id, libc::IPC_STAT),
        Stat::ByIndex => (id % IPC_SLOTS, SHM_STAT),
        Stat::Any => (id % IPC_SLOTS, SHM_STAT_ANY),
    };
    // SAFETY: an all-zero shmid_ds is a valid value of this plain C struct.
    let mut data: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a shmid_ds that outlives the call.
    checked(unsafe { libc::shmctl(target, command, &mut data) })?;
    Ok(data)
}

/// `IPC_SET`: gives the segment to `uid`:`gid` with the permissions `mode`.
pub fn set(id: i32, uid: u32, gid: u32, mode: u16) -> Result<()> {
    // SAFETY: an all-zero shmid_ds is a valid value of this plain C struct.
    let mut data: libc::shmid_ds = unsafe { std::mem::zeroed() };
    data.shm_perm.uid = uid;
    data.shm_perm.gid = gid;
    data.shm_perm.mode = mode.into();
    // SAFETY: the pointer is to a shmid_ds that outlives the call.
    checked(unsafe { libc::shmctl(id, libc::IPC_SET, &mut data) }).map(drop)
}

fn control(id: i32, command: c_int) -> Result<()> {
    // SAFETY: the commands that come here take no buffer.
    checked(unsafe { libc::shmctl(id, command, std::ptr::null_mut()) }).map(drop)
}

/// `IPC_RMID`: removes the segment once nobody has it attached.
pub fn remove(id: i32) -> Result<()> {
    control(id, libc::IPC_RMID)
}

/// `SHM_LOCK`: keeps the segment in memory.
pub fn lock(id: i32) -> Result<()> {
    control(id, SHM_LOCK)
}

/// `SHM_UNLOCK`.
pub fn unlock(id: i32) -> Result<()> {
    control(id, SHM_UNLOCK)
}

/// An attached segment, detached when dropped.
#[derive(Debug)]
pub struct Attachment {
    address: NonNull<u8>,
    size: usize,
}

/// Attaches the first `size` bytes of a segment that has at least as many.
pub fn attach(id: i32, flags: i32, size: usize) -> Result<Attachment> {
    // SAFETY: with a null address the kernel picks a free range, so that no mapping of the
    // process is touched.
    let address = unsafe { libc::shmat(id, std::ptr::null(), flags) };
    if address as isize == -1 {
        return Err(Errno::last());
    }
    let address = NonNull::new(address.cast()).ok_or(Errno::EFAULT)?;
    Ok(Attachment { address, size })
}

impl Attachment {
    /// A copy of what the segment holds.
    pub fn read(&self) -> Vec<u8> {
        (0..self.size)
            .map(|at| {
                // SAFETY: `at` is below the size, which the segment has at least, and the
                // mapping lives as long as self. Volatile, as other processes write to it.
                unsafe { self.address.as_ptr().add(at).read_volatile() }
            })
            .collect()
    }

    /// Writes `bytes` at the beginning; what is beyond the attachment's size is left out. Must
    /// not be called on an attachment made with [`READ_ONLY`]: the kernel would kill the process.
    pub fn write(&mut self, bytes: &[u8]) {
        for (at, byte) in bytes.iter().take(self.size).enumerate() {
            // SAFETY: `at` is below the size; the mapping lives as long as self.
            unsafe { self.address.as_ptr().add(at).write_volatile(*byte) };
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // SAFETY: the address came from shmat and nothing refers to the mapping after this.
        unsafe { libc::shmdt(self.address.as_ptr().cast()) };
    }
}
