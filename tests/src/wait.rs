// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for what the kernel, or another process, does in its own time.

use crate::ktap::{fail, Failure};
use crate::sys::process;
use std::time::{Duration, Instant};

/// How long anything may take. Emulated, on a busy machine, everything that takes a moment can
/// take seconds; a test that waits this long for something has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done` says so; `what` is not done otherwise.
pub fn until(what: &str, mut done: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    until_some(what, || Ok(done()?.then_some(())))
}

/// Waits until there is something, and gives it.
pub fn until_some<T>(
    what: &str,
    attempt: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    some_within(PATIENCE, what, attempt)
}

/// [`until`], for what has to be so after `limit`.
pub fn within(
    limit: Duration,
    what: &str,
    mut done: impl FnMut() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    some_within(limit, what, || Ok(done()?.then_some(())))
}

fn some_within<T>(
    limit: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = attempt()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(fail(format!("{what}: not so after {limit:?}")));
        }
        process::nap();
    }
}
