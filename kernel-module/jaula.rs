// SPDX-License-Identifier: GPL-2.0-only

//! Jaula: jails that the kernel knows.
//!
//! A jail is a set of tasks with a number. Tasks inherit their parent's jail at every kind of fork
//! and keep it until they are gone; objects of System V IPC belong to the jail of the task that
//! made them. What a task may do to an object of another jail is decided by [`policy`].
//!
//! Registration, system call entries and inline functions are in `setup.c`, since they are macros
//! there, as are tracepoints and audit records in `report.c`; [`hooks`] and [`syscalls`] is where the kernel comes in. [`tag`], [`task`], [`ipc`],
//! [`list`], [`number`], [`rcu`] and [`ratelimit`] are the layer over the kernel's structures, and
//! [`jail`], [`tree`], [`members`] and [`destroy`] what is made of it: jails that are born, found,
//! filled and ended. Everything above is safe code.

mod destroy;
mod exported;
mod files;
mod hooks;
mod ipc;
mod jail;
mod list;
mod members;
mod number;
mod policy;
mod ratelimit;
mod rcu;
mod refusal;
mod syscalls;
mod sysv_call;
mod tag;
mod task;
mod tree;
mod value;

const __LOG_PREFIX: &[u8] = b"jaula\0";
