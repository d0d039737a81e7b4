// SPDX-License-Identifier: MIT OR Apache-2.0

//! What of everything is to be tested.

use crate::arch::Arch;
use crate::cli::TestArgs;
use crate::guest_tests::program::{self, Extent};
use crate::guest_tests::setting::{Setting, Tier};
use crate::guest_tests::shard::Planned;
use crate::guest_tests::WITHOUT;
use crate::machine::Machine;
use anyhow::{bail, Result};
use std::collections::BTreeMap;

/// What the names of checks begin with.
const CHECKS: [&str; 11] = [
    "format::",
    "lint::",
    "host::cargo_test",
    "patches::",
    "docs::",
    "kernel::",
    "size::",
    "user_land::",
    "card::",
    "disk::",
    "configurations::",
];

/// What `--only` names, or everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Guest programs, with those of their cases that are named; none named are all.
    programs: BTreeMap<String, Vec<String>>,
    /// Beginnings of names of checks.
    checks: Vec<String>,
}

impl Selection {
    /// From `PROGRAM`, `PROGRAM::CASE` and names of checks.
    pub fn parse(only: &[String]) -> Result<Self> {
        let mut selection = Self::default();
        for name in only {
            let (program, case) = name.split_once("::").unwrap_or((name, ""));
            if Setting::named(program.strip_suffix(WITHOUT).unwrap_or(program)).is_ok() {
                bail!(
                    "--only {name}: `{program}` is where it ran; say --only {case}, and where with \
                     --machine and --debug-kernel"
                );
            }
            if program::all()?.iter().all(|known| known.name != program) {
                let known = CHECKS.iter().any(|start| {
                    name.starts_with(start)
                        || (!name.is_empty() && start.starts_with(name.as_str()))
                });
                if !known {
                    bail!(
                        "--only {name}: neither a guest program nor a check; `cargo xtask test --list` \
                         names the programs, and checks begin with {}",
                        CHECKS.join(", ")
                    );
                }
                selection.checks.push(name.clone());
                continue;
            }
            // A program that is named as a whole and by cases as well runs as a whole.
            let is_known = selection.programs.contains_key(program);
            let cases = selection.programs.entry(program.to_owned()).or_default();
            if case.is_empty() {
                cases.clear();
            } else if !is_known || !cases.is_empty() {
                cases.push(case.to_owned());
            }
        }
        Ok(selection)
    }

    /// Whether nothing is named.
    pub fn is_everything(&self) -> bool {
        self.programs.is_empty() && self.checks.is_empty()
    }

    /// Whether a check is meant.
    pub fn has_check(&self, name: &str) -> bool {
        self.is_everything() || self.checks.iter().any(|start| name.starts_with(start))
    }

    /// Whether `--only` names checks that begin so.
    pub fn names_checks(&self, start: &str) -> bool {
        self.checks.iter().any(|name| name.starts_with(start))
    }

    /// Whether any guest program is meant.
    pub fn has_programs(&self) -> bool {
        self.is_everything() || !self.programs.is_empty()
    }

    /// The guest programs that run in a setting.
    pub fn programs(&self, setting: &Setting, long: bool) -> Result<Vec<Planned>> {
        let mut planned = Vec::new();
        for program in program::all()? {
            let extent = match self.programs.get(&program.name) {
                Some(_) if !program.runs_on(setting) => None,
                Some(cases) if cases.is_empty() => Some(Extent::Whole),
                Some(cases) => Some(Extent::Cases(cases.clone())),
                None if self.is_everything() => program.extent(setting, long),
                None => None,
            };
            planned.extend(extent.map(|extent| Planned { program, extent }));
        }
        Ok(planned)
    }

    /// Every check that is named is among those that there are.
    pub fn verify<'a>(&self, checks: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
        for start in &self.checks {
            if !checks.clone().any(|check| check.starts_with(start)) {
                let known: Vec<_> = checks.collect();
                bail!(
                    "--only {start}: neither a guest program nor a check; `cargo xtask test --list` \
                     names the programs, and the checks are: {}",
                    known.join(", ")
                );
            }
        }
        Ok(())
    }
}

/// What is booted. `--all` is every machine, and the debug kernel on x86-64: the one of the other
/// architectures finds the same mistakes or fewer, and is there with `--debug-kernel`.
pub fn settings(args: &TestArgs) -> Result<Vec<Setting>> {
    if !args.all {
        let machine = Machine::choose(args.machine.as_deref(), args.kernel.arch)?;
        let flavour = machine.flavour(args.debug_kernel)?;
        return Ok(vec![Setting::of(machine, flavour)?]);
    }
    let mut settings = Setting::all()?;
    settings.retain(|setting| args.kernel.arch.is_none_or(|arch| arch == setting.arch()));
    settings.retain(|setting| args.long || setting.tier != Tier::Long);
    Ok(settings)
}

/// The architectures of these settings.
pub fn archs(settings: &[Setting]) -> Vec<Arch> {
    let mut archs = Vec::new();
    for setting in settings {
        if !archs.contains(&setting.arch()) {
            archs.push(setting.arch());
        }
    }
    archs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Task};
    use clap::Parser;

    fn chosen(words: &[&str]) -> Result<Vec<String>> {
        let cli = Cli::try_parse_from([&["cargo xtask", "test"], words].concat())?;
        let Task::Test(args) = cli.task else {
            bail!("not a test");
        };
        Ok(settings(&args)?.iter().map(Setting::to_string).collect())
    }

    #[test]
    fn all_is_every_machine() -> Result<()> {
        let all = [
            "pc-normal",
            "pc-debug",
            "virt-normal",
            "cubieboard-normal",
            "debian-server",
        ];
        assert_eq!(chosen(&["--all"])?, all);
        let long = [&all[..], &["debian-selinux-server"]].concat();
        assert_eq!(chosen(&["--all", "--long"])?, long);
        assert_eq!(chosen(&["--all", "--arch", "arm"])?, all[2..4]);
        let x86 = [all[0], all[1], all[4]];
        assert_eq!(chosen(&["--all", "--arch", "x86_64"])?, x86);
        Ok(())
    }

    #[test]
    fn one_machine_is_tested_unless_all_are() -> Result<()> {
        assert_eq!(chosen(&[])?, ["pc-normal"]);
        assert_eq!(chosen(&["--debug-kernel"])?, ["pc-debug"]);
        assert_eq!(chosen(&["--arch", "arm"])?, ["virt-normal"]);
        assert_eq!(chosen(&["--machine", "cubieboard"])?, ["cubieboard-normal"]);
        assert_eq!(chosen(&["--machine", "debian"])?, ["debian-server"]);
        assert!(chosen(&["--machine", "debian", "--debug-kernel"]).is_err());
        assert!(chosen(&["--machine", "pc", "--arch", "arm"]).is_err());
        assert!(chosen(&["--all", "--machine", "pc"]).is_err());
        Ok(())
    }

    fn select(only: &[&str]) -> Result<Selection> {
        Selection::parse(&only.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    fn extents(selection: &Selection, setting: &str) -> Result<Vec<(String, Extent)>> {
        let planned = selection.programs(&Setting::named(setting)?, false)?;
        let pair = |one: Planned| (one.program.name, one.extent);
        Ok(planned.into_iter().map(pair).collect())
    }

    #[test]
    fn only_what_is_named_runs() -> Result<()> {
        let selection = select(&["numbers::the_host_is_0", "attr"])?;
        assert_eq!(
            extents(&selection, "cubieboard-normal")?,
            [
                ("attr".to_owned(), Extent::Whole),
                (
                    "numbers".to_owned(),
                    Extent::Cases(vec!["the_host_is_0".into()])
                ),
            ]
        );
        assert!(!selection.has_check("lint::module"));
        let checks = select(&["lint"])?;
        assert!(checks.has_check("lint::module") && !checks.has_programs());
        assert!(checks.names_checks("lint") && !checks.names_checks("configurations"));
        assert!(extents(&checks, "pc-normal")?.is_empty());
        Ok(())
    }

    #[test]
    fn a_program_that_is_named_whole_runs_whole() -> Result<()> {
        for only in [["attr", "attr::x"], ["attr::x", "attr"]] {
            let expected = [("attr".to_owned(), Extent::Whole)];
            assert_eq!(extents(&select(&only)?, "pc-normal")?, expected);
        }
        Ok(())
    }

    #[test]
    fn a_name_of_nothing_is_refused() -> Result<()> {
        let checks = ["lint::module", "format::module"];
        for wrong in ["", "lnt", "pc-debug::storms::x"] {
            assert!(select(&[wrong]).is_err(), "{wrong}");
        }
        let error = select(&["lint::modules"])?
            .verify(checks.into_iter())
            .expect_err("nothing is called so")
            .to_string();
        assert!(
            error.contains("lint::modules") && error.contains("lint::module"),
            "{error}"
        );
        select(&["lint", "attr"])?.verify(checks.into_iter())
    }
}
