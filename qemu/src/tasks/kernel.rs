// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask kernel`

use crate::arch::Flavour;
use crate::cli::{KernelArgs, KernelChoice};
use crate::kernel::{self, build::default_jobs};
use crate::project::Project;
use crate::setup::{self, Mode};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// Builds the kernel and prints the path of its image.
pub fn run(project: &Project, args: &KernelArgs) -> Result<ExitCode> {
    let image = image(project, &args.kernel, Flavour::from_flag(args.debug_kernel))?;
    println!("{}", image.display());
    Ok(ExitCode::SUCCESS)
}

/// The image that was asked for, with everything it takes set up and built.
pub fn image(project: &Project, choice: &KernelChoice, flavour: Flavour) -> Result<PathBuf> {
    setup::run(project, Mode::Install, choice.source.is_some())?;
    let jobs = choice.jobs.unwrap_or_else(default_jobs);
    kernel::image(
        project,
        choice.source.as_deref(),
        choice.arch,
        flavour,
        jobs,
    )
}
