// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands of `cargo xtask`, one a module.

pub mod bench;
pub mod deb;
mod debian;
pub mod demo;
pub mod exec;
pub mod guest_run;
pub mod image;
pub mod kernel;
pub mod patches;
pub mod setup;
pub mod shared_buffer;
pub mod shell;
pub mod test;

use crate::cli::{Cli, PatchesTask, Task};
use crate::project::Project;
use anyhow::Result;
use std::process::ExitCode;

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let project = Project::locate()?;
    match cli.task {
        Task::Setup(args) => setup::run(&project, &args),
        Task::Kernel(args) => kernel::run(&project, &args),
        Task::Demo(args) => demo::run(&project, args),
        Task::Shell(args) => shell::run(&project, &args),
        Task::Exec(args) => exec::run(&project, &args),
        Task::Test(args) => test::run(&project, &args),
        Task::Image(args) => image::run(&project, &args),
        Task::Deb(args) => deb::run(&project, &args),
        Task::Bench(args) => bench::run(&project, &args),
        Task::Patches(PatchesTask::Export(args)) => patches::run(&project, &args),
    }
}
