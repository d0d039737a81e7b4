// SPDX-License-Identifier: MIT OR Apache-2.0

//! System V semaphore sets.

// A C type that is wider than its value on one architecture is equal to it on another.
#![allow(clippy::useless_conversion)]

use super::{checked, Key, Result, IPC_SLOTS};
use libc::c_int;
use std::time::Duration;

const SEM_STAT: c_int = 18;
const SEM_STAT_ANY: c_int = 20;
const GETPID: c_int = 11;
const GETVAL: c_int = 12;
const GETALL: c_int = 13;
const GETNCNT: c_int = 14;
const GETZCNT: c_int = 15;
const SETVAL: c_int = 16;
const SETALL: c_int = 17;

/// Undo the operation when the process exits or enters a jail.
pub const SEM_UNDO: i16 = 0x1000;
/// Fail with EAGAIN rather than wait.
pub const NOWAIT: i16 = libc::IPC_NOWAIT as i16;

/// The semaphore set named `key`, created where `flags` say so.
pub fn get(key: Key, nsems: i32, flags: i32) -> Result<i32> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::semget(key, nsems, flags) })
}

/// Which of the stat commands to use.
#[derive(Clone, Copy, Debug)]
pub enum Stat {
    /// `IPC_STAT`, by identifier.
    ById,
    /// `SEM_STAT`, by index.
    ByIndex,
    /// `SEM_STAT_ANY`, by index and without a permission check.
    Any,
}

/// What the kernel says about a set.
pub fn stat(id: i32, how: Stat) -> Result<libc::semid_ds> {
    let (target, command) = match how {
        Stat::ById => (id, libc::IPC_STAT),
        Stat::ByIndex => (id % IPC_SLOTS, SEM_STAT),
        Stat::Any => (id % IPC_SLOTS, SEM_STAT_ANY),
    };
    // SAFETY: an all-zero semid_ds is a valid value of this plain C struct.
    let mut data: libc::semid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: the fourth argument points to a semid_ds that outlives the call.
    checked(unsafe { libc::semctl(target, 0, command, &raw mut data) })?;
    Ok(data)
}

/// `IPC_SET`: gives the set to `uid`:`gid` with the permissions `mode`.
pub fn set(id: i32, uid: u32, gid: u32, mode: u16) -> Result<()> {
    // SAFETY: an all-zero semid_ds is a valid value of this plain C struct.
    let mut data: libc::semid_ds = unsafe { std::mem::zeroed() };
    data.sem_perm.uid = uid;
    data.sem_perm.gid = gid;
    data.sem_perm.mode = mode.into();
    // SAFETY: the fourth argument points to a semid_ds that outlives the call.
    checked(unsafe { libc::semctl(id, 0, libc::IPC_SET, &raw mut data) }).map(drop)
}

/// `IPC_RMID`: removes the set.
pub fn remove(id: i32) -> Result<()> {
    // SAFETY: this command has no fourth argument.
    checked(unsafe { libc::semctl(id, 0, libc::IPC_RMID) }).map(drop)
}

/// `GETALL` of a set with `nsems` semaphores.
pub fn get_all(id: i32, nsems: usize) -> Result<Vec<u16>> {
    let mut values = vec![0u16; nsems.max(64)];
    // SAFETY: the kernel writes as many values as the set has; the sets of these tests have
    // fewer than 64, and the vector is never smaller than that.
    checked(unsafe { libc::semctl(id, 0, GETALL, values.as_mut_ptr()) })?;
    values.truncate(nsems);
    Ok(values)
}

/// `SETALL`.
pub fn set_all(id: i32, values: &[u16]) -> Result<()> {
    let mut buffer = values.to_vec();
    buffer.resize(values.len().max(64), 0);
    // SAFETY: the kernel reads as many values as the set has, fewer than the buffer holds.
    checked(unsafe { libc::semctl(id, 0, SETALL, buffer.as_ptr()) }).map(drop)
}

/// `GETVAL`.
pub fn get_value(id: i32, semnum: i32) -> Result<i32> {
    // SAFETY: this command has no fourth argument.
    checked(unsafe { libc::semctl(id, semnum, GETVAL) })
}

/// `GETPID`: the process that last operated on the semaphore.
pub fn get_pid(id: i32, semnum: i32) -> Result<i32> {
    // SAFETY: this command has no fourth argument.
    checked(unsafe { libc::semctl(id, semnum, GETPID) })
}

/// `GETNCNT`: how many wait for the semaphore to grow.
pub fn get_ncnt(id: i32, semnum: i32) -> Result<i32> {
    // SAFETY: this command has no fourth argument.
    checked(unsafe { libc::semctl(id, semnum, GETNCNT) })
}

/// `GETZCNT`: how many wait for the semaphore to become zero.
pub fn get_zcnt(id: i32, semnum: i32) -> Result<i32> {
    // SAFETY: this command has no fourth argument.
    checked(unsafe { libc::semctl(id, semnum, GETZCNT) })
}

/// `SETVAL`.
pub fn set_value(id: i32, semnum: i32, value: i32) -> Result<()> {
    // SAFETY: the fourth argument of this command is an int.
    checked(unsafe { libc::semctl(id, semnum, SETVAL, value) }).map(drop)
}

fn operation(semnum: u16, change: i16, flags: i16) -> libc::sembuf {
    libc::sembuf {
        sem_num: semnum,
        sem_op: change,
        sem_flg: flags,
    }
}

/// `semop` with one operation.
pub fn op(id: i32, semnum: u16, change: i16, flags: i16) -> Result<()> {
    let mut operations = [operation(semnum, change, flags)];
    // SAFETY: the pointer and the count describe the array above.
    checked(unsafe { libc::semop(id, operations.as_mut_ptr(), operations.len()) }).map(drop)
}

/// `semtimedop` with one operation.
pub fn timed_op(id: i32, semnum: u16, change: i16, flags: i16, limit: Duration) -> Result<()> {
    let mut operations = [operation(semnum, change, flags)];
    let limit = libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: limit.subsec_nanos() as libc::c_long,
    };
    // SAFETY: the pointer and the count describe the array, and the timespec outlives the call.
    checked(unsafe { semtimedop(id, operations.as_mut_ptr(), operations.len(), &limit) }).map(drop)
}

extern "C" {
    // The C library's own wrapper converts the time to what the architecture's call takes.
    fn semtimedop(
        semid: c_int,
        sops: *mut libc::sembuf,
        nsops: libc::size_t,
        timeout: *const libc::timespec,
    ) -> c_int;
}
