// SPDX-License-Identifier: MIT OR Apache-2.0

//! The verdicts of a test run: each is printed when it is known, with how long it took, and all of
//! them are summed up at the end.

mod summary;

use crate::ktap::Verdict;
use crate::ui;
use anyhow::Result;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Takes verdicts from any thread.
pub struct Verdicts {
    started: Instant,
    print: fn(&str),
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// What failed, and why, so that the end of a long run tells it once more.
    failures: Vec<(String, String)>,
    /// The name of everything.
    names: BTreeSet<String>,
    /// What took how long: checks, cases, and programs as a whole.
    times: Vec<(String, Duration)>,
    stages: Vec<Stage>,
    /// No more verdicts are taken.
    closed: bool,
}

/// A part of a run.
struct Stage {
    name: String,
    /// From the start of the run.
    from: Duration,
    to: Duration,
    /// The work in it, which may have been done at the same time.
    work: Duration,
}

impl Verdicts {
    /// None yet. `print` is called with each.
    pub fn new(print: fn(&str)) -> Self {
        Self {
            started: Instant::now(),
            print,
            known: Mutex::default(),
        }
    }

    /// Does one check of a stage, and says how it went.
    pub fn check(&self, stage: &str, name: &str, check: impl FnOnce() -> Result<()>) {
        let started = Instant::now();
        let verdict = match check() {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        self.case(name, verdict, started.elapsed());
        self.work(stage, started);
    }

    /// A check that cannot be done has failed.
    pub fn impossible(&self, name: &str, why: &str) {
        self.case(name, Verdict::Failed(why.to_owned()), Duration::ZERO);
    }

    /// Prints what belongs to a verdict.
    pub fn say(&self, text: &str) {
        (self.print)(text);
    }

    /// A guest program has ended.
    pub fn program_took(&self, name: &str, took: Duration) {
        self.known()
            .times
            .push((format!("{name}, all of it"), took));
    }

    /// Work on a stage that began at `from` and ends now.
    pub fn work(&self, stage: &str, from: Instant) {
        let (from, to) = (from - self.started, self.started.elapsed());
        let mut known = self.known();
        match known.stages.iter_mut().find(|one| one.name == stage) {
            Some(stage) => {
                stage.from = stage.from.min(from);
                stage.to = to;
                stage.work += to.saturating_sub(from);
            }
            None => known.stages.push(Stage {
                name: stage.to_owned(),
                from,
                to,
                work: to.saturating_sub(from),
            }),
        }
    }

    /// What follows this in the names that begin with it.
    pub fn names_below(&self, prefix: &str) -> BTreeSet<String> {
        let known = self.known();
        let names = known
            .names
            .iter()
            .filter_map(|name| name.strip_prefix(prefix));
        names.map(str::to_owned).collect()
    }

    /// Takes no more verdicts.
    pub fn close(&self) {
        self.known().closed = true;
    }

    /// The names of what has failed.
    pub fn failures(&self) -> Vec<String> {
        let known = self.known();
        known
            .failures
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Whether nothing failed, and something passed.
    pub fn all_passed(&self) -> bool {
        let known = self.known();
        known.failed == 0 && known.passed > 0
    }

    /// A case that took so long.
    pub fn case(&self, name: &str, verdict: Verdict, took: Duration) {
        let took_text = ui::duration(took);
        let text = match &verdict {
            Verdict::Passed => format!("test {name} ... ok ({took_text})"),
            Verdict::Skipped(why) => format!("test {name} ... skipped: {why}"),
            Verdict::Failed(why) => format!("test {name} ... FAILED ({took_text})\n{why}\n"),
        };
        let mut known = self.known();
        if known.closed {
            return;
        }
        match verdict {
            Verdict::Passed => known.passed += 1,
            Verdict::Skipped(_) => known.skipped += 1,
            Verdict::Failed(why) => {
                known.failed += 1;
                known.failures.push((name.to_owned(), why));
            }
        }
        known.names.insert(name.to_owned());
        known.times.push((name.to_owned(), took));
        // Before another is counted, and before the end is printed.
        self.say(&text);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_has_the_agreed_form() {
        let verdicts = Verdicts::new(|_| {});
        assert!(!verdicts.all_passed(), "nothing tried is nothing passed");
        verdicts.check("a", "good", || Ok(()));
        assert!(verdicts.all_passed());
        verdicts.check("a", "bad", || anyhow::bail!("no"));
        let text = verdicts.summary();
        assert!(text.contains("\nfailed: bad: no\n"), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed"), "{text}");
        verdicts.case("left", Verdict::Skipped("why".into()), Duration::ZERO);
        let text = verdicts.summary();
        assert!(text.ends_with("\n1 passed, 1 failed, 1 skipped"), "{text}");
        assert!(!verdicts.all_passed());
    }
}
