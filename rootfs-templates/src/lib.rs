// SPDX-License-Identifier: MIT OR Apache-2.0

//! Declarative root file systems for jails
