// SPDX-License-Identifier: MIT OR Apache-2.0

//! A refusal is told in the kernel's log: who, what and whose; and not without end.

use jaula_tests::crew::{Crew, Place};
use jaula_tests::kmsg::Kmsg;
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::process;
use jaula_tests::sysv::{Family, Object, Path, PATHS};
use jaula_tests::{check, check_eq, jail, wait};
use std::process::ExitCode;

/// A limit on the rate of messages that the kernel may have is over by then.
const MANY: usize = 1000;
/// Few enough that a jail cannot fill the log, many enough that each is of use.
const FEW: usize = 100;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for path in PATHS.iter().filter(|path| !path.is_listing()) {
        suite.case(&format!("a jail is refused {}", path.name), || {
            jail::private_tables()?;
            let owner = Crew::start(Place::NewJail, 1)?;
            let object = owner.member(0).create(path.family, 0o666, false)?;
            jail::enter()?;
            told(path, &object, owner.number())
        });
    }
    for family in Family::ALL {
        let first = PATHS.iter().find(|path| path.family == family);
        let Some(path) = first else { continue };
        suite.case(&format!("the host is refused {}", path.name), move || {
            jail::private_tables()?;
            let owner = Crew::start(Place::NewJail, 1)?;
            let object = owner.member(0).create(family, 0o666, false)?;
            told_in_the_end(path, &object, owner.number())
        });
    }
    suite.case("a listing is not worth a message", listing_is_silent);
    suite.case("a thousand refusals are a few messages", rate_is_limited);
    suite.case("one jail's refusals do not drown another's", || {
        refuse_many()?;
        jail::private_tables()?;
        let object = Object::create(Family::Sem, 0o666).context("creating on the host")?;
        jail::enter()?;
        told(&PATHS[0], &object, 0)
    });
    suite.case(
        "the name of a process cannot look like another line",
        name_is_escaped,
    );
    suite.run(chosen)
}

/// Tries the path once as a process of a jail that has had nothing refused so far, which a message
/// has to tell at once.
fn told(path: &Path, object: &Object, owner: i64) -> CaseResult {
    let mut log = Log::new()?;
    let message = log.refused(path, object)?;
    let message = message.ok_or_else(|| fail("the first refusal is not told"))?;
    describes(&message, path, object, jail::number()?, owner)
}

/// Tries the path on the host until a message tells of it: that takes as long as the limit on the
/// rate does where the host has had much refused lately.
fn told_in_the_end(path: &Path, object: &Object, owner: i64) -> CaseResult {
    let mut log = Log::new()?;
    let message = wait::until_some("a refusal is told", || log.refused(path, object))?;
    describes(&message, path, object, jail::number()?, owner)
}

/// The log, and the name by which the caller is found in it.
struct Log {
    name: String,
    log: Kmsg,
}

impl Log {
    fn new() -> Result<Log, Failure> {
        let name = format!("t{}", process::pid());
        process::set_name(&name).context("prctl(PR_SET_NAME)")?;
        let log = Kmsg::from_now()?;
        Ok(Log { name, log })
    }

    /// Has the path refused once, and gives the message about that, if there is one.
    fn refused(&mut self, path: &Path, object: &Object) -> Result<Option<String>, Failure> {
        check_eq!((path.attempt)(object), Err(path.crossing), "{}", path.name);
        let messages = self.log.new_messages()?;
        let told = |message: &String| message.contains(&self.name);
        Ok(messages.into_iter().find(told))
    }
}

fn describes(message: &str, path: &Path, object: &Object, jail: i64, owner: i64) -> CaseResult {
    check!(
        message.contains("jaula"),
        "the message does not name its origin: {message}"
    );
    let (call, command) = path.call();
    check!(
        message.contains(call),
        "the message does not name {call}: {message}"
    );
    if let Some(command) = command {
        check!(
            message.contains(command),
            "the message does not name {command}: {message}"
        );
    }
    let numbers = numbers(message);
    for (what, number) in [
        ("the process", i64::from(process::pid())),
        ("the jail of the process", jail),
        ("the object", i64::from(object.id)),
        ("the key of the object", i64::from(object.key)),
        ("the jail of the object", owner),
    ] {
        check!(
            numbers.contains(&number),
            "the message does not name {what}, {number}: {message}"
        );
    }
    Ok(())
}

/// Every number in a text, decimal or hexadecimal with `0x`.
fn numbers(text: &str) -> Vec<i64> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| match word.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        })
        .collect()
}

fn listing_is_silent() -> CaseResult {
    jail::private_tables()?;
    let object = Object::create(Family::Sem, 0o666).context("creating on the host")?;
    let name = format!("t{}", process::pid());
    process::set_name(&name).context("prctl(PR_SET_NAME)")?;
    jail::enter()?;
    let mut log = Kmsg::from_now()?;
    for path in PATHS.iter().filter(|path| path.is_listing()) {
        let got = (path.attempt)(&object);
        check_eq!(got, Err(path.crossing), "{}", path.name);
    }
    let messages = log.new_messages()?;
    let told = messages.iter().find(|message| message.contains(&name));
    check_eq!(told, None, "a message about a listing");
    Ok(())
}

/// Has a process of a new jail refused a thousand times.
fn refuse_many() -> CaseResult {
    jail::private_tables()?;
    let object = Object::create(Family::Sem, 0o666).context("creating on the host")?;
    let ended = process::in_child(|| match jail::enter() {
        Ok(_) => {
            let refused = |_: &usize| (PATHS[0].attempt)(&object) == Err(PATHS[0].crossing);
            i32::from((0..MANY).filter(refused).count() != MANY)
        }
        Err(_) => 2,
    });
    check_eq!(
        ended,
        Ok(process::Ended::Exited(0)),
        "a process refused {MANY} times"
    );
    Ok(())
}

fn rate_is_limited() -> CaseResult {
    let name = format!("t{}", process::pid());
    process::set_name(&name).context("prctl(PR_SET_NAME)")?;
    let mut log = Kmsg::from_now()?;
    refuse_many()?;
    let messages = log.new_messages()?;
    let told = messages
        .iter()
        .filter(|message| message.contains(&name))
        .count();
    check!(
        (1..=FEW).contains(&told),
        "{told} messages about {MANY} refusals"
    );
    Ok(())
}

fn name_is_escaped() -> CaseResult {
    jail::private_tables()?;
    let object = Object::create(Family::Sem, 0o666).context("creating on the host")?;
    process::set_name("x\nfake[1]").context("prctl(PR_SET_NAME)")?;
    jail::enter()?;
    let mut log = Kmsg::from_now()?;
    check_eq!(
        (PATHS[0].attempt)(&object),
        Err(PATHS[0].crossing),
        "semget"
    );
    let messages = log.new_messages()?;
    let told = messages.iter().find(|message| message.contains("fake[1]"));
    let message = told.ok_or_else(|| fail(format!("no message:\n{}", messages.join("\n"))))?;
    // The device shows a line feed that reached the log as \x0a.
    check!(
        !message.contains("\\x0a"),
        "a line feed has reached the log: {message}"
    );
    Ok(())
}
