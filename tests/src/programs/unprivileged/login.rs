// SPDX-License-Identifier: MIT OR Apache-2.0

//! Somebody who has logged in to the machine, with all that PAM and systemd give to a session.

use super::calls::{self, Target};
use super::enter_namespace;
use jaula_tests::check;
use jaula_tests::ktap::{skip, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::complaint;
use jaula_tests::sys::ids;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The argument for which this program is executed in the session.
const ARGUMENT: &str = "--logged-in";

/// What begins a session.
const LOGIN: &str = "/usr/sbin/runuser";

/// The first number of those who are people, on the systems that there are.
const FIRST: u32 = 1000;
const LAST: u32 = 59999;

pub fn add(suite: &mut Suite<'_>) {
    for namespace in [false, true] {
        let how = match namespace {
            true => ", as root of a namespace",
            false => "",
        };
        suite.case(
            &format!("a login of the machine reaches no jail{how}"),
            move || {
                let (name, id) = person()?;
                let target = Target::start(id)?;
                let program = std::env::current_exe().context("this program")?;
                let command = format!(
                    "{} {ARGUMENT} {} {} {namespace}",
                    program.display(),
                    target.number(),
                    target.pid
                );
                let mut login = Command::new(LOGIN);
                let output = login
                    .args(["--login", &name, "--command", &command])
                    .output();
                let output = output.context(LOGIN)?;
                check!(output.status.success(), "{}", complaint(&output));
                Ok(())
            },
        );
    }
}

/// Somebody who can log in.
fn person() -> Result<(String, u32), Failure> {
    if !Path::new(LOGIN).exists() {
        return Err(skip("nobody logs in here"));
    }
    let passwd = std::fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
    let person = |line: &str| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?.parse().ok()?);
        (FIRST..=LAST).contains(&id).then(|| (name.to_owned(), id))
    };
    let found = passwd.lines().find_map(person);
    found.ok_or_else(|| skip("nobody has a login here"))
}

/// Tries everything, where the program was executed for that.
pub fn act() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [argument, number, pid, namespace] = &arguments[..] else {
        return None;
    };
    if argument != ARGUMENT {
        return None;
    }
    let (number, pid) = (number.parse().ok()?, pid.parse().ok()?);
    let tried = match namespace == "true" {
        true => enter_namespace(ids::effective_user()),
        false => Ok(()),
    };
    match tried.and_then(|()| everything(number, pid)) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(failure) => {
            eprintln!("{failure}");
            Some(ExitCode::FAILURE)
        }
    }
}

fn everything(number: i64, pid: libc::pid_t) -> CaseResult {
    calls::no_calls(number)?;
    calls::no_files(number, pid)?;
    calls::no_process(pid)
}
