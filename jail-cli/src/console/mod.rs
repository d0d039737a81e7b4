// SPDX-License-Identifier: MIT OR Apache-2.0

//! The terminal of a detached jail: its supervisor holds it, and administrators attach to it and
//! let go again.

mod client;
mod message;
mod server;

use std::path::PathBuf;

pub use client::{attach, Escape, Left};
pub(crate) use server::{Console, Served};

use crate::jail::JailNumber;
use crate::state::Store;

/// The socket that a supervisor listens at, in the directory of the jail's state.
const SOCKET: &str = "console";

fn socket_of(store: &Store, number: JailNumber) -> PathBuf {
    store.place(number).join(SOCKET)
}
