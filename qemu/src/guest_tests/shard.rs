// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sharing out the programs of a setting among boots.

use super::program::{Extent, Program};
use super::setting::Setting;
use super::WITHOUT;
use crate::arch::Flavour;
use std::collections::BTreeMap;
use std::time::Duration;

/// About how long the programs of one boot are to take: long beside a boot, and short enough for
/// two processors to end at about the same time.
const NORMAL: Duration = Duration::from_secs(100);
/// The same on the debug kernel, which takes longer to boot and to look for leaks.
const DEBUG: Duration = Duration::from_secs(200);
/// The same on a machine with a disk: in one boot, where not everything is asked for.
const DISK: Duration = Duration::from_secs(400);
/// How long a boot itself takes.
const BOOT: Duration = Duration::from_secs(5);
/// The same on the debug kernel, with the search for leaks at the end.
const DEBUG_BOOT: Duration = Duration::from_secs(30);

/// The same from a disk, through firmware and boot loader to a system that is up.
const DISK_BOOT: Duration = Duration::from_secs(60);

/// A program, as far as it is to run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The program.
    pub program: Program,
    /// How much of it.
    pub extent: Extent,
}

/// One boot of a machine.
#[derive(Clone, Debug)]
pub struct Shard {
    /// The machine and its kernel.
    pub setting: Setting,
    /// Whether jaula is in `lsm=`.
    pub module_on: bool,
    /// Its number among those of its setting, with and without the module.
    pub number: usize,
    /// Kernel arguments beside those of every boot.
    pub append: String,
    /// What runs, one after the other.
    pub programs: Vec<Planned>,
    /// About how long it takes.
    pub takes: Duration,
}

impl Shard {
    /// What the names of its cases begin with: its setting, and whether the module was off.
    pub fn prefix(&self) -> String {
        prefix(&self.setting, self.module_on)
    }

    /// Whether it is to meet the races of a real machine.
    pub fn looks_for_races(&self) -> bool {
        self.programs.iter().any(|one| one.program.races)
    }

    /// All kernel arguments of its own.
    pub fn arguments(&self) -> String {
        // A disk's kernel has jaula by itself, and the boot loader is left out for arguments of ours.
        let lsm = match (self.module_on, self.setting.machine.disk) {
            (true, false) => "lsm=jaula",
            (false, false) => "lsm=capability",
            (true, true) => "",
            (false, true) if self.setting.machine.selinux => "lsm=landlock,lockdown,yama,selinux",
            (false, true) => "lsm=landlock,lockdown,yama,apparmor",
        };
        format!("{lsm} {}", self.append).trim().to_owned()
    }
}

/// What the names of cases begin with.
pub fn prefix(setting: &Setting, module_on: bool) -> String {
    format!("{setting}{}", if module_on { "" } else { WITHOUT })
}

/// Shares programs out among boots: as many as `count` says, or as many as it takes for each to be
/// of a handy length. Those that need arguments of their own get boots of their own, and so do
/// those that want the processors to run at the same time.
pub fn shards(
    setting: &Setting,
    programs: &[Planned],
    count: Option<usize>,
    long: bool,
) -> Vec<Shard> {
    let mut shards: Vec<Shard> = Vec::new();
    for module_on in [true, false] {
        let mut by_machine: BTreeMap<(&str, bool), Vec<&Planned>> = BTreeMap::new();
        for planned in programs
            .iter()
            .filter(|planned| planned.program.runs_with(module_on))
        {
            // A disk takes so long to boot that all share one.
            let races = planned.program.races && !setting.machine.disk;
            let machine = (planned.program.append.as_str(), races);
            by_machine.entry(machine).or_default().push(planned);
        }
        for ((append, _), programs) in by_machine {
            for programs in share_out(setting, programs, count, long) {
                let takes = programs.iter().map(|one| time_of(one, setting, long));
                shards.push(Shard {
                    module_on,
                    number: shards.len() + 1,
                    append: append.to_owned(),
                    takes: takes.sum::<Duration>() + boot_time(setting),
                    programs: programs.into_iter().cloned().collect(),
                    setting: setting.clone(),
                });
            }
        }
    }
    shards
}

fn time_of(planned: &Planned, setting: &Setting, long: bool) -> Duration {
    planned.program.takes(setting, &planned.extent, long)
}

fn boot_time(setting: &Setting) -> Duration {
    match setting.flavour {
        Flavour::Normal => BOOT,
        Flavour::Debug => DEBUG_BOOT,
        Flavour::Server => DISK_BOOT,
    }
}

/// The longest first, each to who has least.
fn share_out<'a>(
    setting: &Setting,
    mut programs: Vec<&'a Planned>,
    count: Option<usize>,
    long: bool,
) -> Vec<Vec<&'a Planned>> {
    let handy = match setting.flavour {
        Flavour::Normal => NORMAL,
        Flavour::Debug => DEBUG,
        Flavour::Server => DISK,
    };
    let whole: Duration = programs.iter().map(|one| time_of(one, setting, long)).sum();
    let count = count
        .unwrap_or_else(|| whole.as_secs().div_ceil(handy.as_secs()) as usize)
        .clamp(1, programs.len());
    programs.sort_by_key(|one| std::cmp::Reverse(time_of(one, setting, long)));
    let mut shares = vec![(Duration::ZERO, Vec::new()); count];
    for program in programs {
        if let Some((taken, share)) = shares.iter_mut().min_by_key(|(taken, _)| *taken) {
            *taken += time_of(program, setting, long);
            share.push(program);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

#[cfg(test)]
mod tests {
    use super::super::program;
    use super::*;
    use anyhow::Result;
    use std::collections::BTreeSet;

    fn planned() -> Result<Vec<Planned>> {
        let whole = |program| Planned {
            program,
            extent: Extent::Whole,
        };
        let on_pc = Setting::named("pc-normal")?;
        let programs = program::all()?.into_iter();
        Ok(programs
            .filter(|program| program.runs_on(&on_pc))
            .map(whole)
            .collect())
    }

    fn names(shards: &[Shard], module_on: bool) -> Vec<&str> {
        let of = |shard: &&Shard| shard.module_on == module_on;
        let programs = shards.iter().filter(of).flat_map(|shard| &shard.programs);
        programs.map(|one| one.program.name.as_str()).collect()
    }

    #[test]
    fn every_program_runs_once_in_each_boot_that_it_is_for() -> Result<()> {
        let programs = planned()?;
        for count in [None, Some(1), Some(3), Some(1000)] {
            let shards = shards(&Setting::named("pc-normal")?, &programs, count, false);
            for module_on in [true, false] {
                let mut got = names(&shards, module_on);
                got.sort_unstable();
                let expected: Vec<_> = programs
                    .iter()
                    .filter(|one| one.program.runs_with(module_on))
                    .map(|one| one.program.name.as_str())
                    .collect();
                assert_eq!(got, expected, "{count:?} {module_on}");
            }
            let numbers: BTreeSet<_> = shards.iter().map(|shard| shard.number).collect();
            assert_eq!(numbers.len(), shards.len());
            assert!(shards.iter().all(|shard| !shard.programs.is_empty()));
        }
        Ok(())
    }

    #[test]
    fn what_needs_arguments_of_its_own_is_alone_with_them() -> Result<()> {
        for shard in shards(&Setting::named("pc-debug")?, &planned()?, Some(1), false) {
            let arguments = shard.arguments();
            assert!(arguments.starts_with("lsm="), "{arguments}");
            assert!(shard
                .programs
                .iter()
                .all(|one| one.program.append == shard.append
                    && one.program.races == shard.looks_for_races()));
        }
        Ok(())
    }

    #[test]
    fn shards_are_of_about_the_same_length() -> Result<()> {
        let shards = shards(&Setting::named("pc-normal")?, &planned()?, Some(2), false);
        let of: Vec<_> = shards
            .iter()
            .filter(|shard| shard.module_on && shard.append.is_empty() && !shard.looks_for_races())
            .map(|shard| shard.takes)
            .collect();
        assert_eq!(of.len(), 2);
        assert!(of[0] < of[1] * 2 && of[1] < of[0] * 2, "{of:?}");
        Ok(())
    }
}
