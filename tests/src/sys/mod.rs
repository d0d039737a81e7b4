// SPDX-License-Identifier: MIT OR Apache-2.0

//! Safe wrappers over the system calls under test.
//!
//! They are thin on purpose: every call returns the kernel's own error number, which is what the
//! tests compare.

pub mod burden;
pub mod errno;
pub mod execute;
pub mod file_signal;
pub mod ids;
pub mod inet;
pub mod jail;
pub mod jailfd;
pub mod key;
pub mod lsm;
pub mod machine;
pub mod mount;
pub mod mqueue;
pub mod msg;
pub mod peer;
pub mod process;
pub mod raw;
pub mod schedule;
pub mod seccomp;
pub mod sem;
pub mod shared_memory;
pub mod shm;
pub mod signal;
pub mod trace;
pub mod tree;
pub mod tty;
pub mod unix;
pub mod uring;

pub use errno::{Errno, Result};

use errno::checked;

/// The key that names an object to `semget`, `shmget` and `msgget`.
pub type Key = libc::key_t;

/// The number of slots in the kernel's table of one System V family. An object's index, which
/// the `*_STAT` commands take, is its identifier modulo this (`IPCMNI` in ipc/util.h).
pub const IPC_SLOTS: i32 = 32768;
