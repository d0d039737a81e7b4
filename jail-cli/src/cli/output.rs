// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is asked for, on standard output.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use super::Failure;

/// Prints to standard output; a reader that has had enough is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Waits so long, or until one of `others` can be read; whether somebody still reads what is printed.
///
/// Who prints nothing for a while does not hear from a write that nobody does.
pub fn wait(time: Duration, others: &[BorrowedFd<'_>]) -> Result<bool, Failure> {
    let stdout = io::stdout();
    // What is an error or the end of a connection is told unasked.
    let mut waited = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let others = others.iter();
    waited.extend(others.map(|other| PollFd::new(*other, PollFlags::POLLIN)));
    let deadline = Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Longer than poll(2) takes is waited for in parts.
        let part = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut waited, part) {
            Ok(0) if left.is_zero() => return Ok(true),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(!waited[0].any().unwrap_or(true)),
            Err(errno) => return Err(Failure::failed(format!("poll: {errno}"))),
        }
    }
}

/// Prints a value as JSON.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::failed(format!("JSON: {error}")))?;
    print(&(harmless(&text) + "\n"))
}

/// JSON without the control characters that it may have as they are: names and arguments come
/// from jails, and a terminal takes these for commands.
fn harmless(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // In JSON they are found in strings alone, where this means the same.
            '\u{7f}'..='\u{9f}' => safe += &format!("\\u{:04x}", u32::from(character)),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn control_characters_are_escaped_and_mean_the_same() {
        let name = "a\u{1b}[2J\u{7f}\u{9b}2Jé\u{a0}\n";
        let text = serde_json::to_string_pretty(&[name]).expect("JSON");
        let text = harmless(&text);
        assert!(text.contains("[2J\\u007f\\u009b2Jé\u{a0}"), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        let read: Vec<String> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, [name]);
    }
}
