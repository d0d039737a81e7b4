// SPDX-License-Identifier: MIT OR Apache-2.0

//! `/proc/sysvipc`.

use super::Family;
use crate::sys::{Errno, Result};

/// The identifiers of the objects of one family that the caller is shown.
pub fn listed(family: Family) -> Result<Vec<i32>> {
    let path = match family {
        Family::Sem => "/proc/sysvipc/sem",
        Family::Shm => "/proc/sysvipc/shm",
        Family::Msg => "/proc/sysvipc/msg",
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))?;
    identifiers(&text).ok_or(Errno::EIO)
}

/// The second column of every line but the first.
fn identifiers(text: &str) -> Option<Vec<i32>> {
    text.lines()
        .skip(1)
        .map(|line| line.split_whitespace().nth(1)?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::identifiers;

    #[test]
    fn identifiers_are_the_second_column() {
        let text = "       key      semid perms      nsems\n         0          7   600  1\n -559038737   32768   666  4\n";
        assert_eq!(identifiers(text), Some(vec![7, 32768]));
    }

    #[test]
    fn a_line_without_identifier_is_an_error() {
        assert_eq!(identifiers("key semid\n5\n"), None);
    }
}
