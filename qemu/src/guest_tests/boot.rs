// SPDX-License-Identifier: MIT OR Apache-2.0

//! One boot with test programs, from its start to its last verdict.

use super::follow::Follower;
use super::program::Module;
use super::script::{script, SEED_VARIABLE};
use super::setting::Setting;
use super::shard::{prefix, Shard};
use super::skips::Skips;
use crate::boot::deadline::Deadline;
use crate::boot::session::Io;
use crate::tasks::guest_run::{Guest, Plan, Processors};
use crate::verdicts::Verdicts;
use anyhow::{bail, Result};
use std::sync::Arc;
use std::time::Duration;

/// How long the guest may take until its first program begins, or between two of them.
pub(super) const BETWEEN: Duration = Duration::from_secs(300);

/// Boots once and tells of every case as soon as its verdict is known.
pub fn run(
    guest: &Guest,
    shard: &Shard,
    long: bool,
    verdicts: &Arc<Verdicts>,
    skips: &Arc<Skips>,
) -> Result<()> {
    let deadline = Deadline::after(Some(BETWEEN));
    let follower = Follower::new(
        shard,
        long,
        deadline.clone(),
        verdicts.clone(),
        skips.clone(),
    );
    let outcome = guest.boot(Plan {
        name: "test",
        command: Some(script(shard, long, &seed(&shard.setting)?)),
        shell: false,
        append: &shard.arguments(),
        processors: if long || shard.looks_for_races() {
            Processors::AtOnce
        } else {
            Processors::InTurn
        },
        io: Io::Collect(Box::new(follower.clone())),
        deadline,
    })?;
    follower.end(&outcome);
    Ok(())
}

/// The seed of the first random sequence: the person's, or else the setting's.
fn seed(setting: &Setting) -> Result<String> {
    Ok(seed_of_the_person()?.unwrap_or_else(|| setting.first_seed().to_string()))
}

/// The seed that is asked for, if one is: a number, or `new`.
pub fn seed_of_the_person() -> Result<Option<String>> {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) if seed == "new" || seed.parse::<u64>().is_ok() => Ok(Some(seed)),
        Ok(seed) => bail!("{SEED_VARIABLE}={seed}: neither `new` nor a number"),
        Err(_) => Ok(None),
    }
}

/// Compares the cases of those programs that have run with the module and without: each case must
/// have been tried in both.
pub fn compare(setting: &Setting, shards: &[Shard], verdicts: &Verdicts) {
    let both = shards
        .iter()
        .filter(|shard| shard.module_on)
        .flat_map(|shard| &shard.programs)
        .filter(|planned| planned.program.module == Module::Both);
    for planned in both {
        let program = &planned.program.name;
        let cases = |module_on| {
            verdicts.names_below(&format!("{}::{program}::", prefix(setting, module_on)))
        };
        let (on, off) = (cases(true), cases(false));
        let name = format!(
            "{}::{program}::has_the_same_cases_with_the_module",
            prefix(setting, false)
        );
        verdicts.check(&setting.to_string(), &name, || {
            let different: Vec<_> = on.symmetric_difference(&off).collect();
            if on.is_empty() || !different.is_empty() {
                bail!("only in one boot: {different:?}");
            }
            Ok(())
        });
    }
}
