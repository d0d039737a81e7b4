// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs inside the booted jail kernel, and the driver that runs it
