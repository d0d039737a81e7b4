// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the numbers of jails promise on a machine that has few of them: they come round, a number
//! that anything still carries is not given out, and when there are none left that is said.
//!
//! Meant for a boot with `jaula.first_number` near the end of the range. On any other nothing comes
//! round while a test runs, and every case fails.

mod exhausted;
mod held;
mod range;

use jaula_tests::ktap::{CaseResult, Chosen, Suite};
use jaula_tests::sysv::Family;
use jaula_tests::{check, wait};
use range::Range;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("numbers go up to the last one, and begin anew", come_round);
    for (what, holder) in held::HOLDERS {
        suite.case(
            &format!("the number of a jail is held by {what}"),
            move || held::is_held(holder()?),
        );
    }
    for family in Family::ALL {
        suite.case(
            &format!("the number of a jail is held by a {family} that is left of it"),
            move || held::is_held(held::by_object(family)?),
        );
    }
    suite.case("all numbers in use: ENOSPC", exhausted::no_number);
    suite.case(
        "a jail within a jail takes a number too: ENOSPC",
        exhausted::no_number_within,
    );
    suite.case(
        "all numbers in use: jaula says so, and executes nothing",
        exhausted::launcher,
    );
    suite.case(
        "who was refused a number takes no room from others",
        exhausted::no_room_is_lost,
    );
    suite.run(chosen)
}

/// Every round of all numbers is as long as the last, but where one is still on its way back, which is
/// then passed over.
fn come_round() -> CaseResult {
    let range = Range::of_this_boot()?;
    let mut expected = vec![range.last()];
    expected.extend(range.numbers());
    wait::until("after the last number, all come in order", || {
        let given = (0..2 * range.count())
            .map(|_| range.next())
            .collect::<Result<Vec<_>, _>>()?;
        for number in &given {
            check!(range.has(*number), "{number} was given out, not of {range}");
        }
        Ok(given.windows(expected.len()).any(|round| round == expected))
    })
}
