// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs inside the booted jail kernel: the parts that the guest programs share.
//!
//! Each program in `src/programs` covers one concern and reports in KTAP, see [`ktap`]. The System V
//! calls that the kernel must refuse across jails are described once, in [`sysv`].

pub mod admin;
pub mod audit;
pub mod bench;
pub mod crew;
pub mod demo;
pub mod descriptor;
pub mod dice;
pub mod escape;
pub mod group;
pub mod inmate;
pub mod jail;
pub mod jailfs;
pub mod kmsg;
pub mod ktap;
pub mod launch;
pub mod procfs;
pub mod random;
pub mod rounds;
pub mod session;
pub mod stepping;
pub mod steps;
pub mod sys;
pub mod systemd;
pub mod sysv;
pub mod topology;
pub mod tracing;
pub mod wait;
