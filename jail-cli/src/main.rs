// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula`: runs something in a jail of its own.

// These panic where nobody reads what they print: `complain!` does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod cli;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Failure};
use jaula::sys;
use jaula::text::reason;

fn main() -> ExitCode {
    // A caller that ignores it passes that on, and nothing started here could be waited for.
    if let Err(errno) = sys::default_action(libc::SIGCHLD) {
        // It can only be refused for a number that is no signal.
        jaula::complain!("jaula: warning: the action of SIGCHLD: {}", reason(errno));
    }
    let result = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) => Err(Failure::from(error)),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => ExitCode::from(failure.print()),
    }
}
