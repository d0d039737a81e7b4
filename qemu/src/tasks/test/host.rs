// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tests that run on this machine: cargo's, of the whole workspace.

use crate::ktap::Verdict;
use crate::process::{cargo, Logged};
use crate::project::Project;
use crate::verdicts::Verdicts;
use anyhow::{bail, Result};
use jobserver::Client;
use std::mem;
use std::time::{Duration, Instant};

/// Runs them, and tells of each as soon as it has ended. It is an error where none could be run,
/// as when something does not compile.
pub fn run(project: &Project, tokens: &Client, verdicts: &Verdicts) -> Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast", "--color", "never"])
        // One after the other, so that it can be told how long each has taken.
        .args(["--", "--test-threads", "1"])
        .current_dir(project.root());
    tokens.configure(&mut command);
    let mut output = Output::new(verdicts);
    let log = project.log("cargo-test.log")?;
    let done = Logged::new("cargo test", log).run(&mut command, |line| output.line(line));
    output.complete();
    match done {
        // They have been told of.
        Err(_) if output.failed > 0 => Ok(()),
        Err(error) => Err(error),
        Ok(()) if output.passed == 0 => bail!("cargo test ran no test"),
        Ok(()) => Ok(()),
    }
}

/// Reads the output of cargo and of the test executables.
struct Output<'a> {
    verdicts: &'a Verdicts,
    /// What runs now: `src/lib.rs` of a package, say.
    target: String,
    /// A test whose result line has not ended, as its output came in between.
    begun: Option<String>,
    last: Instant,
    /// How many results there are still to come of what runs now, and whether it has said that it has
    /// ended.
    missing: i64,
    ended: bool,
    /// Why tests have failed stands behind all results of a target.
    explaining: bool,
    passed: u64,
    failed: u64,
}

impl<'a> Output<'a> {
    fn new(verdicts: &'a Verdicts) -> Self {
        Self {
            verdicts,
            target: String::new(),
            begun: None,
            last: Instant::now(),
            missing: 0,
            ended: true,
            explaining: false,
            passed: 0,
            failed: 0,
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(target) = target(line) {
            self.complete();
            self.target = target;
            self.ended = false;
            self.last = Instant::now();
        } else if let Some(count) = count(line) {
            self.missing += count;
        } else if line == "failures:" && self.missing == 0 {
            self.explaining = true;
        } else if line.starts_with("test result: ") {
            self.explaining = false;
            self.ended = true;
        } else if self.explaining {
            self.verdicts.say(line);
        } else if let Some((name, result)) = result(line) {
            self.case(name.to_owned(), result);
        } else if let (Some(name), Some(result)) = (&self.begun, ended(line)) {
            let name = name.clone();
            self.case(name, result);
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        {
            self.begun = Some(name.0.to_owned());
        }
    }

    /// What has run until now has ended: with all that it had said it would do, or it has failed.
    fn complete(&mut self) {
        if self.missing != 0 || !self.ended {
            let why = format!("{} results are missing", self.missing);
            self.missing = 0;
            self.ended = true;
            self.failed += 1;
            let name = format!("host::{}::complete", self.target);
            self.verdicts
                .case(&name, Verdict::Failed(why), Duration::ZERO);
        }
    }

    fn case(&mut self, name: String, verdict: Verdict) {
        self.begun = None;
        self.missing -= 1;
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) | Verdict::Skipped(_) => self.failed += 1,
        }
        let now = Instant::now();
        let took = now - mem::replace(&mut self.last, now);
        let name = format!("host::{}::{name}", self.target);
        self.verdicts.case(&name, verdict, took);
    }
}

/// `test NAME ... ok`
fn result(line: &str) -> Option<(&str, Verdict)> {
    let (name, word) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    Some((name.trim_end(), ended(word)?))
}

fn ended(word: &str) -> Option<Verdict> {
    match word {
        "ok" => Some(Verdict::Passed),
        "FAILED" => Some(Verdict::Failed("the reason follows".into())),
        _ => {
            // Nothing that stands among the tests is left out for ever.
            word.strip_prefix("ignored")?;
            Some(Verdict::Failed("it is ignored".to_owned()))
        }
    }
}

/// `running 7 tests`
fn count(line: &str) -> Option<i64> {
    let (count, what) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(what, "test" | "tests").then(|| count.parse().ok())?
}

/// `Running unittests src/lib.rs (target/…/deps/jaula-0123456789abcdef)`, `Doc-tests jaula`
fn target(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(package) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{package}::doc"));
    }
    let (_, path) = line
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once('(')?;
    let file = path.rsplit('/').next()?;
    Some(
        file.rsplit_once('-')
            .map_or(file, |(name, _)| name)
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_becomes_verdicts() -> Result<()> {
        let verdicts = Verdicts::new(|_| {});
        let mut output = Output::new(&verdicts);
        let text = "\
   Compiling jaula v0.1.0
     Running unittests src/lib.rs (target/x86_64-unknown-linux-gnu/debug/deps/jaula-00ff)
running 4 tests
test a::good ... ok
test a::bad ... FAILED
test a::left ... ignored, takes long
test a::loud ... printed by a child
ok
failures:
---- a::bad stdout ----
test x ... ok
test result: FAILED. 2 passed; 1 failed; 1 ignored
   Doc-tests jaula
running 2 tests
test jail-cli/src/lib.rs - (line 9) - compile ... ok
test result: ok. 1 passed
";
        text.lines().for_each(|line| output.line(line));
        output.complete();
        assert_eq!((output.passed, output.failed), (3, 3));
        let failures =
            ["a::bad", "a::left", "doc::complete"].map(|name| format!("host::jaula::{name}"));
        assert_eq!(verdicts.failures(), failures);
        let names: Vec<_> = verdicts.names_below("host::jaula::").into_iter().collect();
        assert_eq!(
            names,
            [
                "a::bad",
                "a::good",
                "a::left",
                "a::loud",
                "doc::complete",
                "doc::jail-cli/src/lib.rs - (line 9) - compile"
            ]
        );
        Ok(())
    }
}
