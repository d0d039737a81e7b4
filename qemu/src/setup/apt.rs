// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deciding what apt-get is to be asked.

use anyhow::{bail, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What apt-get says to a set of packages when asked to simulate.
pub struct Simulated {
    /// Whether it could be done.
    pub possible: bool,
    /// What it said.
    pub said: String,
}

/// The packages of QEMU that are installed already, as far as they matter.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// The version of `qemu-utils`.
    pub utils: Option<String>,
    /// Those that are too old and share files with the ones that are to be installed.
    pub old: Vec<String>,
}

/// Sorts packages by the suite that they are to come from, those that name none first. They name
/// it as in `qemu-system-x86/bookworm-backports`.
///
/// apt-get knows that notation too, but does not follow it to what the package depends on: it
/// takes a transaction of its own, with the suite as `--target-release`. In one transaction with
/// the others that would hold for them as well.
pub fn by_suite(packages: &[String]) -> BTreeMap<Option<&str>, Vec<String>> {
    let mut suites: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for package in packages {
        let (name, suite) = match package.split_once('/') {
            Some((name, suite)) => (name, Some(suite)),
            None => (package.as_str(), None),
        };
        suites.entry(suite).or_default().push(name.to_owned());
    }
    suites
}

/// Chooses what to install so that apt-get can do it in one transaction.
///
/// The trap is that packages of QEMU fit together only if they are of about the same version, in
/// either direction. With a new one, `qemu-system-common` comes in a version that breaks the old
/// ones, and apt-get would rather remove those than upgrade them: so they are named too. And a
/// `qemu-utils` that is newer than what is to be installed breaks `qemu-system-common` in turn:
/// then QEMU is taken in the version of that `qemu-utils`; where that is not to be had,
/// `qemu-utils` goes, in the same transaction. Without a conflict nothing is removed.
pub fn plan(
    packages: &[String],
    installed: &Installed,
    simulate: impl Fn(&[String]) -> Result<Simulated>,
) -> Result<Vec<String>> {
    let mut first = None;
    for candidate in candidates(packages, installed) {
        let simulated = simulate(&candidate)?;
        if simulated.possible {
            return Ok(candidate);
        }
        first.get_or_insert(simulated.said);
    }
    bail!(
        "apt-get cannot install {}. It says:\n{}",
        packages.join(" "),
        first
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.starts_with("Reading"))
            .collect::<Vec<_>>()
            .join("\n")
            .trim()
    )
}

/// What may be installed, the best first.
pub fn candidates(packages: &[String], installed: &Installed) -> Vec<Vec<String>> {
    if !packages.iter().any(|name| is_qemu(name)) {
        return vec![packages.to_vec()];
    }
    let mut together = packages.to_vec();
    together.extend(installed.old.iter().cloned());
    let mut seen = BTreeSet::new();
    together.retain(|name| seen.insert(name.clone()));
    let mut candidates = vec![together];
    if let Some(version) = &installed.utils {
        candidates.push(same_version(packages, version));
        candidates.push(without_utils(packages));
    }
    candidates
}

fn is_qemu(package: &str) -> bool {
    package.starts_with("qemu-system")
}

fn same_version(packages: &[String], version: &str) -> Vec<String> {
    let (qemu, mut rest): (Vec<_>, Vec<_>) =
        packages.iter().cloned().partition(|name| is_qemu(name));
    // All of one source package; apt does not follow the version to them by itself.
    let parts = [
        "qemu-system-common".to_owned(),
        "qemu-system-data".to_owned(),
    ];
    rest.extend(
        qemu.iter()
            .chain(&parts)
            .map(|name| format!("{name}={version}")),
    );
    rest
}

fn without_utils(packages: &[String]) -> Vec<String> {
    packages
        .iter()
        .cloned()
        .chain(["qemu-utils-".to_owned()])
        .collect()
}

#[cfg(test)]
#[path = "apt_tests.rs"]
mod tests;
