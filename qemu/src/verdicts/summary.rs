// SPDX-License-Identifier: MIT OR Apache-2.0

//! The end of a test run: what was slowest, what the stages took, and what failed.

use super::Verdicts;
use crate::ui;
use std::cmp::Reverse;
use std::fmt::Write;
use std::time::Duration;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

/// How many of the slowest are told.
const SLOWEST: usize = 20;
/// What takes less is not slow.
const SLOW: Duration = Duration::from_secs(2);
/// How much of a reason is told at the end, in characters: all of it was told when it came.
const REASON: usize = 400;

impl Verdicts {
    /// Everything that is known by now, to be printed last.
    pub fn summary(&self) -> String {
        let known = self.known();
        let mut text = String::new();
        let mut slowest: Vec<_> = known
            .times
            .iter()
            .filter(|(_, took)| *took >= SLOW)
            .collect();
        slowest.sort_by_key(|(_, took)| Reverse(*took));
        if !slowest.is_empty() {
            let rows = slowest.iter().take(SLOWEST);
            let rows = rows.map(|(name, took)| vec![name.clone(), ui::duration(*took)]);
            text += &table(&["slowest", "took"], rows);
        }
        if !known.stages.is_empty() {
            let rows = known.stages.iter().map(|stage| {
                vec![
                    stage.name.clone(),
                    ui::duration(stage.from),
                    ui::duration(stage.to),
                    ui::duration(stage.work),
                ]
            });
            text += &table(&["stage", "from", "to", "work"], rows);
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\ntested in {}", ui::duration(self.started.elapsed()));
        for (name, why) in &known.failures {
            let why: String = why.trim().chars().take(REASON).collect();
            let _ = writeln!(text, "failed: {name}: {}", why.replace('\n', "\n  "));
        }
        let _ = write!(text, "{} passed, {} failed", known.passed, known.failed);
        if known.skipped > 0 {
            let _ = write!(text, ", {} skipped", known.skipped);
        }
        text
    }
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut builder = Builder::default();
    builder.push_record(head.iter().copied());
    rows.for_each(|row| builder.push_record(row));
    let mut table = builder.build();
    table
        .with(Style::psql())
        .modify(Columns::new(1..), Alignment::right());
    format!("\n{table}\n")
}
