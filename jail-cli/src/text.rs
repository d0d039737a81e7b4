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

/// A text as a string of TOML, with the quotes around it.
pub fn toml_string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Whether a character does something in the place of being shown: it controls the terminal, begins
/// a line, or changes the direction in which others are shown, by which a text looks like another.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Shows a path or name with all characters escaped that do something in the place of being shown.
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
            if is_active(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Shows text of several lines in the same way, but for what makes lines and columns.
pub fn shown_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) && character != '\n' && character != '\t' {
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
    fn no_text_looks_like_another() {
        assert_eq!(shown("a\u{202e}cod.exe").to_string(), "a\\u{202e}cod.exe");
        assert_eq!(shown_text("a\u{2066}b\u{2028}"), "a\\u{2066}b\\u{2028}");
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
