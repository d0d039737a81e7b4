// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask setup`

use crate::arch::Arch;
use crate::cli::SetupArgs;
use crate::project::Project;
use crate::setup::{self, Mode, Wanted};
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
    let wanted = Wanted {
        archs: &Arch::ALL,
        own_source: false,
        extras: &[],
    };
    if setup::run(project, mode, &wanted)? == setup::Found::Everything {
        ui::note("everything that is needed is installed");
    }
    Ok(ExitCode::SUCCESS)
}
