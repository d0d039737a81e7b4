// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of the guest's test programs, `tests/programs.toml`.

use super::setting::{Setting, Tier};
use anyhow::{bail, Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

const TABLE: &str = include_str!("../../../tests/programs.toml");
/// What the table is called where it is wrong.
const TABLE_NAME: &str = "tests/programs.toml";

/// How many times as long a program may take with all of its rounds.
const LONG: u32 = 5;
/// How long a program may take on the debug kernel, where the table does not say.
const DEBUG_LIMIT: u64 = 1200;

/// One program: a row of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its name, for `jaula-test`.
    #[serde(skip)]
    pub name: String,
    /// What it shows.
    pub about: String,
    /// What it puts to the test.
    pub faces: Faces,
    /// On which machines it runs.
    #[serde(default)]
    pub on: On,
    /// In which boots it runs.
    #[serde(default)]
    pub module: Module,
    /// Kernel arguments that it needs; it gets a boot to itself.
    #[serde(default)]
    pub append: String,
    /// It takes the disk with the tree that services run in.
    #[serde(default)]
    pub services: bool,
    /// It does many things at once, or at random: it runs on every machine.
    #[serde(default)]
    pub stress: bool,
    /// It looks for races: the processors of an emulated machine run at the same time.
    #[serde(default)]
    pub races: bool,
    /// The cases that stand for it where not all of it runs.
    #[serde(default)]
    pub smoke: Vec<String>,
    /// About how many seconds it takes, by setting; `other` where no more is known.
    takes: BTreeMap<String, u64>,
    /// How many seconds it may take with the usual number of rounds.
    limit: u64,
    /// The same on the debug kernel.
    #[serde(default = "debug_limit")]
    debug_limit: u64,
}

fn debug_limit() -> u64 {
    DEBUG_LIMIT
}

/// What a program puts to the test.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Faces {
    /// The module and the series.
    Kernel,
    /// The launcher and the administration, which a debug kernel has little to say about.
    People,
}

/// On which machines a program runs.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// On those that have an initramfs with busybox alone.
    #[default]
    Initramfs,
    /// On those with a distribution on a disk.
    Disk,
    /// On both.
    Both,
    /// On the one with SELinux.
    Selinux,
    /// On all of these.
    All,
}

/// In which boots a program runs.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Module {
    /// With jaula in `lsm=`.
    #[default]
    On,
    /// Without it.
    Off,
    /// In both, and with the same cases: those that are refused with the module show without it
    /// that it is not Linux that refuses them.
    Both,
}

/// How much of a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every case.
    Whole,
    /// These cases.
    Cases(Vec<String>),
}

impl Program {
    /// How much of it runs in a setting, if any.
    pub fn extent(&self, setting: &Setting, long: bool) -> Option<Extent> {
        if !self.runs_on(setting) {
            return None;
        }
        let whole = match setting.tier {
            Tier::Whole => true,
            Tier::Disk => false,
            Tier::Long if !long => return None,
            Tier::Long => true,
            Tier::Kernel => self.faces == Faces::Kernel,
            Tier::Stress => self.stress,
        };
        if whole || long {
            Some(Extent::Whole)
        } else if self.smoke.is_empty() {
            None
        } else {
            Some(Extent::Cases(self.smoke.clone()))
        }
    }

    /// Whether it runs on the machine of a setting.
    pub fn runs_on(&self, setting: &Setting) -> bool {
        match self.on {
            On::Initramfs => !setting.machine.disk,
            On::Disk => setting.machine.disk && !setting.machine.selinux,
            On::Both => !setting.machine.selinux,
            On::Selinux => setting.machine.selinux,
            On::All => true,
        }
    }

    /// Whether it runs in a boot with the module, or one without.
    pub fn runs_with(&self, module_on: bool) -> bool {
        match self.module {
            Module::On => module_on,
            Module::Off => !module_on,
            Module::Both => true,
        }
    }

    /// About how long it takes.
    pub fn takes(&self, setting: &Setting, extent: &Extent, long: bool) -> Duration {
        let known = self.takes.get(&setting.to_string());
        let known = known.or_else(|| self.takes.get("other"));
        let whole = Duration::from_secs(known.copied().unwrap_or(10));
        match extent {
            Extent::Cases(cases) => whole.min(Duration::from_secs(10 * cases.len() as u64)),
            Extent::Whole if long && self.stress => whole * LONG,
            Extent::Whole => whole,
        }
    }

    /// How long it may take until it is killed.
    pub fn limit(&self, setting: &Setting, long: bool) -> Duration {
        let limit = Duration::from_secs(if setting.is_debug() {
            self.debug_limit
        } else {
            self.limit
        });
        if long {
            limit * LONG
        } else {
            limit
        }
    }
}

/// All of them, in the order of their names.
pub fn all() -> Result<Vec<Program>> {
    parse(TABLE).context(TABLE_NAME)
}

fn parse(text: &str) -> Result<Vec<Program>> {
    let table: BTreeMap<String, Program> = toml::from_str(text)?;
    let mut programs = Vec::new();
    for (name, row) in table {
        for setting in row.takes.keys().filter(|key| *key != "other") {
            Setting::named(setting).with_context(|| format!("{name}: takes"))?;
        }
        programs.push(Program { name, ..row });
    }
    Ok(programs)
}

/// The program of this name; an unknown name lists the known ones.
pub fn named(name: &str) -> Result<Program> {
    let programs = all()?;
    let Some(program) = programs.iter().find(|program| program.name == name) else {
        let known: Vec<_> = programs.iter().map(|one| one.name.as_str()).collect();
        bail!(
            "{name}: no such test program; there are: {}",
            known.join(", ")
        );
    };
    Ok(program.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str =
        "[one]\nabout = 'x'\nfaces = 'people'\nlimit = 60\ntakes = { other = 7, pc-debug = 90 }\n\
                       smoke = ['a']\n";

    fn one(more: &str) -> Result<Program> {
        Ok(parse(&format!("{ROW}{more}"))?.remove(0))
    }

    #[test]
    fn the_table_is_right() -> Result<()> {
        assert!(all()?.iter().any(|program| program.name == "escape"));
        assert!(named("escape")?.runs_with(false));
        let error = named("no_such").expect_err("unknown").to_string();
        assert!(error.contains("escape"), "{error}");
        Ok(())
    }

    #[test]
    fn what_runs_depends_on_the_setting() -> Result<()> {
        let program = one("")?;
        let extent = |setting: &str, long| -> Result<_> {
            Ok(program.extent(&Setting::named(setting)?, long))
        };
        let smoke = Some(Extent::Cases(vec!["a".into()]));
        assert_eq!(extent("pc-normal", false)?, Some(Extent::Whole));
        assert_eq!(extent("pc-debug", false)?, smoke);
        assert_eq!(extent("cubieboard-normal", false)?, smoke);
        assert_eq!(extent("cubieboard-normal", true)?, Some(Extent::Whole));
        let stress = one("stress = true\n")?;
        let cubieboard = Setting::named("cubieboard-normal")?;
        assert_eq!(stress.extent(&cubieboard, false), Some(Extent::Whole));
        Ok(())
    }

    #[test]
    fn a_program_runs_on_the_machines_that_it_is_for() -> Result<()> {
        let (pc, debian) = (
            Setting::named("pc-normal")?,
            Setting::named("debian-server")?,
        );
        let runs = |on: &str| -> Result<_> {
            let program = one(on)?;
            Ok([&pc, &debian].map(|setting| program.extent(setting, false).is_some()))
        };
        assert_eq!(runs("")?, [true, false]);
        assert_eq!(runs("on = 'disk'\n")?, [false, true]);
        assert_eq!(runs("on = 'both'\n")?, [true, true]);
        assert_eq!(runs("on = 'all'\n")?, [true, true]);
        assert_eq!(runs("on = 'selinux'\n")?, [false, false]);
        let disk = one("on = 'disk'\n")?;
        assert_eq!(
            disk.extent(&debian, false),
            Some(Extent::Cases(vec!["a".into()]))
        );
        assert_eq!(disk.extent(&debian, true), Some(Extent::Whole));
        Ok(())
    }

    #[test]
    fn limits_and_times_are_those_of_the_setting() -> Result<()> {
        let program = one("")?;
        let (pc, debug) = (Setting::named("pc-normal")?, Setting::named("pc-debug")?);
        assert_eq!(program.limit(&pc, false), Duration::from_secs(60));
        assert_eq!(program.limit(&pc, true), Duration::from_secs(300));
        assert_eq!(
            program.limit(&debug, false),
            Duration::from_secs(DEBUG_LIMIT)
        );
        let takes = |setting| program.takes(setting, &Extent::Whole, false).as_secs();
        assert_eq!((takes(&pc), takes(&debug)), (7, 90));
        Ok(())
    }

    #[test]
    fn a_mistake_in_the_table_is_an_error() {
        assert!(one("smoky = []\n").is_err());
        let text = ROW.replace("pc-debug", "toaster-debug");
        assert!(parse(&text).is_err());
    }
}
