// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs on the kernel: our programs, busybox, and the initramfs that holds them, or the payload
//! for a machine that boots from a disk.

mod compiler;
pub mod initramfs;
pub mod orders;
pub mod payload;
pub mod userland;
