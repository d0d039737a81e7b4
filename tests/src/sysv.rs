// SPDX-License-Identifier: MIT OR Apache-2.0

//! System V IPC as data: the objects, and every path by which a process reaches one.

mod listing;
mod object;
mod paths;
mod paths_msg;
mod paths_sem;
mod paths_shm;

pub use listing::listed;
pub use object::{Family, Moment, Object};
pub use paths::{Path, PATHS};
