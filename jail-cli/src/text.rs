// SPDX-License-Identifier: MIT OR Apache-2.0

//! How paths and error numbers are put into messages.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::io::{self, Write as _};

use nix::errno::Errno;

/// Prints a line to standard error, as `eprintln!` does, and goes on where nobody reads it any
/// more: what is under way must not be left half done for that.
#[macro_export]
macro_rules! complain {
    ($($text:tt)*) => {
        $crate::text::to_stderr(&format!("{}\n", format_args!($($text)*)))
    };
}

/// Prints to standard error, if that can be printed to.
pub fn to_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Shows a path or name with its control characters escaped.
///
/// Names can come from within a jail, and its inhabitants must not be able to send escape
/// sequences to the administrator's terminal.
pub struct Shown<'a>(&'a OsStr);

/// Wraps `text` to be shown in a message.
pub fn shown<T: AsRef<OsStr> + ?Sized>(text: &T) -> Shown<'_> {
    Shown(text.as_ref())
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string_lossy().chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Shows text of several lines with its control characters escaped, but for those that make
/// lines and columns.
pub fn shown_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' && character != '\t' {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The words for an error number, with its name: `Permission denied (EACCES)`.
pub fn reason(errno: Errno) -> String {
    format!("{} ({errno:?})", errno.desc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(
            shown("/bin/\u{1b}[2Jsh\n").to_string(),
            "/bin/\\u{1b}[2Jsh\\n"
        );
        assert_eq!(shown("/srv/jaula é").to_string(), "/srv/jaula é");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(shown_text("a\tb\n\u{9b}2Jc\r\n"), "a\tb\n\\u{9b}2Jc\\r\n");
    }

    #[test]
    fn an_error_number_is_named() {
        assert_eq!(reason(Errno::EACCES), "Permission denied (EACCES)");
    }
}
