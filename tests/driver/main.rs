// SPDX-License-Identifier: MIT OR Apache-2.0

//! Presents the tests that run inside the booted kernel as ordinary test cases.
//!
//! `cargo test -p jaula-tests --test guest [FILTER]`, or all of it with `cargo xtask test`.
//! Which cases there are is known once the guest has run, so a filter chooses what is
//! shown, not what is run. `JAULA_GUEST_KERNELS` lists the kernels (`normal`, `debug`;
//! `normal` if it is not set), `JAULA_KERNEL_SOURCE` names an unpatched source of one's own.

use anyhow::{bail, Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::env;
use std::process::ExitCode;
use xtask::arch::{Arch, Flavour};
use xtask::cli::KernelChoice;
use xtask::guest_tests;
use xtask::ktap::{Case, Verdict};
use xtask::project::Project;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The results are there already; in order they are easier to read.
    arguments.test_threads = Some(1);
    let trials = match flavours() {
        Ok(flavours) => flavours.into_iter().flat_map(trials).collect(),
        Err(error) => vec![failing("guest::kernels", &error)],
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn flavours() -> Result<Vec<Flavour>> {
    let names = env::var("JAULA_GUEST_KERNELS").unwrap_or_else(|_| "normal".to_owned());
    names
        .split(',')
        .map(|name| match name {
            "normal" => Ok(Flavour::Normal),
            "debug" => Ok(Flavour::Debug),
            _ => bail!("JAULA_GUEST_KERNELS: {name}: no such kernel; there are normal and debug"),
        })
        .collect()
}

fn trials(flavour: Flavour) -> Vec<Trial> {
    match run(flavour) {
        Ok(cases) => cases.into_iter().map(trial).collect(),
        Err(error) => vec![failing(&format!("{flavour}::boot"), &error)],
    }
}

fn run(flavour: Flavour) -> Result<Vec<Case>> {
    let project = Project::locate()?;
    let kernel = KernelChoice {
        arch: Arch::X86_64,
        source: env::var_os("JAULA_KERNEL_SOURCE").map(Into::into),
        jobs: None,
    };
    guest_tests::run(&project, kernel, flavour).with_context(|| format!("the {flavour} kernel"))
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
