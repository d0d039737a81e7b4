// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the dice begin.

use std::fs::File;
use std::io::Read;

/// The environment variable that sets the seed of the first sequence.
pub const VARIABLE: &str = "JAULA_SEED";

/// What the variable says for a seed that nobody knows before.
const NEW: &str = "new";

/// Without the variable: what is tested for a change is the same each time.
const USUAL: u64 = 1;

/// The seed of the first sequence: the one that is asked for, or the usual one.
pub fn first() -> Result<u64, String> {
    match std::env::var(VARIABLE) {
        Err(_) => Ok(USUAL),
        Ok(text) if text == NEW => new(),
        Ok(text) => text.parse().map_err(|_| {
            format!(
                "{VARIABLE}={text}: neither {NEW} nor a number from 0 to {}",
                u64::MAX
            )
        }),
    }
}

/// A new one, of a size that can be read out to somebody.
fn new() -> Result<u64, String> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(u32::from_ne_bytes(bytes).into())
}
