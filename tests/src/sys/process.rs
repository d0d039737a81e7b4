// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making processes in every way that the kernel knows, and ending them.
//!
//! Every process that calls these is single-threaded, unless a test says otherwise: a child made
//! with [`fork`] then has a whole copy of the program and may do anything.

use super::errno::{checked, Errno, Result};
use libc::{c_int, pid_t};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By `exit` with this status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Exited(status) => write!(f, "exit status {status}"),
            Ended::Signaled(signal) => write!(f, "signal {signal}"),
        }
    }
}

fn decode(status: c_int) -> Ended {
    if libc::WIFEXITED(status) {
        Ended::Exited(libc::WEXITSTATUS(status))
    } else {
        Ended::Signaled(libc::WTERMSIG(status))
    }
}

/// Waits for a child to end, interrupted by no signal.
pub fn wait(pid: pid_t) -> Result<Ended> {
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to an int that outlives the call. __WALL also waits for
        // children that do not send SIGCHLD.
        match checked(unsafe { libc::waitpid(pid, &mut status, libc::__WALL) }) {
            Ok(_) => return Ok(decode(status)),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether a child has ended, and how.
pub fn try_wait(pid: pid_t) -> Result<Option<Ended>> {
    let mut status = 0;
    // SAFETY: the pointer is to an int that outlives the call.
    let ended = checked(unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG | libc::__WALL) })?;
    Ok((ended != 0).then(|| decode(status)))
}

/// Runs the child's part and ends the process with its result. A panic, where it unwinds, ends
/// the process with 101, as a Rust program does.
fn finish(child: impl FnOnce() -> i32) -> ! {
    let status = catch_unwind(AssertUnwindSafe(child)).unwrap_or(101);
    // What does not reach a closed standard output has nowhere else to go.
    let _ = std::io::stdout().flush();
    // SAFETY: ends the process; the handlers that the parent registered are not to run here.
    unsafe { libc::_exit(status) }
}

/// Ends the calling process, all of its threads.
pub fn exit(status: i32) -> ! {
    // SAFETY: ends the process; what the program holds goes with it.
    unsafe { libc::_exit(status) }
}

/// Ends the calling thread alone, even the first one of a process, which the C library's threads
/// go on without.
pub fn exit_thread() -> ! {
    loop {
        // SAFETY: the call does not return, so that nothing on this thread's stack goes away, and
        // other threads that use it go on doing so.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
}

/// Flushes what both copies of the program would otherwise print.
pub(super) fn flush() {
    let _ = std::io::stdout().flush();
}

/// `fork` by the C library; the process number of the child.
pub fn fork(child: impl FnOnce() -> i32) -> Result<pid_t> {
    flush();
    // SAFETY: the caller is single-threaded, so that the child's copy of the program is whole.
    match checked(unsafe { libc::fork() })? {
        0 => finish(child),
        pid => Ok(pid),
    }
}

/// Forks and ends, again and again: nobody who has seen the process finds it under its number any more.
pub fn flee() -> ! {
    loop {
        // SAFETY: the caller is single-threaded, and the child goes on where it was.
        match unsafe { libc::fork() } {
            0 => {}
            child if child > 0 => exit(0),
            _ => nap(),
        }
    }
}

/// Forks and waits; how the child ended.
pub fn in_child(child: impl FnOnce() -> i32) -> Result<Ended> {
    wait(fork(child)?)
}

/// The raw `clone(2)` with these flags (the lowest byte is the signal at the child's end), the
/// child going on with a copy of the memory as after `fork`.
///
/// `CLONE_VM` must not be among the flags: see [`shared_memory`](super::shared_memory).
pub fn clone(flags: c_int, child: impl FnOnce() -> i32) -> Result<pid_t> {
    if flags & libc::CLONE_VM != 0 {
        return Err(Errno::EINVAL);
    }
    flush();
    // SAFETY: without CLONE_VM and with a null stack this is fork with other sharing; the
    // caller is single-threaded. The pointer arguments are null and their flags unset.
    let pid = checked(unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags as libc::c_long,
            0usize,
            0usize,
            0usize,
            0usize,
        )
    })?;
    match pid {
        0 => finish(child),
        pid => {
            // What the closure owns may be shared with the child, descriptors above all.
            std::mem::forget(child);
            Ok(pid as pid_t)
        }
    }
}

/// `struct clone_args` of `linux/sched.h`, which the C library has not got on every architecture.
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// The raw `clone3(2)` as [`clone`] does it.
pub fn clone3(flags: u64, child: impl FnOnce() -> i32) -> Result<pid_t> {
    let mut arguments = CloneArgs {
        flags,
        ..CloneArgs::default()
    };
    // A sibling ends as its parent's parent was told that this process would.
    if flags & libc::CLONE_PARENT as u64 == 0 {
        arguments.exit_signal = libc::SIGCHLD as u64;
    }
    clone3_by(&arguments, child)
}

/// The same, with the child in the control group whose directory is open as `group`.
pub fn clone3_into(group: &impl AsRawFd, child: impl FnOnce() -> i32) -> Result<pid_t> {
    const CLONE_INTO_CGROUP: u64 = 1 << 33;
    let arguments = CloneArgs {
        flags: CLONE_INTO_CGROUP,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: group.as_raw_fd() as u64,
        ..CloneArgs::default()
    };
    clone3_by(&arguments, child)
}

fn clone3_by(arguments: &CloneArgs, child: impl FnOnce() -> i32) -> Result<pid_t> {
    if arguments.flags & libc::CLONE_VM as u64 != 0 {
        return Err(Errno::EINVAL);
    }
    flush();
    // SAFETY: the struct outlives the call and its size is given; without CLONE_VM and with a
    // null stack this is fork with other sharing.
    let pid = checked(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            std::ptr::from_ref(arguments),
            std::mem::size_of_val(arguments),
        )
    })?;
    match pid {
        0 => finish(child),
        pid => {
            // What the closure owns may be shared with the child, descriptors above all.
            std::mem::forget(child);
            Ok(pid as pid_t)
        }
    }
}

/// Sends a signal; 0 only asks whether the process exists.
pub fn kill(pid: pid_t, signal: i32) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Makes the caller the leader of a new process group, or joins `group`.
pub fn set_process_group(group: pid_t) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::setpgid(0, group) }).map(drop)
}

/// Makes the caller the leader of a new session, without a terminal.
pub fn new_session() -> Result<()> {
    // SAFETY: takes nothing.
    checked(unsafe { libc::setsid() }).map(drop)
}

/// The caller's process number.
pub fn pid() -> pid_t {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::getpid() }
}

/// The caller's parent's process number, straight from the kernel.
pub fn parent() -> pid_t {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::syscall(libc::SYS_getppid) as pid_t }
}

/// Sleeps for a short while: for polling what cannot be waited for.
pub fn nap() {
    std::thread::sleep(std::time::Duration::from_millis(2));
}

/// Has the kernel kill the caller when its parent ends, so that an interrupted test leaves
/// nothing behind.
pub fn end_with_parent() -> Result<()> {
    // SAFETY: this operation takes a signal and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) }).map(drop)
}

/// Takes [`end_with_parent`] back.
pub fn outlive_parent() -> Result<()> {
    // SAFETY: this operation takes a signal, 0 for none, and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0, 0, 0, 0) }).map(drop)
}

/// Makes the caller the parent of what its children leave behind.
pub fn adopt_orphans() -> Result<()> {
    // SAFETY: this operation takes an integer and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// Reads one byte from a descriptor and touches no memory but its own stack: for a process that
/// shares its memory with another. 1 if there was a byte.
pub fn read_byte(descriptor: c_int) -> isize {
    let mut byte = 0u8;
    // SAFETY: one byte on the stack, which outlives the call; a descriptor that is not open
    // only gives an error.
    unsafe { libc::read(descriptor, (&raw mut byte).cast(), 1) }
}

/// Has `signal` interrupt calls that wait, and do nothing else.
pub fn interrupt_on(signal: i32) -> Result<()> {
    extern "C" fn nothing(_signal: c_int) {}
    // SAFETY: an all-zero sigaction is a valid value: no flags (SA_RESTART above all), no mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
    // SAFETY: the struct outlives the call, and the handler does nothing.
    checked(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) }).map(drop)
}

/// Names the caller; what is beyond 15 bytes is cut off.
pub fn set_name(name: &str) -> Result<()> {
    let name = std::ffi::CString::new(name).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the string ends with a null byte and outlives the call.
    checked(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) }).map(drop)
}

/// Has the kernel not wait for the caller to ask after its children: they leave nothing behind.
pub fn ignore_children() -> Result<()> {
    // SAFETY: an all-zero sigaction is a valid value, and no handler is set.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = libc::SIG_IGN;
    // SAFETY: the struct outlives the call.
    checked(unsafe { libc::sigaction(libc::SIGCHLD, &action, std::ptr::null_mut()) }).map(drop)
}

/// Has the kernel show so many bytes as the arguments of the calling process, beginning with `x` a few
/// times (prctl(2), PR_SET_MM); takes CAP_SYS_RESOURCE.
pub fn show_arguments(length: usize) -> Result<()> {
    const WRITTEN: usize = 64 << 10;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, of which the kernel chooses the place.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    // SAFETY: the mapping is longer, can be written, and nothing else knows of it.
    unsafe { std::ptr::write_bytes(start.cast::<u8>(), b'x', WRITTEN.min(length)) };
    let end = start as usize + length;
    for (what, address) in [
        (libc::PR_SET_MM_ARG_START, start as usize),
        (libc::PR_SET_MM_ARG_END, end),
    ] {
        // SAFETY: the call takes numbers, and changes no more than what the kernel shows.
        checked(unsafe { libc::prctl(libc::PR_SET_MM, what, address, 0, 0) })?;
    }
    Ok(())
}
