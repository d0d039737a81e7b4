// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why an image was not taken, or not written.

use std::fmt::{Display, Write};

use crate::build::BuildError;

/// What is wrong with an image: where, from the outside in, and why.
///
/// Names and texts of an image are whatever its maker wrote: nothing in them reaches a terminal that
/// does something there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ImageError {
    place: String,
    reason: String,
}

impl ImageError {
    /// Something is wrong at `place`.
    pub fn new(place: impl Display, reason: impl Display) -> Self {
        ImageError {
            place: escaped(&place.to_string()),
            reason: escaped(&reason.to_string()),
        }
    }

    /// The kernel refused to do `what` with what is at `place`.
    pub(crate) fn kernel(place: impl Display, what: &str, errno: rustix::io::Errno) -> Self {
        let error = std::io::Error::from(errno);
        Self::new(place, format!("{what}: {error}"))
    }

    /// The same, in something larger.
    pub(crate) fn within(self, place: impl Display) -> Self {
        ImageError {
            place: format!("{}: {}", escaped(&place.to_string()), self.place),
            reason: self.reason,
        }
    }

    /// Makes an error of reading or writing one of what is at `place`.
    pub(crate) fn io(place: impl Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::new(place, error)
    }
}

impl From<BuildError> for ImageError {
    fn from(error: BuildError) -> Self {
        let (place, reason) = error.into_parts();
        ImageError::new(place, reason)
    }
}

/// A name of an archive as it is shown.
pub(crate) fn name(bytes: &[u8]) -> String {
    escaped(&String::from_utf8_lossy(bytes))
}

/// With all characters escaped that control a terminal, begin a line, or change the direction of
/// writing; and not longer than a message should be.
fn escaped(text: &str) -> String {
    const LONGEST: usize = 1024;
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if shown.len() > LONGEST {
            shown.push('…');
            break;
        }
        let active = character.is_control()
            || matches!(
                character,
                '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            );
        match active {
            true => {
                let _ = write!(shown, "{}", character.escape_default());
            }
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_image_reaches_the_terminal() {
        let error = ImageError::new("a\u{1b}[2Jb", "c\nd\u{202e}");
        assert_eq!(error.to_string(), "a\\u{1b}[2Jb: c\\nd\\u{202e}");
        let long = "x".repeat(100_000);
        assert!(ImageError::new(&long, &long).to_string().len() < 3000);
    }
}
