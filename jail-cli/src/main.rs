// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula`: runs something in a jail of its own.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Failure};

fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => Err(Failure::from(error)),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => ExitCode::from(failure.print()),
    }
}
