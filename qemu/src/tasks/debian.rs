// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Debian machine's disk, from what has been built.

use crate::arch::Arch;
use crate::cli::KernelChoice;
use crate::deb;
use crate::image::disk::{self, Packages};
use crate::kernel::build::{default_jobs, Jobs};
use crate::kernel::Kernel;
use crate::lock::CacheLock;
use crate::project::Project;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// The name of the machine.
pub const MACHINE: &str = "debian";

/// Makes the packages and the disk that has them installed, unless they are there; where `selinux`,
/// the one with SELinux.
pub fn disk(
    project: &Project,
    lock: &CacheLock,
    choice: &KernelChoice,
    selinux: bool,
) -> Result<PathBuf> {
    let source = choice.source.as_deref();
    let kernel = Kernel::prepare(project, lock, source)?;
    let jobs = Jobs::Number(choice.jobs.unwrap_or_else(default_jobs));
    disk_of(project, lock, &kernel, source, &jobs, selinux)
}

/// The same of a kernel that was prepared, from `source`.
pub fn disk_of(
    project: &Project,
    lock: &CacheLock,
    kernel: &Kernel,
    source: Option<&Path>,
    jobs: &Jobs,
    selinux: bool,
) -> Result<PathBuf> {
    let packages = Packages {
        kernel: deb::kernel::package(project, kernel, source, jobs)?,
        launcher: deb::launcher::package(project, lock, Arch::X86_64)?,
    };
    disk::make(project, lock, &packages, selinux)
}
