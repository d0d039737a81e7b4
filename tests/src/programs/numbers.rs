// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the numbers of jails promise.

use jaula_tests::crew::{Crew, Place};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{jail as call, process, Errno};
use jaula_tests::sysv::{Family, PATHS};
use jaula_tests::{check, check_eq, jail};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// How many jails are made while one is held by a process.
const MANY: usize = 2000;
/// How many while one is held in another way.
const SOME: usize = 500;

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
        made_and_gone()?;
        check_eq!(jail::number()?, 0, "the number of the parent");
        Ok(())
    });
    suite.case("siblings differ", siblings_differ);
    suite.case(
        "numbers go up, also when the last jail has gone",
        numbers_go_up,
    );
    suite.case(
        "the number of a jail with a process is not given out",
        || {
            let crew = Crew::start(Place::NewJail, 1)?;
            never_again(crew.number(), MANY)
        },
    );
    suite.case(
        "nor that of a jail whose first process has gone",
        first_process_gone,
    );
    for family in Family::ALL {
        suite.case(
            &format!("nor that of a jail of which a {family} is left"),
            move || held_by_object(family),
        );
    }
    suite.run(chosen)
}

/// The number of a jail that has gone when this returns.
fn made_and_gone() -> Result<i64, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let child = process::fork(|| {
        let answer = call::create_newjail().unwrap_or_else(|errno| -i64::from(errno.0));
        i32::from(theirs.write_all(&answer.to_le_bytes()).is_err())
    })
    .context("fork")?;
    let mut answer = [0; 8];
    ours.read_exact(&mut answer)
        .context("hearing from the child")?;
    process::wait(child).context("waiting for the child")?;
    match i64::from_le_bytes(answer) {
        number if number > 0 => Ok(number),
        errno => Err(fail(format!("create_newjail: {}", Errno(-errno as i32)))),
    }
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
    let mut last = made_and_gone()?;
    for _ in 0..100 {
        let next = made_and_gone()?;
        check!(next > last, "jail {next} was made after jail {last}");
        last = next;
    }
    Ok(())
}

/// Makes a great many jails, none of which may get this number.
fn never_again(held: i64, rounds: usize) -> CaseResult {
    for round in 0..rounds {
        let number = made_and_gone()?;
        check!(
            number != held,
            "jail {held} was made again in round {round}"
        );
    }
    Ok(())
}

fn first_process_gone() -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let first = process::fork(|| {
        let Ok(number) = call::create_newjail() else {
            return 1;
        };
        let second = process::fork(|| {
            let told = theirs.write_all(&number.to_le_bytes());
            // Until the other side is closed.
            let _ = theirs.read(&mut [0]);
            i32::from(told.is_err())
        });
        i32::from(second.is_err())
    })
    .context("fork")?;
    process::wait(first).context("waiting for the first process")?;
    let mut number = [0; 8];
    ours.read_exact(&mut number)
        .context("hearing from the second process")?;
    let result = never_again(i64::from_le_bytes(number), SOME);
    let _ = ours.shutdown(std::net::Shutdown::Both);
    result
}

fn held_by_object(family: Family) -> CaseResult {
    jail::private_tables()?;
    let crew = Crew::start(Place::NewJail, 1)?;
    let held = crew.number();
    let object = crew.member(0).create(family, 0o666, false)?;
    drop(crew);
    never_again(held, SOME)?;
    let stranger = Crew::start(Place::NewJail, 1)?;
    for path in PATHS.iter().filter(|path| path.family == family) {
        let got = stranger.member(0).attempt(path, &object)?;
        check_eq!(got, Err(path.crossing), "{} by a new jail", path.name);
    }
    Ok(())
}
