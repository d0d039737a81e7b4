// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula` is killed at any moment.

use super::place::{links, nothing_is_left, Clean, ROOT};
use jaula_tests::admin::{in_kernel, succeed};
use jaula_tests::dice::Dice;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::rounds::rounds;
use jaula_tests::{check, wait};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "killed at any moment: no interface, rule or address is left",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            let run = [
                "run",
                "-q",
                "--net",
                "blue",
                "--net-rate",
                "1gbit",
                ROOT,
                "--",
                "true",
            ];
            let begun = Instant::now();
            succeed(&run)?;
            let takes = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            let mut dice = Dice::new(15);
            let mut seen = 0;
            for _ in 0..rounds(100) {
                let mut child = jaula(&run)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .context("jaula")?;
                let delay = Duration::from_micros(dice.below(takes));
                sleep(delay);
                child.kill().context("kill")?;
                child.wait().context("wait")?;
                wait::until("its jail ends", || Ok(in_kernel()?.is_empty()))?;
                seen += usize::from(!links()?.is_empty());
                succeed(&["net", "ls"])?;
                nothing_is_left().context(format!("after {delay:?} of {takes} us"))?;
            }
            check!(seen > 0, "it was never killed while something was there");
            Ok(())
        },
    );
}
