// SPDX-License-Identifier: MIT OR Apache-2.0

//! Paths in `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A path as it is: blanks and the like are written as a backslash and three octal digits.
pub fn unescaped(text: &[u8]) -> OsString {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| byte == b'\\').and_then(octal);
        match code {
            Some(code) => {
                plain.push(code);
                rest = &after[3..];
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(plain)
}

fn octal(digits: &[u8]) -> Option<u8> {
    let digits = OsStr::from_bytes(digits).to_str()?;
    u8::from_str_radix(digits, 8).ok()
}
