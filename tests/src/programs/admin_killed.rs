// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula` and its supervisor killed at any moment: the next one tells the truth and tidies up.

use jaula_tests::admin::{
    in_kernel, listed, noted, prepare_root, runs, succeed, Detached, ROOT, STATE,
};
use jaula_tests::check;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::rounds::rounds;
use jaula_tests::sys::process;
use jaula_tests::wait;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How often.
const ROUNDS: u32 = 100;
/// In how many cases, each of which has its time.
const PARTS: u32 = 4;

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = prepare_root() {
        println!("Bail out! No root directory for the jails: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    suite.case(
        "the supervisor is killed: its jail is seen, and can be removed",
        || {
            let script = "setsid sleep 1000 & echo ready; exec sleep 1000";
            let jail = Detached::start(&["--name", "orphan"], script)?;
            // What keeps the jail when its first process is killed has been forked by then.
            jail.has_printed("ready")?;
            let supervisor = jail.noted_process("supervisor")?;
            let first = jail.noted_process("first_process")?;
            process::kill(supervisor, libc::SIGKILL).context("kill")?;
            // The kernel kills what it has started; the rest of the jail lives on.
            wait::until("the first process has ended", || Ok(!runs(first)))?;
            check!(listed()?.contains(&jail.number), "it is not listed");
            succeed(&["exec", "orphan", "--", "/bin/true"])?;
            succeed(&["stop", "orphan"])?;
            check!(!jail.exists()?, "it is still there");
            Ok(())
        },
    );
    suite.case("the jaula of a jail in the foreground is killed", || {
        let mut child = jaula(&["run", "-q", "--name", "lost", ROOT, "--", "/bin/sh", "-c"])
            .arg("setsid sleep 1000 & exec sleep 1000")
            .spawn()
            .context("starting jaula")?;
        wait::until("it runs", || {
            Ok(succeed(&["ls"])?.contains("\tlost\t0\talive\t2"))
        })?;
        child.kill().context("kill")?;
        child.wait().context("wait")?;
        check!(succeed(&["ls"])?.contains("\tlost\t"), "it is not listed");
        succeed(&["rm", "lost"])?;
        nothing_is_left()
    });
    for (what, options) in [
        ("jaula run", &["run", "-q"][..]),
        ("jaula run --detach", &["run", "--detach"]),
        (
            "jaula run --keep",
            &["run", "-q", "--keep", "--name", "kept-again"],
        ),
    ] {
        for part in 0..PARTS {
            let name = format!(
                "{what}: killed at different moments, part {} of {PARTS}",
                part + 1
            );
            // One after the other, the parts go through the whole time that a launch takes.
            let every = ROUNDS / rounds(ROUNDS as usize) as u32;
            let moments = (part * every..ROUNDS).step_by((PARTS * every) as usize);
            suite.case(&name, move || killed_at(options, moments));
        }
    }
    suite.case("jaula rm and stop: killed at different moments", || {
        for round in 0..rounds(ROUNDS as usize / 4) as u32 {
            let jail = Detached::start(&[], "sleep 1000 & exec sleep 1000")?;
            let command = if round % 2 == 0 { "rm" } else { "stop" };
            killed_after(
                &[command, &jail.text()],
                Duration::from_micros(700) * (round / 2),
            )?;
        }
        no_scratch_is_left()
    });
    suite.run(chosen)
}

fn killed_at(options: &[&str], moments: impl Iterator<Item = u32>) -> CaseResult {
    // How long it takes when it is left alone.
    let start = Instant::now();
    let command = [ROOT, "--", "/bin/sh", "-c", "sleep 1000 & exit 0"];
    let arguments = [options, &command].concat();
    let mut alone = jaula(&arguments);
    alone
        .stdout(Stdio::null())
        .status()
        .context("starting jaula")?;
    let whole = start.elapsed();
    succeed(&["rm", "--all"])?;
    for moment in moments {
        let time = whole * moment / ROUNDS;
        killed_after(&arguments, time).context(format_args!("after {time:?}"))?;
    }
    no_scratch_is_left()
}

fn killed_after(arguments: &[&str], time: Duration) -> CaseResult {
    let mut child = jaula(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("starting jaula")?;
    std::thread::sleep(time);
    child.kill().context("kill")?;
    child.wait().context("wait")?;
    tells_the_truth()?;
    nothing_is_left()
}

/// What is listed is what the kernel has, wherever that does not change meanwhile: a supervisor
/// whose caller was killed may yet start its jail.
fn tells_the_truth() -> CaseResult {
    wait::until("the list is right", || {
        let before = in_kernel()?;
        let listed = listed()?;
        Ok(before == listed && listed == in_kernel()?)
    })
}

fn nothing_is_left() -> CaseResult {
    wait::until("everything has ended", || {
        succeed(&["rm", "--all"])?;
        Ok(in_kernel()?.is_empty() && noted()?.is_empty() && !any_jaula()?)
    })
}

/// The next launch removes what was half made or half removed.
fn no_scratch_is_left() -> CaseResult {
    succeed(&["run", "-q", ROOT, "--", "/bin/true"])?;
    let left: Vec<_> = std::fs::read_dir(STATE).context(STATE)?.flatten().collect();
    check!(left.is_empty(), "what is left in {STATE}: {left:?}");
    Ok(())
}

/// Whether a jaula runs, as a supervisor for example.
fn any_jaula() -> Result<bool, Failure> {
    for entry in std::fs::read_dir("/proc").context("/proc")? {
        let command = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        if command.starts_with(b"jaula\0") {
            return Ok(true);
        }
    }
    Ok(false)
}
