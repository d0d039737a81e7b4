// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel series as a mailbox, and the proof that git takes it.

pub mod mailbox;
pub mod proof;
mod repo;
