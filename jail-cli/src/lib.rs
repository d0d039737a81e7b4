// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel-level jails for Linux: the launcher and the system call wrappers
