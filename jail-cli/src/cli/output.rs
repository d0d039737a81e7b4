// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is asked for, on standard output.

use std::io::{self, Write};

use super::Failure;

/// Prints to standard output; a reader that has had enough is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::failed(format!("JSON: {error}")))?;
    print(&(text + "\n"))
}
