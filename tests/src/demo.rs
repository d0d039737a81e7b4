// SPDX-License-Identifier: MIT OR Apache-2.0

//! The demonstration: every path across the wall of a jail, and within, and what the kernel says.

mod crossing;
mod jailed;
mod table;

pub use crossing::{Findings, Line};
pub use jailed::Jailed;
pub use table::show;
