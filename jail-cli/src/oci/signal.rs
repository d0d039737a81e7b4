// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals as engines write them.

use std::ffi::c_int;

use nix::sys::signal::Signal;

use crate::sys;

/// The signal of that number or name, which may begin with `SIG`.
///
/// # Errors
///
/// Where there is none.
pub fn parse_signal(text: &str) -> Result<c_int, String> {
    if let Ok(number) = text.parse::<c_int>() {
        let is_one = (1..=sys::last_signal()).contains(&number);
        return is_one
            .then_some(number)
            .ok_or_else(|| format!("there is no signal {number}"));
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let signal = format!("SIG{name}").parse::<Signal>();
    signal
        .map(|signal| signal as c_int)
        .map_err(|_| format!("there is no signal {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_known() {
        for text in ["15", "TERM", "SIGTERM", "term"] {
            assert_eq!(parse_signal(text), Ok(libc::SIGTERM), "{text}");
        }
        assert_eq!(parse_signal("64"), Ok(64));
        for text in ["0", "-9", "65", "SIGNONE", ""] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
