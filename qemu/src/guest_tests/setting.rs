// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where guest tests run: a machine and the kernel that it boots.

use crate::arch::{Arch, Flavour};
use crate::machine::Machine;
use anyhow::{Context, Result};
use std::fmt;

/// How far apart the first seeds of two settings are: more than one of them ever goes through.
const SEEDS: u64 = 100_000;

/// A machine and the kernel it boots.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The machine.
    pub machine: Machine,
    /// The kernel.
    pub flavour: Flavour,
    /// What runs there unless everything is asked for.
    pub tier: Tier,
    /// Its place among all settings.
    place: u64,
}

/// What runs in a setting unless everything is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Everything.
    Whole,
    /// What puts the kernel to the test, and the smoke tests of the rest: checks in the kernel
    /// have little to say about anything else, and take their time.
    Kernel,
    /// What does many things at once or at random, and the smoke tests of the rest: a machine that
    /// differs from another in its processor alone.
    Stress,
    /// The smoke tests of what is for a machine with a distribution on a disk.
    Disk,
    /// Nothing: it is there for who asks for all of it, or names programs.
    Long,
}

impl Setting {
    /// Those that are tested with `--all`, most important first.
    pub fn all() -> Result<Vec<Self>> {
        [
            ("pc", Flavour::Normal, Tier::Whole),
            ("pc", Flavour::Debug, Tier::Kernel),
            ("virt", Flavour::Normal, Tier::Whole),
            ("cubieboard", Flavour::Normal, Tier::Stress),
            ("debian", Flavour::Server, Tier::Disk),
            ("debian-selinux", Flavour::Server, Tier::Long),
        ]
        .into_iter()
        .zip(0..)
        .map(|((machine, flavour, tier), place)| {
            Ok(Self {
                machine: Machine::named(machine)?,
                flavour,
                tier,
                place,
            })
        })
        .collect()
    }

    /// A machine with one of its kernels: as with `--all`, where it is among those.
    pub fn of(machine: Machine, flavour: Flavour) -> Result<Self> {
        let all = Self::all()?;
        let place = all.len() as u64;
        let known = all
            .into_iter()
            .find(|one| one.machine.name == machine.name && one.flavour == flavour);
        Ok(known.unwrap_or(Self {
            tier: match flavour {
                Flavour::Normal => Tier::Whole,
                Flavour::Server => Tier::Disk,
                Flavour::Debug => Tier::Kernel,
            },
            machine,
            flavour,
            place,
        }))
    }

    /// From `MACHINE-KERNEL`, as in `pc-debug`.
    pub fn named(text: &str) -> Result<Self> {
        let (machine, flavour) = text
            .rsplit_once('-')
            .with_context(|| format!("{text}: is not of the form MACHINE-KERNEL"))?;
        Self::of(Machine::named(machine)?, flavour.parse()?)
    }

    /// The architecture of its machine.
    pub fn arch(&self) -> Arch {
        self.machine.arch
    }

    /// Whether it boots the debug kernel.
    pub fn is_debug(&self) -> bool {
        self.flavour == Flavour::Debug
    }

    /// The first seed of its random tests: another one in each setting, and the same each time.
    pub fn first_seed(&self) -> u64 {
        self.place * SEEDS + 1
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.machine.name, self.flavour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn settings_are_named_by_machine_and_kernel() -> Result<()> {
        let setting = Setting::named("pc-debug")?;
        assert_eq!(setting.to_string(), "pc-debug");
        assert!(setting.is_debug());
        for wrong in ["pc", "toaster-debug", "pc-slow"] {
            assert!(Setting::named(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn no_two_settings_go_through_the_same_seeds() -> Result<()> {
        let mut seeds: BTreeSet<_> = Setting::all()?.iter().map(Setting::first_seed).collect();
        assert!(seeds.insert(Setting::named("virt-debug")?.first_seed()));
        assert_eq!(seeds.len(), Setting::all()?.len() + 1);
        Ok(())
    }
}
