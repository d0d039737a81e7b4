// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whom the end reaches, and whom not.

use super::conmon::{Bundle, STATE};
use super::probe;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::Root;
use jaula_tests::rounds::rounds;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::{check, check_eq, jailfs, procfs, wait};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

/// At how many moments.
const MOMENTS: usize = 200;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("kill: one that waits ends, and is not started", || {
        for (signal, ended) in [
            ("TERM", Ended::Exited(128 + libc::SIGTERM)),
            ("40", Ended::Exited(128 + 40)),
            ("KILL", Ended::Signaled(libc::SIGKILL)),
        ] {
            let mut bundle = probe(root, "killed", &["exit", "3"])?;
            bundle.create()?;
            let jail = bundle.jail()?;
            bundle.succeed(&["kill", "WINCH"])?;
            bundle.expect_status("created")?;
            bundle.succeed(&["kill", signal])?;
            check_eq!(bundle.ended()?, ended, "after {signal}");
            bundle.expect_status("stopped")?;
            bundle.refuse(&["start"], "it is stopped")?;
            bundle.succeed(&["delete"])?;
            bundle.check_gone(jail)?;
        }
        Ok(())
    });
    suite.case(
        "delete --force: one that runs, with all that it has started",
        || {
            let mut bundle = probe(root, "forced", &["bomb"])?;
            bundle.create()?;
            let jail = bundle.jail()?;
            jailfs::set(jail, "tasks.max", "20")?;
            bundle.succeed(&["start"])?;
            wait::until("it has children", || Ok(procfs::members(jail)?.len() > 3))?;
            bundle.succeed(&["delete", "--force"])?;
            check_eq!(bundle.ended()?, Ended::Signaled(libc::SIGKILL), "its end");
            bundle.check_gone(jail)
        },
    );
    suite.case(
        "kill and delete: no stranger with the number of what has ended",
        || stranger(root),
    );
    suite.case(
        "create is killed at different moments, and leaves no jail",
        || killed(root),
    );
}

/// Makes something else of what is noted about a container.
fn forge(id: &str, change: impl FnOnce(&mut Value)) -> Result<(), Failure> {
    let path = format!("{STATE}/{id}/state.json");
    let text = fs::read_to_string(&path).context(&path)?;
    let mut state: Value = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    change(&mut state);
    fs::write(&path, state.to_string()).context(&path)
}

fn stranger(root: &Root) -> CaseResult {
    let mut bundle = probe(root, "numbers", &["wait"])?;
    bundle.create()?;
    let jail = bundle.jail()?;
    bundle.succeed(&["start"])?;
    let mut other = probe(root, "neighbour", &["wait"])?;
    let stranger = other.create()?;
    let neighbour = other.jail()?;
    let start = procfs::stat(stranger, 22)?;
    // The number was given to a later process, to one that began at the same moment, and to a later
    // jail.
    for (what, noted) in [
        ("a later process", [stranger as u64, start - 1, jail as u64]),
        ("one of another jail", [stranger as u64, start, jail as u64]),
        ("a later jail", [stranger as u64, start, neighbour as u64]),
    ] {
        forge("numbers", |state| {
            state["process"]["pid"] = noted[0].into();
            state["process"]["start"] = noted[1].into();
            state["jail"] = noted[2].into();
        })?;
        let output = bundle.act(&["kill", "KILL"])?;
        check_eq!(output.status.code(), Some(1), "kill: {what}");
        other.expect_status("created")?;
    }
    bundle.succeed(&["delete", "--force"])?;
    other.expect_status("created")?;
    // The true one is not found any more.
    jaula_tests::sys::jail::destroy_jail(jail).context("destroy_jail")?;
    check_eq!(bundle.ended()?, Ended::Signaled(libc::SIGKILL), "its end");
    other.succeed(&["delete"])?;
    check_eq!(other.ended()?, Ended::Signaled(libc::SIGKILL), "its end");
    other.check_gone(neighbour)
}

/// Whether a container waits to be started.
fn is_created(bundle: &Bundle) -> Result<bool, Failure> {
    let output = bundle.act(&["state"])?;
    Ok(String::from_utf8_lossy(&output.stdout).contains("\"created\""))
}

fn killed(root: &Root) -> CaseResult {
    let before = jailfs::numbers()?;
    let bundle = probe(root, "half", &["wait"])?;
    let begin = Instant::now();
    check!(
        bundle.creating()?.status()?.success(),
        "{}",
        bundle.printed("err")?
    );
    let whole = begin.elapsed();
    bundle.succeed(&["delete", "--force"])?;
    let (mut made, mut half, mut whole_after_all) = (0, 0, 0);
    let count = rounds(MOMENTS);
    for moment in 0..count {
        let mut creating = bundle.creating()?.spawn().context("starting jaula")?;
        let wait_for = whole * moment as u32 / count as u32;
        std::thread::sleep(wait_for.saturating_sub(Duration::from_micros(50)));
        creating.kill().context("kill")?;
        let status = creating.wait().context("wait")?;
        match status.success() {
            true => made += 1,
            false => {
                half += 1;
                let what = format!("killed after {wait_for:?}: there is no jail, or all is made");
                wait::until(&what, || {
                    Ok(jailfs::numbers()? == before || is_created(&bundle)?)
                })?;
                whole_after_all += usize::from(is_created(&bundle)?);
            }
        }
        bundle.succeed(&["delete", "--force"])?;
        check_eq!(jailfs::numbers()?, before, "the jails");
        // What was adopted.
        while let Ok(Some(_)) = process::try_wait(-1) {}
    }
    println!("# {half} killed, {whole_after_all} too late; {made} made, {whole:?} for each");
    check!(half > whole_after_all, "none was killed half-way");
    // The next one has removed what the others have left, and leaves nothing.
    check!(
        bundle.creating()?.status()?.success(),
        "{}",
        bundle.printed("err")?
    );
    bundle.succeed(&["delete"])?;
    let left: Vec<_> = fs::read_dir(STATE).context(STATE)?.flatten().collect();
    check!(left.is_empty(), "{left:?} is left");
    Ok(())
}
