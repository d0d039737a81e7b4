// SPDX-License-Identifier: MIT OR Apache-2.0

use super::super::program::{self, Extent};
use super::super::setting::Setting;
use super::super::shard::{shards, Planned};
use super::*;
use anyhow::Result;

const GOOD: &str = "@@jaula-test@@ begin attach\nKTAP version 1\n1..1\nok 1 a b\n\n@@jaula-test@@ end attach 0\n\
                    @@jaula-test@@ begin allowance\nKTAP version 1\n1..1\nok 1 c\n\n@@jaula-test@@ end allowance 0\n";

fn outcome(ended: Ended, splats: &[&str]) -> Outcome {
    Outcome {
        ended,
        status: (ended == Ended::Normally).then_some(0),
        splats: splats.iter().map(|&text| text.to_owned()).collect(),
        tail: Vec::new(),
        log: "console.log".into(),
    }
}

/// What comes of a boot of `attach` and `allowance` that prints this.
fn follow(setting: &str, output: &str, outcome: &Outcome) -> Result<Arc<Verdicts>> {
    let planned: Vec<_> = ["attach", "allowance"]
        .into_iter()
        .map(|name| {
            Ok(Planned {
                program: program::named(name)?,
                extent: Extent::Whole,
            })
        })
        .collect::<Result<_>>()?;
    let shard = shards(&Setting::named(setting)?, &planned, Some(1), false).remove(0);
    let verdicts = Arc::new(Verdicts::new(|_| {}));
    let deadline = Deadline::after(None);
    let mut follower = Follower::new(
        &shard,
        false,
        deadline,
        verdicts.clone(),
        Arc::new(Skips::read()?),
    );
    // In pieces that are no lines.
    for piece in output.as_bytes().chunks(7) {
        follower.write_all(piece)?;
    }
    follower.end(outcome);
    Ok(verdicts)
}

fn failed(output: &str, outcome: &Outcome) -> Result<Vec<String>> {
    let failures = follow("pc-normal", output, outcome)?.failures();
    let name = |name: &String| name.trim_start_matches("pc-normal::").to_owned();
    Ok(failures.iter().map(name).collect())
}

#[test]
fn a_good_boot_passes() -> Result<()> {
    let verdicts = follow("pc-normal", GOOD, &outcome(Ended::Normally, &[]))?;
    assert!(verdicts.failures().is_empty(), "{:?}", verdicts.failures());
    let names = verdicts.names_below("pc-normal::");
    let expected = [
        "allowance::c",
        "attach::a_b",
        "boot_1::ends_by_itself",
        "boot_1::no_splat",
    ];
    assert!(names.iter().eq(expected.iter()), "{names:?}");
    Ok(())
}

#[test]
fn a_splat_fails_the_boot() -> Result<()> {
    let outcome = outcome(Ended::Normally, &["BUG: x"]);
    assert_eq!(failed(GOOD, &outcome)?, ["boot_1::no_splat"]);
    Ok(())
}

#[test]
fn a_panic_fails_what_did_not_run() -> Result<()> {
    let (output, _) = GOOD
        .split_once("\n@@jaula-test@@ end attach")
        .unwrap_or_default();
    assert_eq!(
        failed(output, &outcome(Ended::Panicked, &[]))?,
        [
            "attach::ended",
            "allowance::started",
            "boot_1::ends_by_itself"
        ]
    );
    Ok(())
}

#[test]
fn a_program_whose_end_is_lost_has_failed() -> Result<()> {
    let normally = outcome(Ended::Normally, &[]);
    let output = GOOD.replace(
        "@@jaula-test@@ end attach 0",
        "x@@jaula-test@@ end attach 0",
    );
    assert_eq!(failed(&output, &normally)?, ["attach::ended"]);
    let output = format!("{GOOD}@@jaula-test@@ begin attach\n@@jaula-test@@ end attr 0\n");
    assert_eq!(
        failed(&output, &normally)?,
        ["attach::begun", "attr::ended"]
    );
    Ok(())
}

#[test]
fn the_exit_status_counts() -> Result<()> {
    let output = GOOD
        .replace("end attach 0", "end attach 1")
        .replace("end allowance 0", "end allowance 137");
    let outcome = outcome(Ended::Normally, &[]);
    assert_eq!(
        failed(&output, &outcome)?,
        ["attach::ended", "allowance::ended"]
    );
    // A program whose case failed has said why.
    let output = GOOD
        .replace("ok 1 a b", "not ok 1 a b")
        .replace("end attach 0", "end attach 1");
    assert_eq!(failed(&output, &outcome)?, ["attach::a_b"]);
    Ok(())
}

#[test]
fn on_the_debug_kernel_leaks_are_looked_for() -> Result<()> {
    let normally = outcome(Ended::Normally, &[]);
    let clean = format!("{GOOD}@@jaula-test@@ begin kmemleak\n\n@@jaula-test@@ end kmemleak 0\n");
    assert!(follow("pc-debug", &clean, &normally)?.failures().is_empty());
    let leak = clean.replace("kmemleak\n\n", "kmemleak\nunreferenced object\n\n");
    for output in [GOOD, &leak] {
        let failures = follow("pc-debug", output, &normally)?.failures();
        assert_eq!(failures, ["pc-debug::boot_1::no_leak"]);
    }
    Ok(())
}

#[test]
fn a_skip_that_is_not_on_the_list_fails() -> Result<()> {
    let output = GOOD.replace("ok 1 c", "ok 1 c # SKIP not today");
    assert_eq!(
        failed(&output, &outcome(Ended::Normally, &[]))?,
        ["allowance::c"]
    );
    Ok(())
}
