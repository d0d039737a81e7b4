// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running a kernel in QEMU: the command line ([`qemu`]), the run itself ([`session`]), what
//! a person types ([`terminal`]), and what the kernel's log gives away ([`splat`]).

pub mod accel;
pub mod deadline;
pub mod disk;
pub mod qemu;
pub mod session;
pub mod splat;
pub mod terminal;
