// SPDX-License-Identifier: MIT OR Apache-2.0

//! The numbers that jails can have on this boot.

use jaula_tests::ktap::{fail, Context, Failure};
use jaula_tests::sys::Errno;
use jaula_tests::{check, jail, wait};
use std::fmt;

const LAST: i64 = i32::MAX as i64;
/// With more, no round would be over soon, nor could so many jails be alive at once.
const MOST: i64 = 1024;

/// Numbers that come round soon.
#[derive(Clone, Copy)]
pub struct Range {
    first: i64,
}

impl Range {
    /// Those of this boot.
    ///
    /// # Errors
    ///
    /// Where there are too many of them, so that it is not the boot that these tests are for.
    pub fn of_this_boot() -> Result<Range, Failure> {
        let first = parameter("first_number")?;
        check!(
            LAST - first < MOST,
            "numbers begin at {first}: boot with jaula.first_number=2147483584"
        );
        Ok(Range { first })
    }

    pub fn last(&self) -> i64 {
        LAST
    }

    pub fn numbers(&self) -> std::ops::RangeInclusive<i64> {
        self.first..=LAST
    }

    pub fn has(&self, number: i64) -> bool {
        self.numbers().contains(&number)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.numbers().count()
    }

    /// The number of a jail that is made and has gone when this returns. A number comes back a
    /// while after its jail has gone: where all are on their way back this waits.
    pub fn next(&self) -> Result<i64, Failure> {
        wait::until_some("a number is free", || match jail::try_to_make()? {
            Err(Errno::ENOSPC) => Ok(None),
            other => other.map(Some).context("create_newjail"),
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {LAST}", self.first)
    }
}

/// A parameter of the module.
pub fn parameter(name: &str) -> Result<i64, Failure> {
    let path = format!("/sys/module/jaula/parameters/{name}");
    let text = std::fs::read_to_string(&path).context(&path)?;
    text.trim()
        .parse()
        .map_err(|_| fail(format!("{path} holds {text:?}, no number")))
}
