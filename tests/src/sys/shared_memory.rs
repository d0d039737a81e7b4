// SPDX-License-Identifier: MIT OR Apache-2.0

//! Children that run in the memory of their parent.

use super::errno::{checked, Result};
use super::process;
use libc::{c_int, c_void, pid_t};

const STACK_SIZE: usize = 256 * 1024;

extern "C" fn trampoline(argument: *mut c_void) -> c_int {
    // SAFETY: clone passes a pointer to this type, which it keeps alive.
    let child = unsafe { &mut *argument.cast::<Box<dyn FnMut() -> i32>>() };
    child()
}

/// A child that shares its parent's memory, with a stack of its own.
///
/// With `CLONE_VFORK` the parent sleeps until the child has ended. Without it both run at once:
/// `child` must then make system calls only, on memory that the parent leaves alone, and neither
/// allocate nor panic. The stack and the closure are leaked, as the child may outlive the call.
pub fn clone(flags: c_int, child: impl FnMut() -> i32 + 'static) -> Result<pid_t> {
    let stack = Vec::leak(vec![0u8; STACK_SIZE]);
    let child: &'static mut Box<dyn FnMut() -> i32> = Box::leak(Box::new(Box::new(child)));
    process::flush();
    // SAFETY: one past the end of the leaked stack, aligned down to 16 bytes as every ABI wants.
    let top = unsafe { stack.as_mut_ptr().add(STACK_SIZE & !15) };
    // SAFETY: the stack and the closure are never freed, and the trampoline expects just this
    // pointer. What the closure may do is in this function's documentation.
    checked(unsafe {
        libc::clone(
            trampoline,
            top.cast(),
            flags | libc::CLONE_VM,
            (&raw mut *child).cast(),
        )
    })
}

/// The real `vfork(2)`: the result of system call `number`, without arguments, as the child got
/// it; negative error numbers included.
///
/// The child makes that call and exits without having touched the stack that it borrows.
#[cfg(target_arch = "x86_64")]
pub fn syscall_in_vfork(number: i64) -> Result<i64> {
    let mut answer: i64 = i64::MIN;
    let pid: i64;
    // SAFETY: the child uses no stack, writes to `answer` alone, which the suspended parent
    // does not touch meanwhile, and never leaves the block.
    unsafe {
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rax, {number}",
            "syscall",
            "mov [{answer}], rax",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_vfork => pid,
            number = in(reg) number,
            answer = in(reg) &raw mut answer,
            exit = const libc::SYS_exit,
            out("rcx") _, out("r11") _, out("rdi") _,
        );
    }
    if pid < 0 {
        return Err(super::Errno(-pid as i32));
    }
    process::wait(pid as pid_t)?;
    Ok(answer)
}
