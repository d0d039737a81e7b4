// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tests that cargo runs: on this machine, and by way of the driver in the guest.

use super::tally::{failed_case, Counts, Tally};
use crate::cli::TestArgs;
use crate::guest_tests::Setting;
use crate::guest_tests::LONG_VARIABLE;
use crate::process::{cannot_start, cargo, shown};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Tells the driver what to boot: names of settings, separated by commas.
pub const SETTINGS_VARIABLE: &str = "JAULA_GUESTS";
/// Tells the driver of a kernel source of the user's own.
pub const SOURCE_VARIABLE: &str = "JAULA_KERNEL_SOURCE";

/// Unit and integration tests of the workspace. The driver is not among them: its target
/// says `test = false`.
pub fn host(project: &Project, tally: &mut Tally) -> Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(project.root());
    counted(command, "host::cargo_test", tally)
}

/// The guest's tests.
pub fn guest(
    project: &Project,
    args: &TestArgs,
    settings: &[Setting],
    tally: &mut Tally,
) -> Result<()> {
    let mut command = cargo();
    command
        .args(["test", "-p", "jaula-tests", "--test", "guest"])
        .current_dir(project.root());
    let names: Vec<_> = settings.iter().map(Setting::to_string).collect();
    command.env(SETTINGS_VARIABLE, names.join(","));
    if args.long {
        command.env(LONG_VARIABLE, "1");
    }
    if let Some(source) = &args.kernel.source {
        let source = std::path::absolute(source).with_context(|| source.display().to_string())?;
        command.env(SOURCE_VARIABLE, source);
    }
    counted(command, "guest::cargo_test", tally)
}

/// Passes the output on and counts what it says. A run that fails without a failed case,
/// such as one that does not compile, is a failed case itself, and so is one of no cases.
fn counted(mut command: Command, name: &str, tally: &mut Tally) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(&command, &error))?;
    let output = child.stdout.take().context("cargo's standard output")?;
    let mut sum = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        if let Some(name) = failed_case(&text) {
            tally.note_failure(name);
        }
        if let Some(counts) = Counts::parse(&text) {
            tally.add(counts);
            sum.passed += counts.passed;
            sum.failed += counts.failed;
        }
        println!("{text}");
    }
    std::io::stdout().flush()?;
    let status = child.wait()?;
    if sum.failed == 0 && (!status.success() || sum.passed == 0) {
        tally.case(name, || {
            bail!("{}: {status}, {} cases passed", shown(&command), sum.passed)
        });
    }
    Ok(())
}
