// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is checked of the series, the module and the sizes.

use crate::guest::userland::{self, Program};
use crate::kernel::build::Build;
use crate::kernel::{files, Kernel};
use crate::patches::{mailbox, proof};
use crate::process::{command, output};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::PathBuf;

/// The most that the module may have in the text column of size(1), in bytes: machine code, constants
/// and the tables of the stack unwinder.
const MODULE_TEXT: u64 = 68 << 10;
/// The most the static `jaula` may take on disk, in bytes: with images, volumes, limits and networks.
const JAULA_SIZE: u64 = 13 << 19;

/// checkpatch.pl finds nothing in the patches.
pub fn checkpatch_series(kernel: &Kernel) -> Result<()> {
    let patches: Vec<_> = kernel
        .series
        .patches()
        .map(|(name, _)| kernel.series.dir.join(name))
        .collect();
    if patches.is_empty() {
        bail!("{}: no patches", kernel.series.dir.display());
    }
    checkpatch(kernel, &[], &patches)
}

/// checkpatch.pl finds nothing in the module's files.
pub fn checkpatch_module(project: &Project, kernel: &Kernel) -> Result<()> {
    let module = project.module_dir();
    let sources: Vec<_> = files::list(&module)?
        .into_iter()
        .map(|path| module.join(path))
        .collect();
    if sources.is_empty() {
        bail!("{}: no files", module.display());
    }
    checkpatch(kernel, &["-f"], &sources)
}

fn checkpatch(kernel: &Kernel, options: &[&str], files: &[PathBuf]) -> Result<()> {
    let tree = kernel.tree.src();
    let mut perl = command("perl");
    perl.arg(tree.join("scripts/checkpatch.pl"))
        .args(["--terse", "--no-summary", "--show-types", "--root"])
        .arg(&tree);
    let output = output(perl.args(options).args(files).current_dir(&tree))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let findings: Vec<_> = said
        .lines()
        .filter(|line| line.contains("WARNING:") || line.contains("ERROR:"))
        .collect();
    if !output.status.success() || !findings.is_empty() {
        bail!(
            "checkpatch.pl ({}):\n{}",
            output.status,
            if findings.is_empty() {
                said
            } else {
                findings.join("\n")
            }
        );
    }
    Ok(())
}

/// The exported mailbox makes of a clean tree what the harness builds.
pub fn git_am(project: &Project, kernel: &Kernel) -> Result<()> {
    let text = mailbox::compose(project, &kernel.series)?;
    proof::prove(&text, &kernel.tree, &kernel.series)
}

/// The module is small.
pub fn module_size(build: &Build) -> Result<()> {
    at_most("the text of the module", build.module_text()?, MODULE_TEXT)
}

/// The program is small.
pub fn jaula_size(programs: &[Program]) -> Result<()> {
    let jaula = userland::jaula(programs).context("cargo built no jaula")?;
    let size = fs::metadata(jaula)
        .with_context(|| jaula.display().to_string())?
        .len();
    at_most(&jaula.display().to_string(), size, JAULA_SIZE)
}

fn at_most(what: &str, size: u64, limit: u64) -> Result<()> {
    if size > limit {
        bail!("{what}: {size} bytes, {limit} are allowed");
    }
    Ok(())
}
