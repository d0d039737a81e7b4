// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether this machine can do what jaula promises, and what it means where it cannot.

mod exposure;
mod kernel;
mod networks;
mod parts;
mod surroundings;
mod users;

use serde::Serialize;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and could be safer or do more.
    Warning,
    /// What jaula does by default does not work.
    Missing,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What that means, and what to do; empty where all is well.
    pub advice: &'static str,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Finding {
            check,
            state: State::Ok,
            found: found.into(),
            advice: "",
        }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Finding {
            check,
            state: State::Warning,
            found: found.into(),
            advice,
        }
    }

    fn missing(check: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Finding {
            check,
            state: State::Missing,
            found: found.into(),
            advice,
        }
    }
}

/// Looks at everything.
pub fn examine() -> Vec<Finding> {
    let mut findings = kernel::examine();
    findings.extend(parts::examine());
    findings.extend(networks::examine());
    findings.extend(users::examine());
    findings.extend(surroundings::examine());
    findings.extend(exposure::examine());
    findings
}
