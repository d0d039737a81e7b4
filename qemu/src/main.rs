// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match xtask::tasks::run(xtask::cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
