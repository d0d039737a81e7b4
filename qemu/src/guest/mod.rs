// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs on the kernel: our programs, busybox, and the initramfs that holds them.

mod compiler;
pub mod initramfs;
pub mod userland;
