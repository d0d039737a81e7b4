// SPDX-License-Identifier: MIT OR Apache-2.0

//! Having the kernel's workers do what the caller may not.

use super::attack::{Area, Attack, Attempt, Down, Stop};
use super::scene::Scene;
use crate::ktap::Failure;
use crate::sys::unix::{self, Kind};
use crate::sys::uring::Ring;
use crate::sys::Errno;

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    Attack::crossing(
        Area::Uring,
        "opening /proc/PID/status in a worker",
        |scene| {
            ring()?.try_open(&scene.target.path("status"))??;
            Ok(())
        },
        Errno::EACCES,
    )
    .counted("refusals.proc"),
    Attack::crossing(
        Area::Uring,
        "IORING_OP_CONNECT to an abstract address",
        connect,
        Errno::EPERM,
    )
    .counted("refusals.unix")
    .from_above(Down::Refused),
];

/// A ring, where the kernel has any.
pub fn ring() -> Result<Ring, Stop> {
    Ring::new().map_err(absent)
}

/// A step that was skipped is one that the kernel has not got.
fn absent(failure: Failure) -> Stop {
    match failure.skipped {
        true => Stop::NotHere(failure.message),
        false => Stop::Broken(failure.message),
    }
}

fn connect(scene: &Scene) -> Attempt {
    let socket = unix::socket(Kind::Stream)?;
    ring()?.try_connect(&socket, &scene.target.socket(Kind::Stream))??;
    Ok(())
}
