// SPDX-License-Identifier: MIT OR Apache-2.0

//! Configurations made at random, in which the module has to build: which options are switched is
//! in `qemu/configs/random.toml`.

use super::config;
use anyhow::{bail, Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

const LIST: &str = include_str!("../../configs/random.toml");
/// What the list is called where it is wrong.
const LIST_NAME: &str = "qemu/configs/random.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    count: usize,
    off_in_turn: Vec<String>,
    on: Vec<String>,
    switched: Vec<String>,
    choices: Vec<Vec<String>>,
}

/// What one configuration switches. The seed and the number say all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switches {
    seed: u64,
    /// From 1.
    number: usize,
    options: BTreeMap<String, bool>,
    must_be_off: Option<String>,
}

impl Switches {
    /// All configurations of a seed.
    pub fn all(seed: u64) -> Result<Vec<Self>> {
        let list: List = toml::from_str(LIST).context(LIST_NAME)?;
        if list.count < list.off_in_turn.len() || list.choices.iter().any(Vec::is_empty) {
            bail!("{LIST_NAME}: too few configurations, or nothing to choose from");
        }
        let mut all: Vec<_> = (0..list.count)
            .map(|at| Self {
                seed,
                number: at + 1,
                options: list.on.iter().map(|name| (name.clone(), true)).collect(),
                must_be_off: list.off_in_turn.get(at).cloned(),
            })
            .collect();
        let in_turn = list.off_in_turn.iter().enumerate();
        let in_turn = in_turn.map(|(at, name)| (name, Some(at)));
        for (name, first) in in_turn.chain(list.switched.iter().map(|name| (name, None))) {
            let off = Dice::of(seed, name).third(list.count, first);
            for (at, switches) in all.iter_mut().enumerate() {
                switches.options.insert(name.clone(), !off.contains(&at));
            }
        }
        for choice in &list.choices {
            let order = Dice::of(seed, &choice.concat()).shuffled(list.count);
            for (place, at) in order.into_iter().enumerate() {
                let options = choice.iter().enumerate();
                let options = options.map(|(n, name)| (name.clone(), n == place % choice.len()));
                all[at].options.extend(options);
            }
        }
        Ok(all)
    }

    /// The number and the seed, as part of a name.
    pub fn name(&self) -> String {
        format!("{:02}_seed_{}", self.number, self.seed)
    }

    /// How to get the same again.
    pub fn again(&self) -> String {
        format!(
            "JAULA_SEED={} cargo xtask test --long --only configurations::{:02}",
            self.seed, self.number
        )
    }

    /// A fragment with these options switched.
    pub fn apply(&self, fragment: &str) -> String {
        let mut symbols = config::parse(fragment);
        for (name, &is_on) in &self.options {
            let value = if is_on { "y" } else { "n" };
            symbols.insert(format!("CONFIG_{name}"), value.to_owned());
        }
        let line = |(name, value): (&String, &String)| match value.as_str() {
            "n" => format!("# {name} is not set\n"),
            value => format!("{name}={value}\n"),
        };
        symbols.iter().map(line).collect()
    }

    /// A finished `.config` has the module, and not what was to be off.
    pub fn verify(&self, got: &str) -> Result<()> {
        let got = config::parse(got);
        let is_on = |name: &str| {
            got.get(&format!("CONFIG_{name}"))
                .is_some_and(|value| value == "y")
        };
        if !is_on("SECURITY_JAULA") {
            bail!("CONFIG_SECURITY_JAULA is off: it depends on what was switched off");
        }
        match &self.must_be_off {
            Some(name) if is_on(name) => bail!("CONFIG_{name} is on: something selects it"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |wanted| {
            let those = self.options.iter().filter(|&(_, &is_on)| is_on == wanted);
            those
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        write!(f, "off: {}\non: {}", names(false), names(true))
    }
}

/// SplitMix64: the same on every machine, and good enough to switch options.
struct Dice(u64);

impl Dice {
    /// Those of one option. Each has its own, so that another option on the list changes none of them.
    fn of(seed: u64, name: &str) -> Self {
        let mut dice = Self(seed);
        for byte in name.bytes() {
            dice.0 = dice.next() ^ u64::from(byte);
        }
        dice
    }

    /// The numbers below `count`.
    fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut left: Vec<_> = (0..count).collect();
        (0..count)
            .map(|_| left.swap_remove(self.below(left.len())))
            .collect()
    }

    /// A third of the numbers below `count`, `first` among them.
    fn third(&mut self, count: usize, first: Option<usize>) -> Vec<usize> {
        let mut order = self.shuffled(count);
        order.retain(|&at| Some(at) != first);
        first.into_iter().chain(order).take(count / 3).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        // Both are small: what is uneven about it is not to be seen.
        (self.next() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_dozen_differ_and_can_be_had_again() -> Result<()> {
        let all = Switches::all(1)?;
        let texts: BTreeSet<_> = all.iter().map(Switches::to_string).collect();
        assert_eq!((all.len(), texts.len()), (12, 12));
        assert_eq!(all, Switches::all(1)?);
        assert!(Switches::all(2)?
            .iter()
            .all(|other| !texts.contains(&other.to_string())));
        Ok(())
    }

    #[test]
    fn what_once_did_not_build_is_off_once() -> Result<()> {
        for seed in 0..20 {
            let all = Switches::all(seed)?;
            for (at, name) in ["IPC_NS", "POSIX_MQUEUE", "KEYS", "NET"].iter().enumerate() {
                assert!(!all[at].options[*name], "{name} with seed {seed}");
                let error = all[at]
                    .verify(&format!("CONFIG_SECURITY_JAULA=y\nCONFIG_{name}=y\n"))
                    .expect_err("it is on");
                assert!(error.to_string().contains(name), "{error}");
            }
        }
        Ok(())
    }

    #[test]
    fn each_is_off_in_a_third() -> Result<()> {
        let all = Switches::all(1)?;
        for name in ["NET", "AUDIT", "SMP"] {
            let off = all.iter().filter(|switches| !switches.options[name]);
            assert_eq!(off.count(), 4, "{name}");
        }
        Ok(())
    }

    #[test]
    fn one_of_each_choice_is_on() -> Result<()> {
        for switches in Switches::all(1)? {
            let models = ["PREEMPT_NONE", "PREEMPT_VOLUNTARY", "PREEMPT", "PREEMPT_RT"];
            let on = models.iter().filter(|&&name| switches.options[name]);
            assert_eq!(on.count(), 1);
            assert!(switches.options["DEBUG_KERNEL"]);
        }
        Ok(())
    }

    #[test]
    fn a_fragment_is_switched() -> Result<()> {
        let all = Switches::all(1)?;
        let text = all[3].apply("CONFIG_NET=y\nCONFIG_LSM=\"jaula\"\n# CONFIG_WERROR is not set\n");
        let symbols = config::parse(&text);
        assert_eq!(symbols["CONFIG_NET"], "n");
        assert_eq!(symbols["CONFIG_LSM"], "\"jaula\"");
        assert_eq!(symbols["CONFIG_WERROR"], "n");
        assert_eq!(symbols["CONFIG_DEBUG_KERNEL"], "y");
        all[3].verify("CONFIG_SECURITY_JAULA=y\n# CONFIG_NET is not set\n")?;
        assert!(all[11].verify("CONFIG_NET=y\n").is_err());
        Ok(())
    }
}
