// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images that machines boot, made without root: a [`card`] for a board, a [`disk`] for a PC.
//! [`target`] has the last word on where they may go.

pub mod card;
mod device;
pub mod disk;
pub mod sparse;
pub mod target;
