// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the numbers of jails promise on a machine that has few of them: they come round, a number
//! that anything still carries is not given out, and when there are none left that is said.
//!
//! Meant for a boot with `jaula.first_number` near the end of the range. On any other nothing comes
//! round while a test runs, and every case fails.

mod exhausted;
mod held;
mod range;

use jaula_tests::descriptor::{wait_for_end, Owner, Status, ALL};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::{jailfd, Errno};
use jaula_tests::sysv::Family;
use jaula_tests::{check, check_eq, wait};
use range::Range;
use std::os::fd::AsRawFd;
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
    suite.case(
        "a descriptor of a jail that has ended is of none that comes later",
        old_descriptor,
    );
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

/// Whether or not it holds the number, nothing is done through it to a jail that has the number later.
fn old_descriptor() -> CaseResult {
    let range = Range::of_this_boot()?;
    let owner = Owner::new()?;
    let old = owner.plain(ALL)?;
    drop(owner);
    wait_for_end(&old)?;
    let told = Status::of(&old)?;
    for _ in 0..3 * range.count() {
        // Those of the jails before may be on their way back.
        let later = wait::until_some("a number is free", || {
            match jailfd::create_owned_jail(jailfd::OWN, 0) {
                Err(Errno::ENOSPC) => Ok(None),
                made => made.map(Some).context("create_owned_jail"),
            }
        })?;
        let status = Status::of(&later)?;
        check!(
            (status.number, &status.created) != (told.number, &told.created),
            "two jails are {} of {}",
            told.number,
            told.created
        );
        jailfd::destroy_jailfd(old.as_raw_fd(), 0).context("the old one")?;
        check_eq!(Status::of(&later)?.state, "alive", "jail {}", status.number);
        check_eq!(Status::of(&old)?, told, "what the old one tells");
    }
    Ok(())
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
