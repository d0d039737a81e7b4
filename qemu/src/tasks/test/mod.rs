// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask test`: everything that is checked, one named case each.

mod cards;
mod cargo_tests;
mod hook_table;
mod kernel_checks;
mod lints;
mod tally;

use crate::arch::{Arch, Flavour};
use crate::cli::TestArgs;
use crate::guest_tests::Setting;
use crate::image::board::Board;
use crate::kernel::build::default_jobs;
use crate::kernel::Kernel;
use crate::lock::CacheLock;
use crate::machine::Machine;
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
    let settings = settings(args)?;
    let archs = archs(&settings)?;
    setup::run(project, Mode::Install, &args.kernel.wanted(&archs))?;
    tally.case("format::user_land", || lints::format_user_land(project));
    tally.case("lint::user_land", || lints::lint_user_land(project));
    cargo_tests::host(project, tally)?;
    kernels(project, args, &settings, &archs, tally)?;
    for arch in &archs {
        tally.case(&format!("size::jaula_{arch}"), || {
            kernel_checks::jaula_size(project, *arch)
        });
    }
    for arch in &archs {
        cards(project, args, *arch, tally)?;
    }
    cargo_tests::guest(project, args, &settings, tally)
}

/// The cards of an architecture's boards. They differ in their device trees: one is booted.
fn cards(project: &Project, args: &TestArgs, arch: Arch, tally: &mut Tally) -> Result<()> {
    let dir = tempfile::tempdir()?;
    for (n, board) in Board::all_of(arch)?.iter().enumerate() {
        let mut card = None;
        tally.case(&format!("card::{}_reads_back", board.name), || {
            card = Some(cards::make(project, &args.kernel, board, dir.path())?);
            Ok(())
        });
        if let Some(card) = card.filter(|_| n == 0) {
            tally.case(&format!("card::{}_boots", board.name), || {
                cards::boot(project, &args.kernel, &card)
            });
        }
    }
    Ok(())
}

/// Checks the series and the module, and builds what the settings boot.
fn kernels(
    project: &Project,
    args: &TestArgs,
    settings: &[Setting],
    archs: &[Arch],
    tally: &mut Tally,
) -> Result<()> {
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
    tally.case("docs::every_hook_is_told_of", || {
        hook_table::check(project, &kernel)
    });
    for arch in archs {
        for flavour in [Flavour::Normal, Flavour::Debug] {
            let build = kernel.build(*arch, flavour);
            if !boots(settings, *arch, flavour)? {
                // Not built here, but its fragments have to fit the kernel all the same.
                tally.case(&format!("kernel::configures_{arch}_{flavour}"), || {
                    build.configure()
                });
                continue;
            }
            tally.case(&format!("kernel::builds_{arch}_{flavour}"), || {
                build.run(jobs).map(drop)
            });
            if flavour == Flavour::Normal {
                tally.case(&format!("size::module_{arch}"), || {
                    kernel_checks::module_size(&build)
                });
            }
        }
    }
    // Clippy has nearly the same to say for all of them, and each takes a build of its own.
    if let Some(arch) = archs.first() {
        let clippy = kernel.clippy(*arch);
        tally.case("lint::module", || lints::lint_module(&clippy, jobs));
    }
    Ok(())
}

/// What is booted. `--all` is every machine, and the debug kernel on x86-64: the one of the other
/// architectures finds the same mistakes or fewer, and is there with `--debug-kernel`.
fn settings(args: &TestArgs) -> Result<Vec<Setting>> {
    let setting = |machine: Machine, flavour| Setting {
        machine: machine.name,
        flavour,
    };
    if !args.all {
        let machine = Machine::choose(args.machine.as_deref(), args.kernel.arch)?;
        return Ok(vec![setting(
            machine,
            Flavour::from_flag(args.debug_kernel),
        )]);
    }
    let mut settings = Vec::new();
    for arch in Arch::ALL {
        if args.kernel.arch.is_some_and(|only| only != arch) {
            continue;
        }
        for machine in Machine::all_of(arch)? {
            settings.push(setting(machine, Flavour::Normal));
        }
        if arch == Arch::X86_64 {
            settings.push(setting(Machine::default_for(arch)?, Flavour::Debug));
        }
    }
    Ok(settings)
}

fn archs(settings: &[Setting]) -> Result<Vec<Arch>> {
    let mut archs = Vec::new();
    for setting in settings {
        let arch = Machine::named(&setting.machine)?.arch;
        if !archs.contains(&arch) {
            archs.push(arch);
        }
    }
    Ok(archs)
}

fn boots(settings: &[Setting], arch: Arch, flavour: Flavour) -> Result<bool> {
    for setting in settings {
        if setting.flavour == flavour && Machine::named(&setting.machine)?.arch == arch {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Task};
    use clap::Parser;

    fn chosen(words: &[&str]) -> Result<Vec<String>> {
        let cli = Cli::try_parse_from([&["cargo xtask", "test"], words].concat())?;
        let Task::Test(args) = cli.task else {
            anyhow::bail!("not a test");
        };
        Ok(settings(&args)?.iter().map(Setting::to_string).collect())
    }

    #[test]
    fn all_is_every_machine() -> Result<()> {
        let all = ["pc-normal", "pc-debug", "virt-normal", "cubieboard-normal"];
        assert_eq!(chosen(&["--all"])?, all);
        assert_eq!(chosen(&["--all", "--arch", "arm"])?, all[2..]);
        assert_eq!(chosen(&["--all", "--arch", "x86_64"])?, all[..2]);
        Ok(())
    }

    #[test]
    fn one_machine_is_tested_unless_all_are() -> Result<()> {
        assert_eq!(chosen(&[])?, ["pc-normal"]);
        assert_eq!(chosen(&["--debug-kernel"])?, ["pc-debug"]);
        assert_eq!(chosen(&["--arch", "arm"])?, ["virt-normal"]);
        assert_eq!(chosen(&["--machine", "cubieboard"])?, ["cubieboard-normal"]);
        assert!(chosen(&["--machine", "pc", "--arch", "arm"]).is_err());
        assert!(chosen(&["--all", "--machine", "pc"]).is_err());
        Ok(())
    }
}
