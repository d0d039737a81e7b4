// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random sequences of what processes in several jails do with jails and with each other, each
//! step compared with what a small model says must come of it.
//!
//! [`reach`] is the model of who may reach what: a pure function over a tree of jails. [`world`]
//! knows what there is and predicts each step, [`worker`] is a process that takes them, and
//! [`sequence`] throws the dice.

pub mod reach;
pub mod seed;
pub mod sequence;
mod step;
pub mod worker;
pub mod world;
