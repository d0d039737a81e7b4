// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the numbers of jails promise on a machine that has plenty of them; `numbers_wrap` is about one
//! on which they run out.

use jaula_tests::crew::{Crew, Place};
use jaula_tests::ktap::{CaseResult, Chosen, Suite};
use jaula_tests::{check, check_eq, jail};
use std::collections::BTreeSet;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("the host is 0", || {
        check_eq!(jail::number()?, 0, "the number of the host");
        Ok(())
    });
    suite.case("the number returned is the number one then has", || {
        let number = jail::enter()?;
        check_eq!(jail::number()?, number, "get_jailnumber");
        Ok(())
    });
    suite.case("a number is a positive 31-bit integer", || {
        let number = jail::enter()?;
        check!((1..=i64::from(i32::MAX)).contains(&number), "got {number}");
        Ok(())
    });
    suite.case("the parent stays where it is", || {
        jail::made_and_gone()?;
        check_eq!(jail::number()?, 0, "the number of the parent");
        Ok(())
    });
    suite.case("siblings differ", siblings_differ);
    suite.case(
        "numbers go up, also when the last jail has gone",
        numbers_go_up,
    );
    suite.run(chosen)
}

fn siblings_differ() -> CaseResult {
    let crews = (0..20)
        .map(|_| Crew::start(Place::NewJail, 1))
        .collect::<Result<Vec<_>, _>>()?;
    let numbers: BTreeSet<_> = crews.iter().map(Crew::number).collect();
    check_eq!(
        numbers.len(),
        crews.len(),
        "different numbers of jails alive"
    );
    Ok(())
}

fn numbers_go_up() -> CaseResult {
    let mut last = jail::made_and_gone()?;
    for _ in 0..100 {
        let next = jail::made_and_gone()?;
        check!(next > last, "jail {next} was made after jail {last}");
        last = next;
    }
    Ok(())
}
