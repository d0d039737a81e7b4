// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask setup`

use crate::cli::SetupArgs;
use crate::project::Project;
use crate::setup::{self, Mode};
use crate::ui;
use anyhow::Result;
use std::process::ExitCode;

/// Installs what is missing, or says what would be.
pub fn run(project: &Project, args: &SetupArgs) -> Result<ExitCode> {
    let mode = if args.dry_run {
        Mode::DryRun
    } else {
        Mode::Install
    };
    if setup::run(project, mode, false)? == setup::Found::Everything {
        ui::note("everything that is needed is installed");
    }
    Ok(ExitCode::SUCCESS)
}
