// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula doctor`: whether this machine can do what jaula promises.

use clap::Args;

use jaula::doctor::{examine, Finding, State};
use jaula::text::shown;

use super::{output, Failure};

/// Exit status: something is missing.
const SOMETHING_MISSING: u8 = 1;

/// How it is told.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print it as a JSON array
    #[arg(short, long)]
    json: bool,
}

impl Doctor {
    /// Looks, and tells.
    pub fn run(self) -> Result<u8, Failure> {
        let findings = examine();
        match self.json {
            true => output::json(&findings)?,
            false => output::print(&text(&findings))?,
        }
        let is_missing = |finding: &Finding| finding.state == State::Missing;
        Ok(match findings.iter().any(is_missing) {
            true => SOMETHING_MISSING,
            false => 0,
        })
    }
}

fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Missing => "missing",
        };
        let found = shown(&finding.found).to_string();
        text += &format!("{state:<7}  {:<width$}  {found}\n", finding.check);
        if !finding.advice.is_empty() {
            text += &format!("{:<7}  {:<width$}  -> {}\n", "", "", finding.advice);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_told_and_advice_only_where_it_is_needed() {
        let findings = examine();
        assert!(findings.len() >= 18, "{}", findings.len());
        for finding in &findings {
            let is_ok = finding.state == State::Ok;
            assert_eq!(finding.advice.is_empty(), is_ok, "{}", finding.check);
        }
        let text = text(&findings);
        assert!(text.contains("  kernel.core_pattern"), "{text}");
        let kernel = findings.iter().find(|finding| finding.check == "kernel");
        let has_jails = jaula::get_jailnumber().is_ok();
        let is_missing = kernel.is_some_and(|kernel| kernel.state == State::Missing);
        assert_eq!(is_missing, !has_jails, "{text}");
    }
}
