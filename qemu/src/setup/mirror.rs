// SPDX-License-Identifier: MIT OR Apache-2.0

//! Patience with package mirrors: one in the middle of its own update serves files that do not
//! match its lists ("File has unexpected size"), for some minutes.

use crate::ui;
use anyhow::{Error, Result};
use std::thread::sleep;
use std::time::Duration;

/// How often something is tried.
pub const TRIES: u32 = 4;

/// How long to wait after the first failure; after the next ones it is longer.
pub const PAUSE: Duration = Duration::from_secs(20);

/// What apt-get says when the mirror or the way to it is at fault, or another apt-get, and time
/// may help.
const TRANSIENT: [&str; 7] = [
    "unexpected size",
    "Hash Sum mismatch",
    "Failed to fetch",
    "404  Not Found",
    "Temporary failure",
    "Could not connect",
    "Could not get lock",
];

/// Whether what apt-get said gives hope.
pub fn is_transient(said: &str) -> bool {
    TRANSIENT.iter().any(|words| said.contains(words))
}

/// Waits after a failure, the longer the more there were.
pub fn wait(pause: Duration, attempt: u32) {
    let pause = pause * attempt;
    ui::note(&format!(
        "the mirror did not serve everything; trying again in {}",
        ui::duration(pause)
    ));
    sleep(pause);
}

/// Does `step` until it succeeds, or fails for good.
pub fn patiently<T>(pause: Duration, mut step: impl FnMut() -> Result<T>) -> Result<T> {
    let hopeless = |error: &Error| !is_transient(&format!("{error:#}"));
    for attempt in 1..TRIES {
        match step() {
            Err(error) if hopeless(&error) => return Err(error),
            Err(_) => wait(pause, attempt),
            done => return done,
        }
    }
    step()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn tries(words: &str, until: u32) -> (u32, bool) {
        let mut count = 0;
        let done = patiently(Duration::ZERO, || {
            count += 1;
            if count < until {
                bail!("{words}");
            }
            Ok(())
        });
        (count, done.is_ok())
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_forever() {
        assert_eq!(tries("E: Hash Sum mismatch", 3), (3, true));
        assert_eq!(tries("E: Hash Sum mismatch", 100), (TRIES, false));
        assert_eq!(tries("E: Unable to locate package", 3), (1, false));
    }
}
