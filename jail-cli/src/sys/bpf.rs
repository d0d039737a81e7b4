// SPDX-License-Identifier: MIT OR Apache-2.0

//! bpf(2): programs that the kernel runs for what is in a control group.

use std::ffi::{c_int, c_long, CStr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

const BPF_PROG_LOAD: c_long = 5;
const BPF_PROG_ATTACH: c_long = 8;

/// Beside the programs that others attach to the same group.
const BPF_F_ALLOW_MULTI: u32 = 2;

/// How long a name may be, with the zero at its end.
const NAME: usize = 16;

/// `struct bpf_insn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What is done.
    pub code: u8,
    /// Which register it is done to, in the lower half, and from which.
    pub registers: u8,
    /// Where in memory, or how far is jumped.
    pub offset: i16,
    /// A number.
    pub immediate: i32,
}

/// What `union bpf_attr` is for loading.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    first: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    version: u32,
    flags: u32,
    name: [u8; NAME],
    interface: u32,
    attach_type: u32,
}

/// What it is for attaching.
#[repr(C)]
struct Attach {
    group: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

/// Gives the kernel a program. What it has to say about one that it refuses is written to `log`.
pub fn load(
    (kind, attach_type): (u32, u32),
    name: &str,
    instructions: &[Instruction],
    license: &CStr,
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    let mut shortened = [0; NAME];
    let length = name.len().min(NAME - 1);
    shortened[..length].copy_from_slice(&name.as_bytes()[..length]);
    let load = Load {
        kind,
        instructions: u32::try_from(instructions.len()).map_err(|_| Errno::E2BIG)?,
        first: instructions.as_ptr() as usize as u64,
        license: license.as_ptr() as usize as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).map_err(|_| Errno::E2BIG)?,
        log: match log.is_empty() {
            true => 0,
            false => log.as_mut_ptr() as usize as u64,
        },
        version: 0,
        flags: 0,
        name: shortened,
        interface: 0,
        attach_type,
    };
    // SAFETY: the kernel reads as many instructions as there are, and the license up to its end, and
    // writes no more to the log than its length; all of them live over the call.
    let program = unsafe { call(BPF_PROG_LOAD, &load) }?;
    // SAFETY: the call has returned a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

/// Has a program run for what is in a control group, until that is removed.
pub fn attach(
    group: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
    attach_type: u32,
) -> Result<(), Errno> {
    let number = |of: BorrowedFd<'_>| u32::try_from(of.as_raw_fd()).map_err(|_| Errno::EBADF);
    let attach = Attach {
        group: number(group)?,
        program: number(program)?,
        attach_type,
        flags: BPF_F_ALLOW_MULTI,
    };
    // SAFETY: there are numbers alone in it.
    unsafe { call(BPF_PROG_ATTACH, &attach) }.map(drop)
}

/// # Safety
///
/// `attributes` must be what the command takes, without padding, and the addresses in it valid for what
/// the command does there.
unsafe fn call<T>(command: c_long, attributes: &T) -> Result<c_int, Errno> {
    // SAFETY: the kernel reads just this structure; the rest is the caller's promise.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            std::mem::size_of::<T>(),
        )
    };
    let result = Errno::result(result)?;
    c_int::try_from(result).map_err(|_| Errno::EOVERFLOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_as_the_kernel_has_them() {
        assert_eq!(std::mem::size_of::<Instruction>(), 8);
        assert_eq!(std::mem::offset_of!(Load, name), 48);
        assert_eq!(std::mem::offset_of!(Load, attach_type), 68);
        assert_eq!(std::mem::size_of::<Load>(), 72);
    }
}
