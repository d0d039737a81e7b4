// SPDX-License-Identifier: MIT OR Apache-2.0

//! Jails that are described: made anew when they have ended, read from several files, set to what is
//! kept, and looked after by a service manager.

mod files;
mod foreground;
mod kept;
mod restart;

use jaula_tests::admin::{output, prepare_root};
use jaula_tests::ktap::{fail, Chosen, Failure, Suite};
use serde_json::Value;
use std::process::{Command, ExitCode};

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = prepare_root() {
        println!("Bail out! No root directory for the jails: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    restart::add(&mut suite);
    files::add(&mut suite);
    kept::add(&mut suite);
    foreground::add(&mut suite);
    suite.run(chosen)
}

/// What `jaula inspect` says of a jail, where there is one that it knows.
fn inspected(name: &str) -> Result<Option<Value>, Failure> {
    let said = output(Command::new("jaula").args(["inspect", name]))?;
    if !said.status.success() {
        return Ok(None);
    }
    let value = serde_json::from_slice(&said.stdout);
    value.map(Some).map_err(|error| fail(error.to_string()))
}
