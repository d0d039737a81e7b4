// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the jail kernel, boots it in QEMU and runs commands, tests and benchmarks in it
