// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask deb`

use crate::arch::Arch;
use crate::cli::{DebArgs, Package};
use crate::deb::out::Out;
use crate::deb::{kernel, launcher, lintian};
use crate::kernel::build::{default_jobs, Jobs};
use crate::kernel::Kernel;
use crate::lock::CacheLock;
use crate::project::Project;
use crate::setup::{self, Extra, Mode, Wanted};
use anyhow::{bail, Result};
use std::process::ExitCode;

/// Makes the packages, and prints where they are.
pub fn run(project: &Project, args: &DebArgs) -> Result<ExitCode> {
    // Before minutes of building, not after.
    let arch = args.kernel.arch.unwrap_or(kernel::ARCH);
    let has_kernel = arch == kernel::ARCH;
    if args.only == Some(Package::LinuxImage) && !has_kernel {
        bail!(
            "linux-image: there is a kernel for a machine with a disk for {} alone",
            kernel::ARCH
        );
    }
    let default = project.target_dir().join("deb");
    let out = Out::examine(args.out.as_deref().unwrap_or(&default))?;
    let extras: &[Extra] = match args.lintian {
        true => &[Extra::Packaging, Extra::Lintian],
        false => &[Extra::Packaging],
    };
    // The launcher's completions come from one that runs here.
    let archs = [arch, Arch::X86_64];
    let wanted = Wanted {
        extras,
        ..args.kernel.wanted(&archs)
    };
    setup::run(project, Mode::Install, &wanted)?;

    let lock = CacheLock::acquire(project)?;
    let mut packages = Vec::new();
    if args.only != Some(Package::LinuxImage) {
        packages.push(launcher::package(project, &lock, arch)?);
    }
    if args.only != Some(Package::Jaula) && has_kernel {
        let jobs = args.kernel.jobs.unwrap_or_else(default_jobs);
        let source = args.kernel.source.as_deref();
        let prepared = Kernel::prepare(project, &lock, source)?;
        let jobs = Jobs::Number(jobs);
        packages.push(kernel::package(project, &prepared, source, &jobs)?);
    }
    if args.lintian {
        lintian::check(project, &packages)?;
    }
    let placed: Vec<_> = packages
        .iter()
        .map(|package| out.place(package))
        .collect::<Result<_>>()?;
    drop(lock);
    for path in placed {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
