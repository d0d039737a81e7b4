// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask kernel`

use crate::arch::{Arch, Flavour};
use crate::cli::{KernelArgs, KernelChoice};
use crate::kernel;
use crate::kernel::build::{default_jobs, Image};
use crate::lock::CacheLock;
use crate::project::Project;
use crate::setup::{self, Extra, Mode, Wanted};
use anyhow::Result;
use std::process::ExitCode;

/// Builds the kernel and prints the path of its image.
pub fn run(project: &Project, args: &KernelArgs) -> Result<ExitCode> {
    let arch = args.kernel.arch.unwrap_or(Arch::X86_64);
    let flavour = if args.server {
        Flavour::Server
    } else {
        Flavour::from_flag(args.debug_kernel)
    };
    let lock = set_up(project, &args.kernel, arch, &[])?;
    let image = image(project, &lock, &args.kernel, arch, flavour)?;
    println!("{}", image.kernel.display());
    Ok(ExitCode::SUCCESS)
}

/// Sets up what building takes, and locks the cache for it.
pub fn set_up(
    project: &Project,
    choice: &KernelChoice,
    arch: Arch,
    extras: &[Extra],
) -> Result<CacheLock> {
    let archs = [arch];
    let wanted = Wanted {
        extras,
        ..choice.wanted(&archs)
    };
    setup::run(project, Mode::Install, &wanted)?;
    CacheLock::acquire(project)
}

/// The image that was asked for.
pub fn image(
    project: &Project,
    lock: &CacheLock,
    choice: &KernelChoice,
    arch: Arch,
    flavour: Flavour,
) -> Result<Image> {
    let jobs = choice.jobs.unwrap_or_else(default_jobs);
    kernel::image(project, lock, choice.source.as_deref(), arch, flavour, jobs)
}
