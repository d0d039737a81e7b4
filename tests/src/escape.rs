// SPDX-License-Identifier: MIT OR Apache-2.0

//! Attacks on the wall of a jail: one row of a table each, tried by a process that is root in a
//! jail or an ordinary user in one.
//!
//! Each row says what Linux makes of it and what a jail does. The same rows are tried on a kernel
//! where jaula is not enabled, and must succeed there wherever Linux lets them: what refuses them
//! otherwise is the jail.

pub mod attack;
mod attacker;
mod cell;
mod cgroups;
mod filesystem;
mod kernel;
mod keys;
mod launcher;
mod mqueues;
mod namespaces;
pub mod need;
pub mod plan;
mod procfs;
mod scene;
mod scheduling;
pub mod services;
mod signals;
mod sockets;
pub mod step;
pub mod tally;
mod tracing;
pub mod trial;
mod uring;
mod victim;

use attack::Attack;
pub use scene::MEMORY;

/// All attacks, area by area.
pub fn attacks() -> Vec<Attack> {
    [
        signals::ATTACKS,
        tracing::ATTACKS,
        scheduling::ATTACKS,
        cgroups::ATTACKS,
        sockets::ATTACKS,
        mqueues::ATTACKS,
        keys::ATTACKS,
        uring::ATTACKS,
        procfs::ATTACKS,
        filesystem::ATTACKS,
        kernel::ATTACKS,
        namespaces::ATTACKS,
        launcher::ATTACKS,
    ]
    .concat()
}
