// SPDX-License-Identifier: GPL-2.0-only

//! Jaula: jails that the kernel knows.
//!
//! A jail is a set of tasks with a number. Tasks inherit their parent's jail at every kind of fork
//! and keep it until they are gone; objects of System V IPC belong to the jail of the task that
//! made them. What a task may do to an object of another jail is decided by [`policy`].
//!
//! Registration, system call entries and inline functions are in `setup.c`, since they are macros
//! there; [`hooks`] and [`syscalls`] is where the kernel comes in. [`tag`], [`task`], [`ipc`],
//! [`number`] and [`ratelimit`] are the layer over the kernel's structures. Everything above that
//! layer is safe code.

mod exported;
mod hooks;
mod ipc;
mod jail;
mod number;
mod policy;
mod ratelimit;
mod refusal;
mod syscalls;
mod sysv_call;
mod tag;
mod task;

const __LOG_PREFIX: &[u8] = b"jaula\0";
