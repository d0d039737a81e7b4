// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the jail kernel, boots it in QEMU and runs commands, tests and benchmarks in it.
//!
//! Behind `cargo xtask`. From the bottom up: [`setup`] makes sure that the tools are
//! there, [`kernel`] makes a kernel image, [`guest`] makes what runs on it, [`boot`]
//! runs the two in QEMU, and [`tasks`] are the commands a person types.

pub mod arch;
pub mod boot;
pub mod cli;
pub mod deb;
pub mod guest;
pub mod guest_tests;
pub mod image;
pub mod kernel;
pub mod ktap;
pub mod lock;
pub mod machine;
pub mod patches;
pub mod process;
pub mod project;
pub mod queue;
pub mod setup;
pub mod tasks;
pub mod ui;
pub mod verdicts;
