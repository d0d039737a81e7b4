// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs check`: why a root directory does not work.

use std::io::{stdout, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use jaula::built::Head;
use jaula::text::shown;
use jaula_rootfs::check::{Finding, Level, Topic};
use serde::Serialize;

use crate::cli::output::{json, print};
use crate::cli::Failure;

pub const EXAMPLES: &str = "\
Examples:
  jaula rootfs check /srv/jail
  jaula rootfs check --user www --json /srv/web | jq '.findings[].path'";

/// Exit status: something is wrong.
const SOMETHING_WRONG: u8 = 1;

/// Which root, and for whom.
#[derive(Debug, Args)]
pub struct Check {
    /// Who is to run in the jail: a name of the root's passwd, or a number
    #[arg(short, long, value_name = "USER", default_value = "1000")]
    user: String,

    /// Print it as JSON
    #[arg(short, long)]
    json: bool,

    /// Root directory to look at
    #[arg(value_name = "DIR")]
    root: PathBuf,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Report {
    root: String,
    /// What it was built from, where that is known.
    built: Option<Head>,
    /// Whether it is so still.
    as_built: Option<bool>,
    findings: Vec<Finding>,
}

impl Check {
    /// Looks, tells, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let checked = jaula::template::check(&self.root, &self.user).map_err(Failure::failed)?;
        let findings = checked.findings.all();
        let has_changed = findings.iter().any(|one| one.topic == Topic::Drift);
        let report = Report {
            root: self.root.to_string_lossy().into_owned(),
            as_built: checked.built.as_ref().map(|_| !has_changed),
            built: checked.built,
            findings,
        };
        match self.json {
            true => json(&report)?,
            false => {
                let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                print(&report.text(colour))?;
            }
        }
        Ok(match checked.findings.has_problems() {
            true => SOMETHING_WRONG,
            false => 0,
        })
    }
}

impl Report {
    fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let (level, begin) = match finding.level {
                Level::Problem => ("problem", "\x1b[1;31m"),
                Level::Note => ("note", "\x1b[33m"),
            };
            let (begin, end) = match colour {
                true => (begin, "\x1b[0m"),
                false => ("", ""),
            };
            let what = format!("{}: {}", finding.path, finding.what);
            let what = what.trim_start_matches(": ");
            text += &format!("{begin}{level:<7}{end}  {}\n", shown(what));
            if !finding.advice.is_empty() {
                text += &format!("{:<7}  -> {}\n", "", finding.advice);
            }
        }
        let problems = self
            .findings
            .iter()
            .filter(|one| one.level == Level::Problem);
        let count = match problems.count() {
            0 => "nothing is wrong".to_owned(),
            1 => "one problem".to_owned(),
            count => format!("{count} problems"),
        };
        let built = match (&self.built, self.as_built) {
            (Some(built), Some(true)) => format!(
                "; as it was built from {}, {}",
                shown(&built.template),
                built.digest
            ),
            (Some(built), _) => format!(
                "; it was built from {} and has changed since",
                shown(&built.template)
            ),
            (None, _) => String::new(),
        };
        text + &format!("{}: {count}{built}\n", shown(&self.root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_person_is_told_what_to_do() {
        let path = Path::new("/bin/\u{1b}[2J");
        let report = Report {
            root: "/srv/box".into(),
            built: None,
            as_built: None,
            findings: vec![
                Finding::problem(Topic::Library, path, "is missing", "put it there"),
                Finding::note(Topic::Link, Path::new(""), "and 3 more of these", ""),
            ],
        };
        assert_eq!(
            report.text(false),
            "problem  /bin/\\u{1b}[2J: is missing\n         -> put it there\n\
             note     and 3 more of these\n/srv/box: one problem\n"
        );
        assert!(report
            .text(true)
            .starts_with("\x1b[1;31mproblem\x1b[0m  /bin/"));
    }
}
