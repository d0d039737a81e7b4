// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask kernel`

use crate::arch::{Arch, Flavour};
use crate::cli::{KernelArgs, KernelChoice};
use crate::kernel;
use crate::kernel::build::{default_jobs, Image};
use crate::project::Project;
use crate::setup::{self, Mode};
use anyhow::Result;
use std::process::ExitCode;

/// Builds the kernel and prints the path of its image.
pub fn run(project: &Project, args: &KernelArgs) -> Result<ExitCode> {
    let arch = args.kernel.arch.unwrap_or(Arch::X86_64);
    let flavour = Flavour::from_flag(args.debug_kernel);
    let image = image(project, &args.kernel, arch, flavour)?;
    println!("{}", image.kernel.display());
    Ok(ExitCode::SUCCESS)
}

/// The image that was asked for, with everything it takes set up and built.
pub fn image(
    project: &Project,
    choice: &KernelChoice,
    arch: Arch,
    flavour: Flavour,
) -> Result<Image> {
    setup::run(project, Mode::Install, &choice.wanted(&[arch]))?;
    let jobs = choice.jobs.unwrap_or_else(default_jobs);
    kernel::image(project, choice.source.as_deref(), arch, flavour, jobs)
}
