// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tests that run inside a booted guest.
//!
//! [`program`] is the table of what there is and [`setting`] where it runs. [`shard`] shares the
//! programs out among boots, [`script`] is what the guest then does, [`follow`] makes verdicts of
//! its output as it arrives, and [`boot`] is one boot from its start to its last verdict.

pub mod boot;
mod follow;
pub mod program;
pub mod script;
pub mod setting;
pub mod shard;
pub mod skips;

/// Follows the name of a setting in those of cases from a boot without the module.
pub const WITHOUT: &str = "_without_lsm";
