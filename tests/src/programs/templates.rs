// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots of single programs and of Debian, made from templates, and templates of what a program opens.

mod debian;
mod programs;
mod traced;

use super::services::page::{bash, sessions};
use super::services::tree;
use jaula_tests::admin::{in_kernel, noted, succeed};
use jaula_tests::check_eq;
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::process;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

const GUIDE: &str = include_str!("../../../docs/guide.md");
/// Where the guide has roots.
const ROOTS: &str = "/srv";

pub fn main(chosen: &Chosen) -> ExitCode {
    if chosen.listed_below().is_none() {
        if let Err(failure) = tree::provide() {
            println!("Bail out! No tree with the programs: {failure}");
            return ExitCode::FAILURE;
        }
    }
    let mut suite = Suite::new();
    programs::add(&mut suite);
    traced::add(&mut suite);
    debian::add(&mut suite);
    suite.run(chosen)
}

/// What is in the directory of roots is removed when dropped, but for what was there before, and jails with it.
struct Place {
    before: BTreeSet<PathBuf>,
    jails: BTreeSet<i64>,
    noted: BTreeSet<i64>,
    maker: libc::pid_t,
}

impl Place {
    fn new() -> Result<Self, Failure> {
        Ok(Place {
            before: entries()?,
            jails: in_kernel()?,
            noted: noted()?,
            maker: process::pid(),
        })
    }

    /// Looks that no jail is left.
    fn end(self) -> CaseResult {
        check_eq!(in_kernel()?, self.jails, "the jails afterwards");
        Ok(())
    }

    fn remove(&self) -> CaseResult {
        for jail in noted()?.difference(&self.noted) {
            succeed(&["rm", &jail.to_string()])?;
        }
        for path in entries()?.difference(&self.before) {
            match path.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            }
            .context(path.display())?;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A forked copy has not made it.
        if self.maker == process::pid() {
            if let Err(failure) = self.remove() {
                eprintln!("cannot undo what was done: {failure}");
            }
        }
    }
}

fn entries() -> Result<BTreeSet<PathBuf>, Failure> {
    let entries = fs::read_dir(ROOTS).context(ROOTS)?;
    let paths = entries.map(|entry| Ok(entry.context(ROOTS)?.path()));
    paths.collect()
}

/// Does what a section of the guide says; what each command prints.
fn follow(heading: &str) -> Result<Vec<String>, Failure> {
    let (_, section) = GUIDE
        .split_once(&format!("\n### {heading}\n"))
        .ok_or_else(|| fail(format!("the guide has no {heading:?}")))?;
    let section = section.split("\n##").next().unwrap_or_default();
    let commands = sessions(section);
    commands.iter().map(|command| bash(command)).collect()
}
