// SPDX-License-Identifier: MIT OR Apache-2.0

//! The jail system calls, raw.
//!
//! The tests do not go through the `jaula` library here: what is compared is the number that the
//! kernel returned, before anybody has interpreted it.

#[cfg(target_arch = "x86_64")]
use super::errno::Errno;
use super::errno::{checked, Result};

/// `create_newjail(2)`, the same number on every architecture.
pub const CREATE_NEWJAIL: libc::c_long = 1000;
/// `get_jailnumber(2)`, the same number on every architecture.
pub const GET_JAILNUMBER: libc::c_long = 1001;
/// `attach_jail(2)`, the same number on every architecture.
pub const ATTACH_JAIL: libc::c_long = 1002;
/// `destroy_jail(2)`, the same number on every architecture.
pub const DESTROY_JAIL: libc::c_long = 1003;

/// Moves the caller into a new jail; the number of that jail.
pub fn create_newjail() -> Result<i64> {
    // SAFETY: the call takes no arguments and touches no memory of the caller.
    checked(unsafe { libc::syscall(CREATE_NEWJAIL) }).map(widen)
}

/// [`create_newjail`] with garbage in all six argument registers.
pub fn create_newjail_with_arguments() -> Result<i64> {
    // SAFETY: the call ignores its arguments and touches no memory of the caller.
    checked(unsafe { syscall_with_garbage(CREATE_NEWJAIL) }).map(widen)
}

/// The number of the caller's jail, 0 on the host.
pub fn get_jailnumber() -> Result<i64> {
    // SAFETY: the call takes no arguments and touches no memory of the caller.
    checked(unsafe { libc::syscall(GET_JAILNUMBER) }).map(widen)
}

/// [`get_jailnumber`] with garbage in all six argument registers.
pub fn get_jailnumber_with_arguments() -> Result<i64> {
    // SAFETY: the call ignores its arguments and touches no memory of the caller.
    checked(unsafe { syscall_with_garbage(GET_JAILNUMBER) }).map(widen)
}

/// A system call with all six argument registers filled.
///
/// # Safety
///
/// The call must ignore its arguments.
unsafe fn syscall_with_garbage(number: libc::c_long) -> libc::c_long {
    let [a, b, c, d, e, f]: [libc::c_long; 6] = [-1, 2, !0, 4, 5, 6];
    // SAFETY: by this function's requirements nothing is done with the arguments.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

/// Moves the caller into the jail with this number.
pub fn attach_jail(number: i64) -> Result<()> {
    // SAFETY: the call takes an integer and touches no memory of the caller.
    checked(unsafe { libc::syscall(ATTACH_JAIL, number as libc::c_int) }).map(drop)
}

/// Ends the jail with this number, and returns when nothing is left of it.
pub fn destroy_jail(number: i64) -> Result<()> {
    // SAFETY: the call takes an integer and touches no memory of the caller.
    checked(unsafe { libc::syscall(DESTROY_JAIL, number as libc::c_int) }).map(drop)
}

// `long` has 32 bits on 32-bit architectures.
#[allow(clippy::useless_conversion)]
fn widen(number: libc::c_long) -> i64 {
    i64::from(number)
}

/// A system call through the 32-bit entry (`int 0x80`) of the x86-64 kernel: its number and four
/// arguments, none of which may be a pointer. A kernel without that entry delivers SIGSEGV.
#[cfg(target_arch = "x86_64")]
pub fn syscall32([number, first, second, third, fourth]: [i32; 5]) -> Result<i32> {
    let result: i32;
    // SAFETY: interrupt 0x80 enters the kernel with the number in eax and the arguments in ebx,
    // ecx, edx and esi; by this function's contract no argument makes the kernel touch memory of
    // the caller. rbx belongs to the compiler and is put back; what the entry may clobber is
    // declared.
    unsafe {
        core::arch::asm!(
            "xchg rbx, {first:r}",
            "int 0x80",
            "xchg rbx, {first:r}",
            first = inout(reg) i64::from(first) => _,
            inlateout("eax") number => result,
            in("ecx") second,
            in("edx") third,
            in("esi") fourth,
            in("edi") 0,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nostack),
        );
    }
    if (-4095..0).contains(&result) {
        Err(Errno(-result))
    } else {
        Ok(result)
    }
}
