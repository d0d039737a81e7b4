// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula` is killed at any moment.

use super::place::{has_nft, links, Clean, ROOT};
use jaula_tests::admin::{host, in_kernel, succeed};
use jaula_tests::dice::Dice;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::rounds::rounds;
use jaula_tests::{check, check_eq, wait};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a jail is run with that leaves as much as there is of a jail with a network.
const OPTIONS: [&str; 6] = ["--net", "blue", "--net-rate", "1gbit", "--max-tasks", "50"];

/// All that a jail could leave on the host. What is noted about the last ones that have ended stays on purpose.
fn host_has() -> Result<String, Failure> {
    let tables = match has_nft() {
        true => "nft list tables",
        false => "true",
    };
    host(&format!(
        "ls /sys/class/net; busybox ip -o addr | cut -d' ' -f2-7; {tables}; cut -d' ' -f2,3 /proc/mounts; \
         find /run/jaula -path '/run/jaula/[0-9]*' -prune -o -print | sort; ls -d /sys/fs/cgroup/jaula/* /sys/fs/cgroup/jaula.slice/* 2>/dev/null; \
         for p in /proc/[0-9]*; do readlink $p/ns/net; done 2>/dev/null | sort -u; \
         cat /proc/[0-9]*/comm 2>/dev/null | grep -x -e jaula -e nft || true"
    ))
}

/// Starts a command, and kills it before this time has passed.
fn killed(arguments: &[&str], dice: &mut Dice, takes: u64) -> Result<Duration, Failure> {
    let mut child = jaula(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("jaula")?;
    let delay = Duration::from_micros(dice.below(takes));
    sleep(delay);
    child.kill().context("kill")?;
    child.wait().context("wait")?;
    Ok(delay)
}

/// Checks that one command leaves what was there before.
fn one_command_removes_the_rest(before: &str) -> CaseResult {
    wait::until("its jail ends", || Ok(in_kernel()?.is_empty()))?;
    succeed(&["ls"])?;
    // What was killed may still be on its way out.
    let ended = wait::until("all of it has gone", || Ok(host_has()? == before));
    ended.or_else(|_| {
        check_eq!(host_has()?, before, "what the host has");
        Ok(())
    })
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "killed at any moment: no interface, rule or address is left",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            let run = [&["run", "-q"], &OPTIONS[..], &[ROOT, "--", "true"]].concat();
            succeed(&run)?;
            succeed(&["ls"])?;
            let before = host_has()?;
            let begun = Instant::now();
            succeed(&run)?;
            let takes = micros(begun);
            let mut dice = Dice::new(15);
            let mut seen = 0;
            for _ in 0..rounds(100) {
                let delay = killed(&run, &mut dice, takes)?;
                wait::until("its jail ends", || Ok(in_kernel()?.is_empty()))?;
                seen += usize::from(!links()?.is_empty());
                one_command_removes_the_rest(&before)
                    .context(format!("after {delay:?} of {takes} us"))?;
            }
            check!(seen > 0, "it was never killed while something was there");
            Ok(())
        },
    );
    suite.case(
        "killed while it detaches, and while it ends jails: nothing is left",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            let run = [
                &["run", "-q", "-d"],
                &OPTIONS[..],
                &[ROOT, "--", "sleep", "1000"],
            ]
            .concat();
            let end = ["rm", "--all"];
            succeed(&run)?;
            succeed(&end)?;
            let before = host_has()?;
            let begun = Instant::now();
            succeed(&run)?;
            let starting = micros(begun);
            let begun = Instant::now();
            succeed(&end)?;
            let ending = micros(begun);
            let mut dice = Dice::new(16);
            for _ in 0..rounds(50) {
                let first = killed(&run, &mut dice, starting)?;
                let then = killed(&end, &mut dice, ending)?;
                // What was detached in time goes on, and is still to be ended.
                wait::until("all that there is has been ended", || {
                    succeed(&end)?;
                    Ok(in_kernel()?.is_empty())
                })?;
                one_command_removes_the_rest(&before).context(format!(
                    "after {first:?} of {starting} us, {then:?} of {ending} us"
                ))?;
            }
            Ok(())
        },
    );
}
