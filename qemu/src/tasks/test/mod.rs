// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask test`: everything that is checked, one named case each.

mod cargo_tests;
mod kernel_checks;
mod lints;
mod tally;

use crate::arch::Flavour;
use crate::cli::TestArgs;
use crate::kernel::build::default_jobs;
use crate::kernel::Kernel;
use crate::lock::CacheLock;
use crate::project::Project;
use crate::setup::{self, Mode};
use crate::ui;
use anyhow::Result;
use std::process::ExitCode;
use std::time::Instant;
use tally::Tally;

/// Runs all of it, and ends with the line `N passed, N failed`.
pub fn run(project: &Project, args: &TestArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let done = everything(project, args, &mut tally);
    if let Err(error) = &done {
        tally.case("harness::runs_to_the_end", || anyhow::bail!("{error:#}"));
    }
    ui::note(&format!("tested in {}", ui::duration(started.elapsed())));
    println!("\n{tally}");
    Ok(if tally.all_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn everything(project: &Project, args: &TestArgs, tally: &mut Tally) -> Result<()> {
    setup::run(project, Mode::Install, args.kernel.source.is_some())?;
    tally.case("format::user_land", || lints::format_user_land(project));
    tally.case("lint::user_land", || lints::lint_user_land(project));
    cargo_tests::host(project, tally)?;

    let flavours: &[Flavour] = match (args.all, args.debug_kernel) {
        (true, _) => &[Flavour::Normal, Flavour::Debug],
        (false, true) => &[Flavour::Debug],
        (false, false) => &[Flavour::Normal],
    };
    {
        let lock = CacheLock::acquire(project)?;
        let kernel = Kernel::prepare(project, &lock, args.kernel.source.as_deref())?;
        let jobs = args.kernel.jobs.unwrap_or_else(default_jobs);
        tally.case("format::module", || lints::format_module(project, &kernel));
        tally.case("patches::checkpatch_series", || {
            kernel_checks::checkpatch_series(&kernel)
        });
        tally.case("patches::checkpatch_module", || {
            kernel_checks::checkpatch_module(project, &kernel)
        });
        tally.case("patches::git_am_takes_the_export", || {
            kernel_checks::git_am(project, &kernel)
        });
        for flavour in flavours {
            let build = kernel.build(args.kernel.arch, *flavour);
            tally.case(&format!("kernel::builds_{flavour}"), || {
                build.run(jobs).map(drop)
            });
        }
        if flavours.contains(&Flavour::Normal) {
            let build = kernel.build(args.kernel.arch, Flavour::Normal);
            tally.case("size::module", || kernel_checks::module_size(&build));
        }
        let clippy = kernel.clippy(args.kernel.arch);
        tally.case("lint::module", || lints::lint_module(&clippy, jobs));
    }
    tally.case("size::jaula", || {
        kernel_checks::jaula_size(project, args.kernel.arch)
    });
    cargo_tests::guest(project, args, flavours, tally)
}
