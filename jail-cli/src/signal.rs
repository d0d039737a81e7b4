// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals by number or by name, those for real time among them.

use std::ffi::c_int;
use std::fmt;
use std::str::FromStr;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::sys;

/// The number of a signal, whether a library has a name for it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "c_int", into = "c_int")]
pub struct SignalNumber(c_int);

impl SignalNumber {
    /// What ends a process that does not care for it.
    pub const TERM: SignalNumber = SignalNumber(libc::SIGTERM);
    /// What ends every process.
    pub const KILL: SignalNumber = SignalNumber(libc::SIGKILL);
    /// What stops every process.
    pub const STOP: SignalNumber = SignalNumber(libc::SIGSTOP);
    /// What a process goes on by that was stopped.
    pub const CONT: SignalNumber = SignalNumber(libc::SIGCONT);

    /// The number.
    pub fn get(self) -> c_int {
        self.0
    }
}

impl TryFrom<c_int> for SignalNumber {
    type Error = String;

    fn try_from(number: c_int) -> Result<Self, String> {
        match (1..=sys::last_signal()).contains(&number) {
            true => Ok(SignalNumber(number)),
            false => Err(format!(
                "{number} is no signal: they go from 1 to {}",
                sys::last_signal()
            )),
        }
    }
}

impl From<SignalNumber> for c_int {
    fn from(signal: SignalNumber) -> Self {
        signal.0
    }
}

impl FromStr for SignalNumber {
    type Err = String;

    /// `15`, `TERM`, `SIGTERM`, `RTMIN+3` or `SIGRTMAX-1`, in letters of either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            let number = text.parse::<c_int>();
            return number
                .map_err(|_| format!("{text} is no signal: it is too large"))
                .and_then(Self::try_from);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let found = real_time(name).or_else(|| {
            let signal: Signal = format!("SIG{name}").parse().ok()?;
            Some(signal as c_int)
        });
        found
            .and_then(|number| Self::try_from(number).ok())
            .ok_or_else(|| {
                format!(
                    "{text:?} is no signal; expected a number, or a name such as TERM or RTMIN+3"
                )
            })
    }
}

/// One that is named by its distance from the first or the last of those for real time.
fn real_time(name: &str) -> Option<c_int> {
    let distance = |text: &str, sign: char| match text {
        "" => Some(0),
        text => {
            let digits = text.strip_prefix(sign)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<c_int>().ok()).flatten()
        }
    };
    let (first, last) = (sys::first_real_time_signal(), sys::last_signal());
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => first.checked_add(distance(rest, '+')?)?,
        (_, Some(rest)) => last.checked_sub(distance(rest, '-')?)?,
        (None, None) => return None,
    };
    (first..=last).contains(&number).then_some(number)
}

impl fmt::Display for SignalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = sys::first_real_time_signal();
        match Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) if self.0 == first => f.write_str("SIGRTMIN"),
            Err(_) if self.0 > first => write!(f, "SIGRTMIN+{}", self.0 - first),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<c_int, String> {
        text.parse().map(SignalNumber::get)
    }

    #[test]
    fn signals_have_numbers_and_names() {
        let first = sys::first_real_time_signal();
        for (text, number) in [
            ("9", libc::SIGKILL),
            ("term", libc::SIGTERM),
            ("SIGHUP", libc::SIGHUP),
            ("sigUsr1", libc::SIGUSR1),
            ("32", 32),
            ("64", 64),
            ("RTMIN", first),
            ("SIGRTMIN+3", first + 3),
            ("rtmax-1", sys::last_signal() - 1),
        ] {
            assert_eq!(parsed(text), Ok(number), "{text}");
        }
        for text in [
            "", "0", "65", "-9", "+9", "SIG", "RTMIN+99", "RTMIN3", "RTMAX+1", "RTMIN+-1", "9x",
        ] {
            assert!(parsed(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn they_are_shown_as_they_are_read() {
        for number in 1..=sys::last_signal() {
            let signal = SignalNumber::try_from(number).expect("a signal");
            let shown = signal.to_string();
            match shown.strip_prefix("signal ") {
                Some(digits) => assert_eq!(parsed(digits), Ok(number)),
                None => assert_eq!(parsed(&shown), Ok(number), "{shown}"),
            }
        }
    }
}
