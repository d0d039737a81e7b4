// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which start of the machine something was noted after.
//!
//! /run is not in memory everywhere, so that records can outlive the jails of an earlier one. Their
//! numbers, times and processes mean nothing any more.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;

/// Where the kernel tells it, random for each start.
const FILE: &str = "/proc/sys/kernel/random/boot_id";

/// This one; `None` where the kernel does not tell it.
pub fn current() -> Option<&'static str> {
    static CURRENT: OnceLock<Option<String>> = OnceLock::new();
    CURRENT.get_or_init(read).as_deref()
}

fn read() -> Option<String> {
    let mut text = String::new();
    File::open(FILE)
        .ok()?
        .take(64)
        .read_to_string(&mut text)
        .ok()?;
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether something that was noted after the start `noted` is about the jails that there are now.
/// Where it is not known it counts: earlier versions have not noted it.
pub fn is_current(noted: Option<&str>) -> bool {
    match (noted, current()) {
        (Some(noted), Some(current)) => noted == current,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_start_is_told_from_this_one() {
        let own = current().expect("the kernel tells it");
        assert!(is_current(Some(own)));
        assert!(is_current(None));
        assert!(!is_current(Some("00000000-0000-4000-8000-000000000000")));
    }
}
