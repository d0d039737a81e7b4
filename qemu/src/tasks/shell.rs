// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask shell`

use super::guest_run::{exit_code, Guest, Plan, Processors};
use crate::boot::deadline::Deadline;
use crate::boot::session::Io;
use crate::cli::ShellArgs;
use crate::project::Project;
use crate::ui;
use anyhow::Result;
use std::process::ExitCode;

/// Boots to a root shell.
pub fn run(project: &Project, args: &ShellArgs) -> Result<ExitCode> {
    let guest = Guest::prepare(project, &args.guest)?;
    ui::note("booting; `exit` ends the machine, and so does Ctrl-] if it hangs");
    let outcome = guest.boot(Plan {
        name: "shell",
        command: None,
        shell: true,
        append: "",
        processors: Processors::InTurn,
        io: Io::Interactive,
        deadline: Deadline::after(None),
    })?;
    Ok(exit_code(&outcome, None))
}
