// SPDX-License-Identifier: MIT OR Apache-2.0

//! A jail that its supervisor makes anew when it has ended.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Ended;
use crate::jail::JailNumber;
use crate::jails::Created;

/// The longest that is waited before a jail is made anew that fails again and again, unless more than
/// that is asked for.
const LONGEST: Duration = Duration::from_secs(60);

/// The shortest: a jail that cannot run must not keep a processor busy.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long a jail runs that has not failed at once.
const STEADY: Duration = Duration::from_secs(10);

/// When a jail is made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Never.
    #[default]
    No,
    /// When its first process has ended with another status than 0, or by a signal.
    OnFailure,
    /// However that has ended.
    Always,
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "no" => Ok(Policy::No),
            "on-failure" => Ok(Policy::OnFailure),
            "always" => Ok(Policy::Always),
            _ => Err("expected no, on-failure or always".into()),
        }
    }
}

impl Policy {
    /// Whether it is made anew after this.
    pub fn wants(self, ended: Ended) -> bool {
        match self {
            Policy::No => false,
            Policy::OnFailure => ended != Ended::Exited(0),
            Policy::Always => true,
        }
    }
}

/// How far it is with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It runs, or has ended and is not made anew.
    Running,
    /// It has ended, and some time is to pass.
    Waiting,
    /// It is being made.
    Starting,
}

/// The jail that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Its number.
    pub number: JailNumber,
    /// When it was made.
    pub created: Created,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// How a jail is made anew, and how often it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// When.
    pub policy: Policy,
    /// How long is waited at first, in seconds.
    pub delay: u64,
    /// How often it was made anew.
    pub count: u64,
    /// How often in a row it has failed at once, or could not be made.
    pub failures: u32,
    /// How far it is.
    pub step: Step,
    /// How long is waited, or was waited last, in milliseconds.
    pub pause: u64,
    /// What went wrong when it was to be made last.
    pub why: Option<String>,
    /// The one before it.
    pub before: Option<Before>,
}

impl Restart {
    /// Of a jail that has not been made anew so far.
    pub fn new(policy: Policy, delay: Duration) -> Self {
        Restart {
            policy,
            delay: delay.as_secs(),
            count: 0,
            failures: 0,
            step: Step::Running,
            pause: 0,
            why: None,
            before: None,
        }
    }

    /// Begins to wait after a jail that has run for so long, or not at all.
    pub(crate) fn wait_after(&mut self, ran: Duration) {
        if ran >= STEADY {
            self.failures = 0;
        }
        let least = Duration::from_secs(self.delay).max(SHORTEST);
        let doubled = least.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(LONGEST.max(least));
        self.pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.failures = self.failures.saturating_add(1);
        self.step = Step::Waiting;
    }

    /// How long is waited.
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_once_is_waited_for_ever_longer() {
        let pauses = |delay, ran: &[u64]| -> Vec<u64> {
            let mut restart = Restart::new(Policy::Always, Duration::from_secs(delay));
            let pause = |&ran: &u64| {
                restart.wait_after(Duration::from_secs(ran));
                restart.pause
            };
            ran.iter().map(pause).collect()
        };
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60].map(|seconds| seconds * 1000);
        assert_eq!(pauses(1, &[0; 8]), seconds);
        assert_eq!(pauses(0, &[0, 0, 0]), [100, 200, 400]);
        assert_eq!(pauses(90, &[0, 0]), [90_000, 90_000]);
        // One that has run for a while has not failed at once.
        assert_eq!(pauses(1, &[0, 0, 10, 0]), [1000, 2000, 1000, 2000]);
        assert_eq!(pauses(1, &[0; 100]).last(), Some(&60_000));
    }

    #[test]
    fn a_policy_says_after_which_end() {
        let ends = [Ended::Exited(0), Ended::Exited(1), Ended::Killed(15)];
        for (text, expected) in [
            ("no", [false; 3]),
            ("on-failure", [false, true, true]),
            ("always", [true; 3]),
        ] {
            let policy: Policy = text.parse().expect(text);
            assert_eq!(ends.map(|ended| policy.wants(ended)), expected, "{text}");
        }
        assert!("sometimes".parse::<Policy>().is_err());
    }
}
