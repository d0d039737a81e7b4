// SPDX-License-Identifier: GPL-2.0-only

//! The values that are written to the files of a jail. They are read strictly: one value and an
//! optional newline, nothing else.
//!
//! Pure functions over plain values, with no dependency on the kernel: user space compiles and
//! tests this same file.

/// The value of a limit that is none.
pub(crate) const NO_LIMIT: u64 = u64::MAX;

/// How long the name of a jail may be.
pub(crate) const NAME_MAX: usize = 63;

/// The name of a jail: 1 to 63 characters out of `A` to `Z`, `a` to `z`, `0` to `9`, `_` and `-`,
/// not digits alone, which would be a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    bytes: [u8; NAME_MAX],
    length: u8,
}

impl Name {
    /// Reads a name.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = without_newline(text);
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');

        if text.is_empty()
            || text.len() > NAME_MAX
            || !text.iter().all(allowed)
            || text.iter().all(u8::is_ascii_digit)
        {
            return None;
        }
        let mut bytes = [0; NAME_MAX];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self {
            bytes,
            length: text.len() as u8,
        })
    }

    /// Returns the name as text.
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

/// Reads a limit: a decimal number that is less than [`NO_LIMIT`], or `max` for that.
pub(crate) fn parse_limit(text: &[u8]) -> Option<u64> {
    match without_newline(text) {
        b"max" => Some(NO_LIMIT),
        text => parse_number(text).filter(|number| *number != NO_LIMIT),
    }
}

/// Reads how many children a jail may have: a decimal number of 32 bits.
pub(crate) fn parse_count(text: &[u8]) -> Option<u64> {
    parse_number(without_newline(text)).filter(|number| *number <= u64::from(u32::MAX))
}

/// Reads a switch: `0` or `1`.
pub(crate) fn parse_switch(text: &[u8]) -> Option<bool> {
    match without_newline(text) {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

/// Reads the number of a jail, as it is written: without a sign, and without zeros before it.
pub(crate) fn parse_jail_number(text: &[u8]) -> Option<u32> {
    match text.first()? {
        b'1'..=b'9' => u32::try_from(parse_number(text)?).ok(),
        _ => None,
    }
    .filter(|number| *number <= i32::MAX as u32)
}

fn without_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").unwrap_or(text)
}

/// Reads decimal digits and nothing else.
fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'9' if number <= u64::MAX / 10 => (number * 10).checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}
