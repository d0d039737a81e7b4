// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a process has of the one that started it: the calls that change it.
//!
//! By number, for not every C library has them all.

use std::ffi::{c_int, c_long, c_ulong, c_void};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use rustix::process::{setrlimit, Resource, Rlimit};

/// So many processors are named in a mask; the kernel takes as many as it can have.
const PROCESSORS: usize = 8192;

/// prctl(2); not in every C library's header.
const PR_SET_MEMORY_MERGE: c_int = 67;
const PR_GET_MEMORY_MERGE: c_int = 68;

/// For ioprio_set(2).
const IOPRIO_WHO_PROCESS: c_int = 1;

/// For set_mempolicy(2).
const MPOL_DEFAULT: c_int = 0;

/// personality(2) changes nothing and says what there is.
const QUERY: c_ulong = 0xffff_ffff;

/// Gives the calling thread the usual scheduling policy, SCHED_OTHER.
pub fn schedule_as_usual() -> Result<(), Errno> {
    let priority: c_int = 0;
    // SAFETY: the kernel reads one integer, which lives over the call, and writes nothing.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            libc::SCHED_OTHER,
            &priority,
        )
    })
    .map(drop)
}

/// Gives the calling thread no class of its own for what it reads and writes.
pub fn reset_io_priority() -> Result<(), Errno> {
    // SAFETY: the call takes integers alone.
    Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0) })
        .map(drop)
}

/// Lets the calling thread run on every processor that its control group has.
pub fn use_all_processors() -> Result<(), Errno> {
    let mask = [c_ulong::MAX; PROCESSORS / c_ulong::BITS as usize];
    // SAFETY: the kernel reads no more than the length that is given, which is that of the mask.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_sched_setaffinity,
            0,
            std::mem::size_of_val(&mask),
            mask.as_ptr(),
        )
    })
    .map(drop)
}

/// Takes memory from wherever the kernel thinks best.
pub fn reset_memory_policy() -> Result<(), Errno> {
    let nothing = std::ptr::null::<c_void>();
    // SAFETY: for this policy the kernel takes no mask, and reads none.
    Errno::result(unsafe { libc::syscall(libc::SYS_set_mempolicy, MPOL_DEFAULT, nothing, 0) })
        .map(drop)
}

/// Has the kernel no longer look for equal pages in the memory of the process, where it does.
pub fn merge_no_memory() -> Result<(), Errno> {
    // SAFETY: the command takes integers alone.
    let merges = unsafe { libc::prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) };
    if merges != 1 {
        return Ok(());
    }
    // SAFETY: as above.
    Errno::result(unsafe { libc::prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0) }).map(drop)
}

/// Gives the process the usual interface of the kernel, but for the bits of `kept`.
pub fn reset_personality(kept: c_ulong) -> Result<(), Errno> {
    let there = personality(QUERY)?;
    personality(there as c_ulong & kept).map(drop)
}

fn personality(persona: c_ulong) -> Result<c_long, Errno> {
    // SAFETY: the call takes an integer alone.
    Errno::result(unsafe { libc::syscall(libc::SYS_personality, persona) })
}

/// The mask of the calling process (umask(2)), after it has been replaced.
pub fn replace_umask(mask: u32) -> u32 {
    let mask = nix::sys::stat::Mode::from_bits_truncate(mask);
    nix::sys::stat::umask(mask).bits()
}

/// Has `command` begin with this umask and these limits, with SIGXFSZ ignored where it is among
/// `ignored` alone, and with no signal blocked: a supervisor blocks those that it passes on.
///
/// Limits that cannot be set stay.
pub fn begin_with(
    command: &mut Command,
    umask: u32,
    limits: Vec<(Resource, Rlimit)>,
    ignored: &[c_int],
) {
    let is_ignored = ignored.contains(&libc::SIGXFSZ);
    let begin = move || {
        replace_umask(umask);
        if !is_ignored {
            let _ = super::default_action(libc::SIGXFSZ);
        }
        for (resource, values) in &limits {
            let _ = setrlimit(*resource, *values);
        }
        SigSet::empty().thread_set_mask()?;
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls alone: it neither allocates nor locks.
    unsafe { command.pre_exec(begin) };
}

/// Has the calling process ignore `signal`.
pub fn ignore(signal: c_int) -> Result<(), Errno> {
    // SAFETY: SIG_IGN runs no code of the process.
    match unsafe { libc::signal(signal, libc::SIG_IGN) } {
        libc::SIG_ERR => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// What is special about the capabilities of the calling thread (SECBIT_*).
pub fn securebits() -> Result<c_int, Errno> {
    // SAFETY: the command takes integers alone.
    Errno::result(unsafe { libc::prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, 0) })
}

/// Changes that.
pub fn set_securebits(bits: c_int) -> Result<(), Errno> {
    // SAFETY: as for `securebits`.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, bits, 0, 0, 0) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_can_always_be_had() {
        assert_eq!(use_all_processors(), Ok(()));
        assert_eq!(schedule_as_usual(), Ok(()));
        assert!(matches!(reset_io_priority(), Ok(()) | Err(Errno::ENOSYS)));
        assert!(matches!(reset_memory_policy(), Ok(()) | Err(Errno::ENOSYS)));
        assert_eq!(merge_no_memory(), Ok(()));
    }
}
