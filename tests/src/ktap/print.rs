// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines of a KTAP report.

use super::CaseResult;
use std::io::{self, Write};

/// How many cases there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that do not apply here.
    pub skipped: usize,
}

impl Totals {
    /// Counts a result; the number of its case, from 1.
    pub fn add(&mut self, result: &CaseResult) -> usize {
        match result {
            Ok(()) => self.passed += 1,
            Err(failure) if failure.skipped => self.skipped += 1,
            Err(_) => self.failed += 1,
        }
        self.passed + self.failed + self.skipped
    }
}

/// Writes the version line and the plan.
pub fn write_header(out: &mut impl Write, count: usize) -> io::Result<()> {
    writeln!(out, "KTAP version 1\n1..{count}")
}

/// Writes the result of case `number`, after a diagnostic line for each line of a failure.
pub fn write_result(
    out: &mut impl Write,
    number: usize,
    name: &str,
    result: &CaseResult,
) -> io::Result<()> {
    let name = plain(name);
    match result {
        Ok(()) => writeln!(out, "ok {number} {name}"),
        Err(failure) if failure.skipped => {
            writeln!(out, "ok {number} {name} # SKIP {}", plain(&failure.message))
        }
        Err(failure) => {
            for line in failure.message.lines() {
                writeln!(out, "# {line}")?;
            }
            writeln!(out, "not ok {number} {name}")
        }
    }
}

/// One line without `#`, which would begin a directive.
pub(super) fn plain(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('#', "no. ")
}

#[cfg(test)]
mod tests {
    use super::super::{fail, skip};
    use super::*;

    fn printed(results: &[(&str, CaseResult)]) -> String {
        let mut out = Vec::new();
        let mut totals = Totals::default();
        write_header(&mut out, results.len()).expect("writing to memory");
        for (name, result) in results {
            write_result(&mut out, totals.add(result), name, result).expect("writing to memory");
        }
        String::from_utf8(out).expect("the report is text")
    }

    #[test]
    fn a_report_has_a_version_a_plan_and_a_line_for_each_case() {
        assert_eq!(
            printed(&[
                ("first", Ok(())),
                ("second", Err(fail("got 1\nexpected 2"))),
                ("third", Err(skip("no such\nthing"))),
            ]),
            "KTAP version 1\n1..3\nok 1 first\n# got 1\n# expected 2\nnot ok 2 second\n\
             ok 3 third # SKIP no such thing\n"
        );
    }

    #[test]
    fn a_name_cannot_begin_a_directive_or_a_line() {
        assert_eq!(
            printed(&[("a # SKIP b\nok 2 c", Ok(()))]),
            "KTAP version 1\n1..1\nok 1 a no.  SKIP b ok 2 c\n"
        );
    }

    #[test]
    fn totals_count_each_kind() {
        let mut totals = Totals::default();
        totals.add(&Ok(()));
        totals.add(&Err(fail("")));
        assert_eq!(totals.add(&Err(skip(""))), 3);
        assert_eq!(
            totals,
            Totals {
                passed: 1,
                failed: 1,
                skipped: 1
            }
        );
    }
}
