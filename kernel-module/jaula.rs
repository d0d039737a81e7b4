// SPDX-License-Identifier: GPL-2.0-only

//! Jaula: jails that the kernel knows.
//!
//! A jail is a set of tasks with a number. Tasks inherit their parent's jail at every kind of fork
//! and keep it until they are gone; objects of System V IPC belong to the jail of the task that
//! made them. What a task may do to an object of another jail is decided by [`policy`].
//!
//! Registration, system call entries and inline functions are in `setup.c` and `lsm.c`, since they are
//! macros there, as are tracepoints and audit records in `report.c`.
//!
//! - The kernel comes in at [`syscalls`], at [`hooks`] for tasks and IPC objects that come and go, and
//!   for what may be done where at [`process`], [`credentials`], [`capability`], [`control`],
//!   [`exec`], [`socket`], [`mqueue`] and [`keyring`]; [`reach`] is common to those about processes.
//! - [`policy`], [`allowance`], [`proc_path`] and [`value`] decide, and know of no kernel.
//! - [`descriptor`] is what descriptors of jails are and do.
//! - [`jail`], [`tree`], [`members`] and [`destroy`] are jails that are born, found, filled and ended.
//! - [`tag`], [`identity`], [`task`], [`ipc`], [`list`], [`number`], [`counter`], [`rcu`] and
//!   [`ratelimit`] are the layer over the kernel's structures. Everything above is safe code, but for
//!   the pointers that hooks are given.

// What only keys or sockets make use of is there without them, too.
#![cfg_attr(not(all(CONFIG_KEYS, CONFIG_SECURITY_NETWORK)), allow(dead_code))]

mod allowance;
mod capability;
mod control;
mod counter;
mod credentials;
mod descriptor;
mod destroy;
mod exec;
mod exported;
mod files;
mod hooks;
mod identity;
mod ipc;
mod jail;
#[cfg_attr(not(CONFIG_KEYS), path = "no_keyring.rs")]
mod keyring;
mod list;
mod members;
mod mqueue;
mod number;
mod policy;
mod proc_path;
mod process;
mod ratelimit;
mod rcu;
mod reach;
mod refusal;
#[cfg(CONFIG_SECURITY_NETWORK)]
mod socket;
mod syscalls;
mod sysv_call;
mod tag;
mod task;
mod tree;
mod value;
