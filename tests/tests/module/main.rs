// SPDX-License-Identifier: MIT OR Apache-2.0

//! The module's pure sources, each compiled from the very file that is built into the kernel.

mod allowance;
mod policy;
mod proc_path;
mod value;
