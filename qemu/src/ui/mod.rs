// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the person at the terminal sees of a run. It goes to standard error, but for results:
//! standard output belongs to the command that runs in the guest.

mod progress;

pub use progress::{Progress, Scale};

use std::io::{stderr, IsTerminal};

/// Says one thing worth knowing.
pub fn note(text: &str) {
    progress::say(&format!("xtask: {text}"));
}

/// Prints lines of a result on standard output, above the bars.
pub fn print(text: &str) {
    progress::print(text);
}

/// Whether colours, bars and redrawn lines are wanted.
pub fn fancy() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A span of time the way people say it: `42 s`, `3 min 20 s`.
pub fn duration(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", span.as_secs_f64()),
        10..=59 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(super::duration(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(super::duration(Duration::from_secs(42)), "42 s");
        assert_eq!(super::duration(Duration::from_secs(200)), "3 min 20 s");
    }
}
