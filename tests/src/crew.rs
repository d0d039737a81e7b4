// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes that act in a jail, or on the host, on request.
//!
//! A case holds one [`Crew`] for each side of a wall, and has its members create System V
//! objects, try the ways to use them and say what the objects hold.

mod client;
mod server;

pub use client::{Crew, Member, Place};
pub use server::{resume_after_exec, serve};
