// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask test`: everything that is checked, one named case each.
//!
//! [`selection`] is what was asked for and [`plan`] the jobs that come of it; the rest of the
//! modules are what the jobs do.

mod cards;
mod configurations;
mod hook_table;
mod host;
mod kernel_checks;
mod lints;
mod list;
mod permission_lists;
mod plan;
mod restart;
mod selection;
mod syscall_table;

use crate::cli::TestArgs;
use crate::guest_tests::boot::seed_of_the_person;
use crate::guest_tests::program::Extent;
use crate::guest_tests::setting::Setting;
use crate::guest_tests::skips::Skips;
use crate::image::card::board::Board;
use crate::image::card::firmware;
use crate::kernel::build::default_jobs;
use crate::kernel::Kernel;
use crate::lock::CacheLock;
use crate::project::Project;
use crate::setup::{self, Mode, Wanted};
use crate::tasks::guest_run::extras;
use crate::ui;
use crate::verdicts::Verdicts;
use anyhow::{Context, Result};
use plan::{Built, Given, Plan};
use selection::{archs, settings, Selection};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

/// Runs what was asked for, and ends with the line `N passed, N failed`.
pub fn run(project: &Project, args: &TestArgs) -> Result<ExitCode> {
    let selection = Selection::parse(&args.only)?;
    seed_of_the_person()?;
    let settings = settings(args)?;
    if args.list {
        return list::run(project, args, &selection, &settings);
    }
    let verdicts = Arc::new(Verdicts::new(ui::print));
    tell_when_interrupted(&verdicts)?;
    if let Err(error) = everything(project, args, &selection, &settings, &verdicts) {
        verdicts.impossible("harness::runs_to_the_end", &format!("{error:#}"));
    }
    ui::print(&verdicts.summary());
    Ok(if verdicts.all_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn everything(
    project: &Project,
    args: &TestArgs,
    selection: &Selection,
    settings: &[Setting],
    verdicts: &Arc<Verdicts>,
) -> Result<()> {
    let archs = archs(settings);
    let boards = set_up(project, args, selection, settings)?;
    let dir = tempfile::tempdir().context("temporary directory")?;
    let lock = CacheLock::acquire(project)?;
    let kernel = Kernel::prepare(project, &lock, args.kernel.source.as_deref())?;
    let built = Built::default();
    let skips = Arc::new(Skips::read()?);
    let given = Given {
        project,
        args,
        selection,
        settings,
        archs: &archs,
        kernel: &kernel,
        built: &built,
        boards: &boards,
        dir: dir.path(),
        verdicts,
        skips: &skips,
    };
    let failed = |name: &str, why: &str| verdicts.impossible(name, why);
    Plan::make(given, lock)?.run(workers(args), failed)?;
    if selection.is_everything() {
        let ran = ran_whole(selection, settings, args.long)?;
        verdicts.check("the end", "skips::each_on_the_list_is_met", || {
            skips.check_all_met(&ran)
        });
    }
    Ok(())
}

/// The settings and the programs of which every case has run there.
fn ran_whole(
    selection: &Selection,
    settings: &[Setting],
    long: bool,
) -> Result<Vec<(String, String)>> {
    let mut ran = Vec::new();
    for setting in settings {
        for planned in selection.programs(setting, long)? {
            if planned.extent == Extent::Whole {
                ran.push((setting.to_string(), planned.program.name));
            }
        }
    }
    Ok(ran)
}

/// Installs what the run needs. Gives the boards whose cards are made, with their boot loaders.
fn set_up(
    project: &Project,
    args: &TestArgs,
    selection: &Selection,
    settings: &[Setting],
) -> Result<Vec<(Board, PathBuf)>> {
    let archs = archs(settings);
    let disk = settings.iter().find(|setting| setting.machine.disk);
    let wanted = Wanted {
        extras: disk.map_or(&[], |setting| extras(&setting.machine)),
        ..args.kernel.wanted(&archs)
    };
    setup::run(project, Mode::Install, &wanted)?;
    let mut boards = Vec::new();
    for arch in archs {
        for board in Board::all_of(arch)? {
            // A directory that is not needed is not fetched; the name is a check's all the same.
            let wanted = ["reads_back", "boots"]
                .iter()
                .any(|what| selection.has_check(&format!("card::{}_{what}", board.name)));
            let firmware = if wanted {
                firmware::find(project, &board, None)?
            } else {
                PathBuf::new()
            };
            boards.push((board, firmware));
        }
    }
    Ok(boards)
}

/// How many jobs run at a time: one a processor, and no more than there is memory for.
fn workers(args: &TestArgs) -> usize {
    const MEMORY_OF_A_JOB: u64 = 3 << 20;
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    let fits = available.map_or(usize::MAX, |kib| (kib / MEMORY_OF_A_JOB) as usize);
    let wanted = args.kernel.jobs.unwrap_or_else(default_jobs);
    wanted.min(fits).max(1)
}

/// A run that is interrupted prints what it has. The guests end with this process.
fn tell_when_interrupted(verdicts: &Arc<Verdicts>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("watching for signals")?;
    let verdicts = verdicts.clone();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            verdicts.impossible("harness::runs_to_the_end", "it was interrupted");
            // What ends with this process has not failed.
            verdicts.close();
            ui::print(&verdicts.summary());
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
