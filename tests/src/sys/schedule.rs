// SPDX-License-Identifier: MIT OR Apache-2.0

//! Priorities, policies, processors and limits of other processes.

use super::errno::{call, checked, Errno, Result};
use libc::{c_int, pid_t};

/// Whose priority.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub enum Whose {
    /// A process's.
    Process = 0,
    /// That of all processes of a group.
    Group = 1,
    /// That of all processes of a user.
    User = 2,
}

/// `setpriority(2)`.
pub fn set_nice(whose: Whose, id: u32, nice: i32) -> Result<()> {
    call!(libc::SYS_setpriority, whose as c_int, id, nice).map(drop)
}

/// `getpriority(2)`.
pub fn nice(whose: Whose, id: u32) -> Result<i32> {
    // The kernel's own call gives 20 less the nice value, so that no value looks like an error.
    call!(libc::SYS_getpriority, whose as c_int, id).map(|value| 20 - value as i32)
}

/// `sched_setscheduler(2)` to the policy for what computes in the background.
pub fn set_batch(pid: pid_t) -> Result<()> {
    let priority = 0i32;
    call!(
        libc::SYS_sched_setscheduler,
        pid,
        libc::SCHED_BATCH,
        &raw const priority
    )
    .map(drop)
}

/// `sched_setscheduler(2)` to a real-time policy.
pub fn set_fifo(pid: pid_t) -> Result<()> {
    let priority = 1i32;
    call!(
        libc::SYS_sched_setscheduler,
        pid,
        libc::SCHED_FIFO,
        &raw const priority
    )
    .map(drop)
}

/// `sched_getscheduler(2)`.
pub fn policy(pid: pid_t) -> Result<()> {
    call!(libc::SYS_sched_getscheduler, pid).map(drop)
}

/// `sched_setparam(2)`.
pub fn set_parameter(pid: pid_t) -> Result<()> {
    let priority = 0i32;
    call!(libc::SYS_sched_setparam, pid, &raw const priority).map(drop)
}

/// `sched_getparam(2)`.
pub fn parameter(pid: pid_t) -> Result<()> {
    let mut priority = 0i32;
    call!(libc::SYS_sched_getparam, pid, &raw mut priority).map(drop)
}

/// `sched_rr_get_interval(2)`.
pub fn interval(pid: pid_t) -> Result<()> {
    let mut time = [0u64; 2];
    call!(libc::SYS_sched_rr_get_interval, pid, time.as_mut_ptr()).map(drop)
}

/// `struct sched_attr`, its first version.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    times: [u64; 3],
}

/// `sched_setattr(2)` to the normal policy with this nice value.
pub fn set_attributes(pid: pid_t, nice: i32) -> Result<()> {
    let attributes = Attributes {
        size: std::mem::size_of::<Attributes>() as u32,
        nice,
        ..Attributes::default()
    };
    call!(libc::SYS_sched_setattr, pid, &raw const attributes, 0).map(drop)
}

/// `sched_getattr(2)`.
pub fn attributes(pid: pid_t) -> Result<()> {
    let mut attributes = Attributes::default();
    call!(
        libc::SYS_sched_getattr,
        pid,
        &raw mut attributes,
        std::mem::size_of::<Attributes>(),
        0
    )
    .map(drop)
}

/// `sched_setaffinity(2)` to all processors.
pub fn set_affinity(pid: pid_t) -> Result<()> {
    set_processors(pid, &[usize::MAX; 16])
}

/// `sched_setaffinity(2)` to the first processor alone.
pub fn set_first_processor(pid: pid_t) -> Result<()> {
    let mut processors = [0; 16];
    processors[0] = 1;
    set_processors(pid, &processors)
}

fn set_processors(pid: pid_t, processors: &[usize; 16]) -> Result<()> {
    call!(
        libc::SYS_sched_setaffinity,
        pid,
        std::mem::size_of_val(processors),
        processors.as_ptr()
    )
    .map(drop)
}

/// `sched_getaffinity(2)`.
pub fn affinity(pid: pid_t) -> Result<()> {
    let mut processors = [0usize; 16];
    call!(
        libc::SYS_sched_getaffinity,
        pid,
        std::mem::size_of_val(&processors),
        processors.as_mut_ptr()
    )
    .map(drop)
}

/// `prlimit64(2)`: reads the limit on the size of files.
pub fn limit(pid: pid_t) -> Result<[u64; 2]> {
    let mut limit = [0u64; 2];
    call!(
        libc::SYS_prlimit64,
        pid,
        libc::RLIMIT_FSIZE,
        0usize,
        limit.as_mut_ptr()
    )?;
    Ok(limit)
}

/// `prlimit64(2)`: sets the limit on the size of files.
pub fn set_limit(pid: pid_t, limit: [u64; 2]) -> Result<()> {
    call!(
        libc::SYS_prlimit64,
        pid,
        libc::RLIMIT_FSIZE,
        limit.as_ptr(),
        0usize
    )
    .map(drop)
}

/// Raises the caller's own hard limit on open files.
pub fn raise_limit() -> Result<()> {
    let limit = libc::rlimit {
        rlim_cur: 1024,
        rlim_max: 1 << 20,
    };
    // SAFETY: the struct outlives the call.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }).map(drop)
}

/// `ioprio_set(2)` of a process to the best-effort class.
pub fn set_io_priority(pid: pid_t) -> Result<()> {
    call!(libc::SYS_ioprio_set, 1, pid, 2 << 13 | 4).map(drop)
}

/// `ioprio_get(2)` of a process.
pub fn io_priority(pid: pid_t) -> Result<()> {
    call!(libc::SYS_ioprio_get, 1, pid).map(drop)
}

/// `move_pages(2)`: asks where a page of a process lies.
pub fn locate_pages(pid: pid_t, address: usize) -> Result<()> {
    let pages = [address];
    let mut status = [0i32];
    call!(
        libc::SYS_move_pages,
        pid,
        1usize,
        pages.as_ptr(),
        0usize,
        status.as_mut_ptr(),
        0
    )
    .map(drop)
}

/// `migrate_pages(2)` from the only node to itself.
pub fn migrate_pages(pid: pid_t) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        let node = [1usize];
        call!(
            libc::SYS_migrate_pages,
            pid,
            8usize,
            node.as_ptr(),
            node.as_ptr()
        )
        .map(drop)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = pid;
        Err(Errno::ENOSYS)
    }
}

/// The nice value of a process when the kernel's answer is to be seen, by its number.
pub fn nice_of(pid: pid_t) -> Result<i32> {
    let pid = u32::try_from(pid).map_err(|_| Errno::EINVAL)?;
    nice(Whose::Process, pid)
}
