// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counting what passed and what failed.

use anyhow::Result;
use std::fmt;
use std::io::Write;
use std::time::Instant;

/// Results so far.
#[derive(Debug, Default)]
pub struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// The names of what failed, so that the end of a long run tells them.
    failures: Vec<String>,
}

impl Tally {
    /// Does one check, and says how it went.
    pub fn case(&mut self, name: &str, check: impl FnOnce() -> Result<()>) {
        let started = Instant::now();
        let result = check();
        let took = crate::ui::duration(started.elapsed());
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("test {name} ... ok ({took})");
            }
            Err(error) => {
                self.failed += 1;
                self.failures.push(name.to_owned());
                println!("test {name} ... FAILED ({took})\n{error:#}\n");
            }
        }
        // The order among our output and that of the programs we run must be right.
        let _ = std::io::stdout().flush();
    }

    /// Adds what a test runner of cargo's reported.
    pub fn add(&mut self, counts: Counts) {
        self.passed += counts.passed;
        self.failed += counts.failed;
        self.skipped += counts.ignored;
    }

    /// Notes the name of a case that a test runner of cargo's reported as failed.
    pub fn note_failure(&mut self, name: &str) {
        self.failures.push(name.to_owned());
    }

    /// Whether nothing failed, and something passed.
    pub fn all_passed(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.failures {
            writeln!(f, "failed: {name}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// What one `test result:` line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases that passed.
    pub passed: u64,
    /// Cases that failed.
    pub failed: u64,
    /// Cases that were not tried.
    pub ignored: u64,
}

/// The name in a line `test NAME ... FAILED`.
pub fn failed_case(line: &str) -> Option<&str> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.trim_end())
}

impl Counts {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("test result: ")?;
        let rest = rest.split_once(". ")?.1;
        let mut counts = Self::default();
        for field in rest.split(';') {
            let mut words = field.split_whitespace();
            let (Some(Ok(number)), Some(word)) = (words.next().map(str::parse), words.next())
            else {
                continue;
            };
            match word {
                "passed" => counts.passed = number,
                "failed" => counts.failed = number,
                "ignored" => counts.ignored = number,
                _ => {}
            }
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s";
        assert_eq!(
            Counts::parse(line),
            Some(Counts {
                passed: 12,
                failed: 2,
                ignored: 1
            })
        );
        assert_eq!(Counts::parse("test foo ... ok"), None);
        assert_eq!(failed_case("test foo ... ok"), None);
        assert_eq!(failed_case("test a::b   ... FAILED"), Some("a::b"));
    }

    #[test]
    fn closing_line_has_the_agreed_form() {
        let mut tally = Tally::default();
        assert!(!tally.all_passed(), "nothing tried is nothing passed");
        tally.case("good", || Ok(()));
        assert!(tally.all_passed());
        tally.case("bad", || anyhow::bail!("no"));
        assert_eq!(tally.to_string(), "failed: bad\n1 passed, 1 failed");
        tally.add(Counts {
            passed: 2,
            failed: 0,
            ignored: 1,
        });
        assert!(tally
            .to_string()
            .ends_with("\n3 passed, 1 failed, 1 skipped"));
        assert!(!tally.all_passed());
    }
}
