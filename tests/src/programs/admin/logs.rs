// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula logs`: what a detached jail has printed, as far as it is kept.

mod following;
mod journald;
mod keeping;

use jaula_tests::admin::{output, succeed, Detached, ROOT};
use jaula_tests::ktap::{fail, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, FAILED};
use jaula_tests::{check, check_eq};

pub fn add(suite: &mut Suite<'_>) {
    suite.case("logs: standard output and error, in order", || {
        let jail = Detached::start(&[], "echo out; echo err >&2; echo out again; exit 2")?;
        check_eq!(jail.ended()?["exited"], 2, "how it ended");
        check_eq!(
            succeed(&["logs", &jail.text()])?,
            "out\nerr\nout again\n",
            "the log"
        );
        Ok(())
    });
    suite.case("logs: what it printed just before its end is there", || {
        for _ in 0..10 {
            let jail = Detached::start(&[], "echo only this")?;
            jail.ended()?;
            check_eq!(succeed(&["logs", &jail.text()])?, "only this\n", "the log");
        }
        Ok(())
    });
    suite.case("logs --tail, --since and --timestamps", || {
        let script = "echo one; echo two; sleep 3; echo three; printf four";
        let jail = Detached::start(&[], script)?;
        jail.ended()?;
        let number = jail.text();
        let logs = |options: &[&str]| succeed(&[&["logs", &number], options].concat());
        check_eq!(logs(&["--tail", "2"])?, "three\nfour", "the last two lines");
        check_eq!(logs(&["-n", "0"])?, "", "the last no lines");
        check_eq!(
            logs(&["-n", "99", "-f"])?,
            "one\ntwo\nthree\nfour",
            "all lines"
        );
        check_eq!(
            logs(&["--since", "1h"])?,
            "one\ntwo\nthree\nfour",
            "the last hour"
        );
        let stamped = logs(&["--timestamps"])?;
        let lines: Vec<(&str, &str)> = stamped
            .lines()
            .filter_map(|line| line.split_once(' '))
            .collect();
        let words: Vec<&str> = lines.iter().map(|(_, word)| *word).collect();
        check_eq!(
            words,
            ["one", "two", "three", "four"],
            "the lines of {stamped}"
        );
        check!(lines[1].0 < lines[2].0, "the times of {stamped}");
        check_eq!(
            logs(&["--since", lines[2].0])?,
            "three\nfour",
            "since {}",
            lines[2].0
        );
        check_eq!(logs(&["--since", lines[2].0, "-n", "1"])?, "four", "both");
        let refused = output(&mut jaula(&["logs", &number, "--since", "noon"]))?;
        check!(complaint(&refused).contains("--since"), "{refused:?}");
        Ok(())
    });
    suite.case("logs: a jail that was not detached has none", || {
        let options = [
            "run",
            "-q",
            "--keep",
            "--name",
            "silent",
            ROOT,
            "--",
            "/bin/true",
        ];
        succeed(&options)?;
        let refused = output(&mut jaula(&["logs", "silent"]))?;
        failed(&refused, FAILED, &["silent", "--detach"])?;
        succeed(&["rm", "silent"]).map(drop)
    });
    following::add(suite);
    keeping::add(suite);
    journald::add(suite);
}

/// How many bytes are said to be missing.
fn missing(said: &str) -> Result<usize, Failure> {
    let number = |line: &str| {
        let line = line.strip_prefix("jaula: ")?;
        let line = line.strip_suffix(" bytes are missing here")?;
        line.rsplit(' ').next()?.parse::<usize>().ok()
    };
    let numbers: Option<Vec<usize>> = said.lines().map(number).collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty());
    let numbers =
        numbers.ok_or_else(|| fail(format!("it does not say what is missing: {said:?}")))?;
    Ok(numbers.into_iter().sum())
}
