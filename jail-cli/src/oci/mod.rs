// SPDX-License-Identifier: MIT OR Apache-2.0

//! A try of the life of a container as engines drive it (OCI runtime specification): `create`
//! makes it and leaves a first process that waits, `start` lets that go on, `kill`, `state`,
//! `delete`.
//!
//! Of config.json it understands who is executed where, and nothing else: it is there to put the
//! two halves of a launch to the test, and no runtime for an engine. What it has taught is told in
//! `docs/design.md`.

mod config;
mod console;
mod container;
mod create;
mod error;
mod id;
mod signal;
mod state;

pub use container::Container;
pub use create::{create, Creation};
pub use error::OciError;
pub use id::ContainerId;
pub use signal::parse_signal;
pub use state::{State, Status};

/// The version of the specification whose words are used.
pub const VERSION: &str = "1.3.0";
