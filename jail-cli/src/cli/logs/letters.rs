// SPDX-License-Identifier: MIT OR Apache-2.0

//! Text out of bytes that come in pieces.

use std::str::from_utf8;

/// Decodes UTF-8 that comes in pieces: a letter that lies across two of them stays whole.
#[derive(Default)]
pub struct Letters {
    /// The beginning of a letter.
    begun: Vec<u8>,
}

impl Letters {
    /// The letters that are whole by now. What is none is shown as U+FFFD.
    pub fn decode(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut rest = all.as_slice();
        loop {
            let error = match from_utf8(rest) {
                Ok(valid) => {
                    text += valid;
                    return text;
                }
                Err(error) => error,
            };
            let (valid, other) = rest.split_at(error.valid_up_to());
            text += from_utf8(valid).unwrap_or_default();
            match error.error_len() {
                Some(length) => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &other[length..];
                }
                None => {
                    self.begun = other.to_vec();
                    return text;
                }
            }
        }
    }

    /// What stands for a letter whose end does not come.
    pub fn finish(&mut self) -> &'static str {
        match std::mem::take(&mut self.begun).is_empty() {
            true => "",
            false => "\u{fffd}",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes it in pieces of this length.
    fn decoded(bytes: &[u8], length: usize) -> String {
        let mut letters = Letters::default();
        let text: String = bytes
            .chunks(length)
            .map(|piece| letters.decode(piece))
            .collect();
        text + letters.finish()
    }

    #[test]
    fn pieces_make_no_difference() {
        let text = "aé€😀\n".as_bytes();
        let broken = b"a\xff\xe2\x82b\xc3\xa9\xf0\x9f\x98c\x80\xe2\x82";
        for length in 1..12 {
            assert_eq!(decoded(text, length), "aé€😀\n", "{length}");
            assert_eq!(
                decoded(broken, length),
                String::from_utf8_lossy(broken),
                "{length}"
            );
        }
    }

    #[test]
    fn a_letter_is_waited_for_and_nothing_else() {
        let mut letters = Letters::default();
        assert_eq!(letters.decode(b"a\xc3"), "a");
        assert_eq!(letters.decode(b"\xa9b"), "éb");
        assert_eq!(letters.decode(b"\xe2\x82"), "");
        assert_eq!(letters.finish(), "\u{fffd}");
        assert_eq!(letters.finish(), "");
    }
}
