// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cases that may be skipped, `tests/skips.toml`: which, on which machine, and why.

use crate::ktap::Verdict;
use anyhow::{bail, Context, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use wildmatch::WildMatch;

const LIST: &str = include_str!("../../../tests/skips.toml");
/// What the list is called where it is wrong.
const LIST_NAME: &str = "tests/skips.toml";

/// What may be skipped.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// The program.
    pub program: String,
    /// The case; a `*` stands for anything.
    pub case: String,
    /// The settings in which it is skipped; a `*` stands for anything.
    pub settings: Vec<String>,
    /// Only in boots without the module.
    #[serde(default)]
    pub without_lsm: bool,
    /// What the machine has not.
    pub why: String,
}

/// The setting of a boot with the module or without it.
fn setting_of(boot: &str) -> &str {
    boot.strip_suffix(super::WITHOUT).unwrap_or(boot)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    skip: Vec<Skip>,
}

impl Skip {
    fn is_for(&self, setting: &str) -> bool {
        let mut patterns = self.settings.iter();
        patterns.any(|pattern| WildMatch::new(pattern).matches(setting))
    }
}

/// All that may be skipped, and what of it was.
#[derive(Debug)]
pub struct Skips {
    list: Vec<Skip>,
    /// Entries that were met, by their places in the list, and the settings that they were met in.
    met: Mutex<BTreeSet<(usize, String)>>,
}

impl Skips {
    /// Reads the list.
    pub fn read() -> Result<Self> {
        Self::parse(LIST).context(LIST_NAME)
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            list: toml::from_str::<List>(text)?.skip,
            met: Mutex::default(),
        })
    }

    /// The verdict on a case, in view of the list: one that is skipped and not on it has failed.
    pub fn judge(&self, boot: &str, program: &str, case: &str, verdict: Verdict) -> Verdict {
        let Verdict::Skipped(why) = verdict else {
            return verdict;
        };
        let Some(entry) = self.allowing(boot, program, case) else {
            return Verdict::Failed(format!("skipped, and not on {LIST_NAME}: {why}"));
        };
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.insert((entry, setting_of(boot).to_owned()));
        Verdict::Skipped(why)
    }

    /// Every entry was met wherever its program ran: to be asked at the end, with the settings and
    /// the programs of which every case has run there.
    pub fn check_all_met(&self, ran: &[(String, String)]) -> Result<()> {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unmet = Vec::new();
        for (place, skip) in self.list.iter().enumerate() {
            for (setting, program) in ran {
                let concerned = skip.program == *program && skip.is_for(setting);
                if concerned && !met.contains(&(place, setting.clone())) {
                    unmet.push(format!("{setting}: {program}::{}", skip.case));
                }
            }
        }
        if !unmet.is_empty() {
            bail!(
                "{LIST_NAME}: nothing was skipped for these:\n{}",
                unmet.join("\n")
            );
        }
        Ok(())
    }

    /// The place in the list of what lets a case be skipped.
    fn allowing(&self, boot: &str, program: &str, case: &str) -> Option<usize> {
        let setting = setting_of(boot);
        self.list.iter().position(|skip| {
            skip.program == program
                && skip.is_for(setting)
                && (!skip.without_lsm || boot != setting)
                && WildMatch::new(&skip.case).matches(case)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_right() -> Result<()> {
        for skip in &Skips::read()?.list {
            super::super::program::named(&skip.program)?;
            let settings = super::super::setting::Setting::all()?;
            assert!(settings.iter().any(|one| skip.is_for(&one.to_string())));
            assert!(!skip.why.is_empty());
        }
        Ok(())
    }

    #[test]
    fn an_entry_holds_for_its_settings() -> Result<()> {
        let skips = Skips::parse(
            "[[skip]]\nprogram='compat'\ncase='32-bit*'\nsettings=['virt-normal']\nwhy='x'\n\
             [[skip]]\nprogram='escape'\ncase='*'\nsettings=['virt-normal']\nwithout_lsm=true\nwhy='y'\n",
        )?;
        assert_eq!(skips.allowing("virt-normal", "compat", "32-bit_x"), Some(0));
        assert_eq!(skips.allowing("pc-normal", "compat", "32-bit_x"), None);
        assert_eq!(skips.allowing("virt-normal", "other", "32-bit_x"), None);
        assert_eq!(skips.allowing("virt-normal", "escape", "a"), None);
        assert_eq!(
            skips.allowing("virt-normal_without_lsm", "escape", "a"),
            Some(1)
        );
        Ok(())
    }

    #[test]
    fn the_list_is_met_or_too_long() -> Result<()> {
        let skips = Skips::parse(
            "[[skip]]\nprogram='compat'\ncase='a'\nsettings=['virt-normal', 'pc-normal']\nwhy='x'\n",
        )?;
        let ran = |setting: &str| [(setting.to_owned(), "compat".to_owned())];
        let virt = ran("virt-normal");
        assert!(skips.check_all_met(&virt).is_err());
        let skipped = || Verdict::Skipped("y".into());
        assert_eq!(
            skips.judge("virt-normal", "compat", "a", skipped()),
            skipped()
        );
        skips.check_all_met(&virt)?;
        let error = skips.check_all_met(&ran("pc-normal"));
        assert!(error
            .expect_err("not met there")
            .to_string()
            .contains("pc-normal"));
        let unknown = skips.judge("virt-normal", "compat", "b", skipped());
        assert!(matches!(unknown, Verdict::Failed(_)));
        Ok(())
    }
}
