// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that name another process, beside tracing and scheduling it.

use super::errno::{call, checked, Errno, Result};
use libc::{c_int, pid_t};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `tkill(2)`.
pub fn tkill(tid: pid_t, signal: i32) -> Result<()> {
    call!(libc::SYS_tkill, tid, signal).map(drop)
}

/// `tgkill(2)`.
pub fn tgkill(pid: pid_t, tid: pid_t, signal: i32) -> Result<()> {
    call!(libc::SYS_tgkill, pid, tid, signal).map(drop)
}

/// What `sigqueue` tells with a signal.
fn queued(signal: i32) -> libc::siginfo_t {
    // SAFETY: an all-zero siginfo_t is a valid value of this plain C struct.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    info.si_signo = signal;
    info.si_code = libc::SI_QUEUE;
    info
}

/// `rt_sigqueueinfo(2)`.
pub fn queue(pid: pid_t, signal: i32) -> Result<()> {
    let info = queued(signal);
    call!(libc::SYS_rt_sigqueueinfo, pid, signal, &raw const info).map(drop)
}

/// `rt_tgsigqueueinfo(2)`.
pub fn queue_to_thread(pid: pid_t, tid: pid_t, signal: i32) -> Result<()> {
    let info = queued(signal);
    call!(
        libc::SYS_rt_tgsigqueueinfo,
        pid,
        tid,
        signal,
        &raw const info
    )
    .map(drop)
}

/// A new descriptor that a call has returned.
pub(super) fn owned(descriptor: libc::c_long) -> OwnedFd {
    // SAFETY: the kernel has just opened it for the caller, and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(descriptor as c_int) }
}

/// `pidfd_open(2)`.
pub fn pidfd(pid: pid_t) -> Result<OwnedFd> {
    call!(libc::SYS_pidfd_open, pid, 0).map(owned)
}

/// `pidfd_send_signal(2)`.
pub fn send_by_pidfd(process: &OwnedFd, signal: i32) -> Result<()> {
    call!(
        libc::SYS_pidfd_send_signal,
        process.as_raw_fd(),
        signal,
        0usize,
        0
    )
    .map(drop)
}

/// `pidfd_getfd(2)`.
pub fn take_descriptor(process: &OwnedFd, descriptor: i32) -> Result<OwnedFd> {
    call!(libc::SYS_pidfd_getfd, process.as_raw_fd(), descriptor, 0).map(owned)
}

/// `setns(2)` with a process, into its namespaces of these kinds.
pub fn join_namespaces(process: &OwnedFd, kinds: c_int) -> Result<()> {
    call!(libc::SYS_setns, process.as_raw_fd(), kinds).map(drop)
}

/// `process_madvise(2)`: says that the page at `address` is not needed soon.
pub fn advise(process: &OwnedFd, address: usize) -> Result<()> {
    const MADV_COLD: c_int = 20;
    let part = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: 4096,
    };
    call!(
        libc::SYS_process_madvise,
        process.as_raw_fd(),
        &raw const part,
        1usize,
        MADV_COLD,
        0
    )
    .map(drop)
}

/// Makes the files that two processes have open: whether theirs of these numbers are one.
pub fn compare_files(first: pid_t, second: pid_t, number: i32) -> Result<()> {
    const KCMP_FILE: c_int = 0;
    call!(
        libc::SYS_kcmp,
        first,
        second,
        KCMP_FILE,
        number as usize,
        number as usize
    )
    .map(drop)
}

/// `process_vm_readv(2)` of some bytes.
pub fn read_memory(pid: pid_t, address: usize, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0u8; length];
    let local = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: length,
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: length,
    };
    call!(
        libc::SYS_process_vm_readv,
        pid,
        &raw const local,
        1usize,
        &raw const remote,
        1usize,
        0usize
    )?;
    Ok(bytes)
}

/// `process_vm_writev(2)` of some bytes, which the other process must have set aside for that.
pub fn write_memory(pid: pid_t, address: usize, bytes: &[u8]) -> Result<()> {
    let local = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: bytes.len(),
    };
    call!(
        libc::SYS_process_vm_writev,
        pid,
        &raw const local,
        1usize,
        &raw const remote,
        1usize,
        0usize
    )
    .map(drop)
}

/// `get_robust_list(2)`.
pub fn robust_list(pid: pid_t) -> Result<()> {
    let (mut head, mut length) = (0usize, 0usize);
    call!(
        libc::SYS_get_robust_list,
        pid,
        &raw mut head,
        &raw mut length
    )
    .map(drop)
}

/// `getpgid(2)`.
pub fn group_of(pid: pid_t) -> Result<pid_t> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::getpgid(pid) })
}

/// `getsid(2)`.
pub fn session_of(pid: pid_t) -> Result<pid_t> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::getsid(pid) })
}

/// Asks to be traced by the parent.
pub fn trace_me() -> Result<()> {
    // SAFETY: the request touches no memory of the caller.
    checked(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0usize, 0usize) }).map(drop)
}

/// Begins to trace a process, which is stopped, and lets it go again.
pub fn attach_and_detach(pid: pid_t) -> Result<()> {
    // SAFETY: the request touches no memory of the caller.
    checked(unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, 0usize, 0usize) })?;
    super::trace::wait_for_stop(pid)?;
    // SAFETY: as above.
    checked(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0usize, 0usize) }).map(drop)
}

/// Has signals about `descriptor` sent to `owner`, a process or, where negative, a group.
pub fn set_owner(descriptor: &impl AsRawFd, owner: pid_t, signal: i32) -> Result<()> {
    const F_SETSIG: c_int = 10;
    let descriptor = descriptor.as_raw_fd();
    for (command, value) in [
        (libc::F_SETOWN, owner),
        (F_SETSIG, signal),
        (libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK),
    ] {
        // SAFETY: plain integers in, an integer out.
        checked(unsafe { libc::fcntl(descriptor, command, value) })?;
    }
    Ok(())
}

/// Lets processes of the same user look at the caller though it has changed its user.
pub fn set_dumpable() -> Result<()> {
    // SAFETY: the operation takes an integer.
    checked(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }).map(drop)
}

/// Has the caller killed when this many seconds are over.
pub fn end_after(seconds: u32) {
    // SAFETY: plain integers in, an integer out.
    unsafe { libc::alarm(seconds) };
}

/// From `<linux/perf_event.h>`; `libc` has not got it.
const PERF_FLAG_FD_CLOEXEC: usize = 1 << 3;

/// `struct perf_event_attr` as far as a simple counter needs it (`PERF_ATTR_SIZE_VER0`).
#[repr(C)]
#[derive(Default)]
struct PerfEvent {
    kind: u32,
    size: u32,
    config: u64,
    period: u64,
    sample: u64,
    format: u64,
    flags: u64,
    wakeup: u32,
    breakpoint: u32,
    address: u64,
}

/// `perf_event_open(2)`: counts the time that a process runs, 0 for the caller.
pub fn perf(pid: pid_t) -> Result<OwnedFd> {
    let event = PerfEvent {
        // PERF_TYPE_SOFTWARE, whose event 1 is PERF_COUNT_SW_TASK_CLOCK.
        kind: 1,
        size: std::mem::size_of::<PerfEvent>() as u32,
        config: 1,
        // exclude_kernel and exclude_hv: what a user may ask for.
        flags: 1 << 5 | 1 << 6,
        ..PerfEvent::default()
    };
    call!(
        libc::SYS_perf_event_open,
        &raw const event,
        pid,
        -1,
        -1,
        PERF_FLAG_FD_CLOEXEC
    )
    .map(owned)
}

/// The address of a static, at which every copy of this program has it.
pub fn address_of(bytes: &'static std::sync::atomic::AtomicU32) -> usize {
    std::ptr::from_ref(bytes) as usize
}

/// What a call gave that is only allowed to fail with `passed`, which the kernel finds after it
/// has asked whether the caller may: then it may.
pub fn permitted<T>(result: Result<T>, passed: &[Errno]) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(errno) if passed.contains(&errno) => Ok(()),
        Err(errno) => Err(errno),
    }
}
