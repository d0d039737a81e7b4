// SPDX-License-Identifier: MIT OR Apache-2.0

//! What was found, and how it is said.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

/// The most that is said about one topic.
const MOST: usize = 50;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something does not work, or should not be so.
    Problem,
    /// Good to know.
    Note,
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// What starts a program is missing.
    Interpreter,
    /// A library is missing.
    Library,
    /// A program is for another machine.
    Architecture,
    /// A user has no shell.
    Shell,
    /// Something that is needed cannot be read.
    Unreadable,
    /// A program gives who executes it what he has not.
    SetId,
    /// The jail's user can change what he should not.
    Writable,
    /// A link leads nowhere, or out.
    Link,
    /// A file has another name outside.
    HardLink,
    /// A device node.
    Device,
    /// Something is mounted in it.
    Mount,
    /// It is not as it was built.
    Drift,
    /// There is more than is looked at.
    Bounds,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about.
    pub topic: Topic,
    /// Where, as seen in the jail.
    pub path: String,
    /// What.
    pub what: String,
    /// What to do; empty where there is nothing to be done.
    pub advice: String,
}

impl Finding {
    /// Something that is wrong.
    pub fn problem(
        topic: Topic,
        path: &Path,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Finding {
            level: Level::Problem,
            topic,
            path: path.to_string_lossy().into_owned(),
            what: what.into(),
            advice: advice.into(),
        }
    }

    /// Something that is good to know.
    pub fn note(
        topic: Topic,
        path: &Path,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Finding {
            level: Level::Note,
            ..Self::problem(topic, path, what, advice)
        }
    }
}

/// All that was found, as far as anybody reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    all: Vec<Finding>,
    counts: BTreeMap<(Level, Topic), usize>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.level, finding.topic));
        let count = count.or_default();
        *count += 1;
        if *count <= MOST {
            self.all.push(finding);
        }
    }

    /// All, by how bad they are and what they are about; and for what more there is of one topic, one
    /// that says how much.
    pub fn all(&self) -> Vec<Finding> {
        let mut all = self.all.clone();
        for (&(level, topic), &count) in &self.counts {
            if count > MOST {
                let what = format!("and {} more of these", count - MOST);
                let finding = Finding::problem(topic, Path::new(""), what, "");
                all.push(Finding { level, ..finding });
            }
        }
        all.sort_by_key(|finding| (finding.level, finding.topic));
        all
    }

    /// Whether something is wrong.
    pub fn has_problems(&self) -> bool {
        self.counts
            .keys()
            .any(|(level, _)| *level == Level::Problem)
    }
}
