// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the dice begin.

use std::fs::File;
use std::io::Read;

/// The environment variable that sets the seed of the first sequence.
pub const VARIABLE: &str = "JAULA_SEED";

/// The seed of the first sequence: the one that is asked for, or a new one.
pub fn first() -> Result<u64, String> {
    match std::env::var(VARIABLE) {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("{VARIABLE}={text}: not a number from 0 to {}", u64::MAX)),
        Err(_) => {
            // Of a size that can be read out to somebody.
            let mut bytes = [0; 4];
            File::open("/dev/urandom")
                .and_then(|mut file| file.read_exact(&mut bytes))
                .map_err(|error| format!("/dev/urandom: {error}"))?;
            Ok(u32::from_ne_bytes(bytes).into())
        }
    }
}
