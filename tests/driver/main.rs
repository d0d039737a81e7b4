// SPDX-License-Identifier: MIT OR Apache-2.0

//! Presents the tests that run inside the booted kernel as ordinary test cases.
//!
//! `cargo test -p jaula-tests --test guest [FILTER]`, or all of it with `cargo xtask test`.
//! Which cases there are is known once the guest has run, so a filter chooses what is
//! shown, not what is run. `JAULA_GUESTS` lists the machines and their kernels, as in
//! `pc-normal,virt-debug`; `pc-normal` if it is not set. `JAULA_KERNEL_SOURCE` names an
//! unpatched source of one's own.

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::env;
use std::process::ExitCode;
use xtask::cli::KernelChoice;
use xtask::guest_tests::{self, Setting};
use xtask::ktap::{Case, Verdict};
use xtask::project::Project;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The results are there already; in order they are easier to read.
    arguments.test_threads = Some(1);
    let trials = match trials() {
        Ok(trials) => trials,
        Err(error) => vec![failing("guest::machines", &error)],
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn settings() -> Result<Vec<Setting>> {
    let names = env::var("JAULA_GUESTS").unwrap_or_else(|_| "pc-normal".to_owned());
    let setting = |name: &str| {
        name.parse()
            .with_context(|| format!("JAULA_GUESTS={names}"))
    };
    names.split(',').map(setting).collect()
}

fn trials() -> Result<Vec<Trial>> {
    let settings = settings()?;
    let project = Project::locate()?;
    let kernel = KernelChoice {
        arch: None,
        source: env::var_os("JAULA_KERNEL_SOURCE").map(Into::into),
        jobs: None,
    };
    let results = guest_tests::run_all(&project, &kernel, &settings);
    Ok(settings
        .iter()
        .zip(results)
        .flat_map(|(setting, cases)| match cases {
            Ok(cases) => cases.into_iter().map(trial).collect(),
            Err(error) => vec![failing(&format!("{setting}::boot"), &error)],
        })
        .collect())
}

fn trial(case: Case) -> Trial {
    let ignored = matches!(case.verdict, Verdict::Skipped(_));
    Trial::test(case.name, move || match case.verdict {
        Verdict::Passed => Ok(()),
        Verdict::Failed(why) => Err(Failed::from(why)),
        // Asked for with --ignored: there is no other result to be had.
        Verdict::Skipped(why) => Err(Failed::from(format!("was skipped in the guest: {why}"))),
    })
    .with_ignored_flag(ignored)
}

fn failing(name: &str, error: &anyhow::Error) -> Trial {
    let text = format!("{error:#}");
    Trial::test(name, move || Err(Failed::from(text)))
}
