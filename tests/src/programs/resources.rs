// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail may use of memory, processors and disks, and stopping it for a while.

mod changed;
mod groups;
mod memory;
mod paused;
mod processors;
mod refused;
mod told;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use jaula_tests::admin::{host, json, output, prepare_root, ROOT};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::session::{follow, steps, Compare};
use jaula_tests::{check, wait};

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = prepare_root() {
        println!("Bail out! No root for jails: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    groups::add(&mut suite);
    memory::add(&mut suite);
    processors::add(&mut suite);
    changed::add(&mut suite);
    paused::add(&mut suite);
    refused::add(&mut suite);
    told::add(&mut suite);
    shown(&mut suite);
    suite.run(chosen)
}

/// What the documentation shows.
fn shown(suite: &mut Suite) {
    const DOCUMENT: &str = include_str!("../../../docs/limits.md");
    suite.case("the sessions of the documentation do what is shown", || {
        let _front = Jail("front");
        let _back = Jail("back");
        let steps = steps(&DOCUMENT.replace("/srv/box", ROOT));
        check!(steps.len() > 8, "there are just {}", steps.len());
        follow(&steps, Path::new("/"), Compare::Output)?;
        fs::remove_file("/tmp/events").context("/tmp/events")
    });
}

/// Runs a script on the host.
fn sh(script: &str) -> Result<Output, Failure> {
    output(Command::new("/bin/sh").args(["-c", script]))
}

/// A jail in the background, which is removed when this goes.
struct Jail(&'static str);

impl Jail {
    fn start(name: &'static str, options: &str, command: &str) -> Result<Self, Failure> {
        let jail = Jail(name);
        let script = format!("jaula run -q -d -n {name} {options} {ROOT} -- {command}");
        host(&script)?;
        Ok(jail)
    }

    fn exec(&self, command: &str) -> Result<String, Failure> {
        host(&format!("jaula exec {} sh -c '{command}'", self.0))
    }

    /// Its control group, where it has one.
    fn group(&self) -> Result<Option<String>, Failure> {
        let said = json(&["inspect", self.0])?;
        Ok(said["noted"]["group"].as_str().map(str::to_owned))
    }

    /// What is in a file of its group.
    fn value(&self, file: &str) -> Result<String, Failure> {
        let group = self.group()?;
        let group = group.ok_or_else(|| fail(format!("{} has no control group", self.0)))?;
        let path = Path::new(&group).join(file);
        let text = fs::read_to_string(&path).context(path.display())?;
        Ok(text.trim_end().to_owned())
    }

    /// The processor time that it has used, in seconds.
    fn cpu_seconds(&self) -> Result<f64, Failure> {
        let text = self.value("cpu.stat")?;
        let used = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        let used: Option<f64> = used.and_then(|used| used.parse().ok());
        used.map(|used| used / 1e6)
            .ok_or_else(|| fail(format!("cpu.stat: {text}")))
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        let _ = sh(&format!("jaula rm {}", self.0));
    }
}

/// A script fails, says all of `words`, and leaves neither a jail nor a control group.
fn is_refused(script: &str, words: &[&str]) -> CaseResult {
    let before = jaula_tests::admin::in_kernel()?;
    let output = sh(script)?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    check!(!output.status.success(), "{script} succeeds");
    for word in words {
        check!(errors.contains(word), "{script}: no {word:?} in {errors}");
    }
    let after = jaula_tests::admin::in_kernel()?;
    check!(
        before == after,
        "{script}: jails {before:?} before, {after:?} after"
    );
    check!(
        groups()?.is_empty() || !before.is_empty(),
        "{script}: a group is left"
    );
    Ok(())
}

/// The control groups of jails that there are, wherever they lie.
fn groups() -> Result<Vec<String>, Failure> {
    let found = host(
        "ls -d /sys/fs/cgroup/jaula/[0-9]* /sys/fs/cgroup/*/jaula-groups.service/[0-9]* 2>/dev/null; true",
    )?;
    Ok(found.lines().map(str::to_owned).collect())
}

/// Waits until no control group of a jail is left.
fn wait_until_no_group() -> CaseResult {
    wait::until("no control group is left", || Ok(groups()?.is_empty()))
}
