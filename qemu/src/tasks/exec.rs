// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask exec`

use super::guest_run::{exit_code, Guest, Plan, Processors};
use crate::boot::deadline::Deadline;
use crate::boot::session::Io;
use crate::cli::ExecArgs;
use crate::project::Project;
use anyhow::Result;
use std::process::ExitCode;
use std::time::Duration;

/// Runs one command line in the guest and exits with its status.
pub fn run(project: &Project, args: &ExecArgs) -> Result<ExitCode> {
    let guest = Guest::prepare(project, &args.guest)?;
    let limit = Some(Duration::from_secs(args.timeout));
    let outcome = guest.boot(Plan {
        name: "exec",
        command: Some(args.command.join(" ")),
        shell: false,
        append: "",
        processors: Processors::InTurn,
        io: Io::Collect(Box::new(std::io::stdout())),
        deadline: Deadline::after(limit),
    })?;
    Ok(exit_code(&outcome, limit))
}
