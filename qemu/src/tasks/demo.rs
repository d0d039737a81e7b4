// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask demo`

use super::guest_run::{exit_code, Guest, Plan, Processors};
use crate::boot::deadline::Deadline;
use crate::boot::session::Io;
use crate::cli::GuestArgs;
use crate::guest::userland::TOOLS_DIR;
use crate::project::Project;
use crate::ui;
use anyhow::Result;
use std::io::{stdin, stdout, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

/// The guest's part takes some seconds; a hanging one must not wait for a person.
const LIMIT: Duration = Duration::from_secs(300);

const INVITATION: &str = "
This is a root shell in the machine. Try:  jaula /srv/jail
`exit` ends the machine, and so does Ctrl-] on this side.";

/// Boots, runs the demonstration, and leaves a person at a terminal in a shell there.
pub fn run(project: &Project, args: GuestArgs) -> Result<ExitCode> {
    let guest = Guest::prepare(project, &args)?;
    let person = stdin().is_terminal() && stdout().is_terminal();
    let mut command = format!("{TOOLS_DIR}/jaula-demo");
    if person {
        command += &format!("\nstatus=$?\ncat <<'END'\n{INVITATION}\nEND\nexit $status");
    }
    ui::note("booting");
    let limit = (!person).then_some(LIMIT);
    let outcome = guest.boot(Plan {
        name: "demo",
        command: Some(command),
        shell: person,
        append: "",
        processors: Processors::InTurn,
        io: if person {
            Io::Interactive
        } else {
            Io::Collect(Box::new(stdout()))
        },
        deadline: Deadline::after(limit),
    })?;
    Ok(exit_code(&outcome, limit))
}
