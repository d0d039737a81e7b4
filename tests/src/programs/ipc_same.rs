// SPDX-License-Identifier: MIT OR Apache-2.0

//! Within the host and within one jail, System V IPC answers exactly as Linux does.

use jaula_tests::crew::{Crew, Member, Place};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{Errno, Result as SysResult};
use jaula_tests::sysv::{Object, Path, PATHS};
use jaula_tests::{check, check_eq, jail};
use std::process::ExitCode;

/// Who uses an object, and of whom.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    /// The position in the crew of the process that tries the path; 0 is the creator's.
    user: usize,
    /// The creator is a child that has gone by then.
    creator_gone: bool,
    /// The process executes a program between creation and use.
    exec: bool,
    /// The user's identity; 0 is the creator's.
    uid: u32,
    mode: i32,
    expected: fn(&Path) -> SysResult<()>,
}

const BY_CREATOR: Scenario = Scenario {
    name: "by its creator",
    user: 0,
    creator_gone: false,
    exec: false,
    uid: 0,
    mode: 0o600,
    expected: |path| path.root,
};

const SCENARIOS: [Scenario; 6] = [
    BY_CREATOR,
    Scenario {
        name: "by another process",
        user: 1,
        ..BY_CREATOR
    },
    Scenario {
        name: "by the parent of its late creator",
        creator_gone: true,
        ..BY_CREATOR
    },
    Scenario {
        name: "after exec",
        exec: true,
        ..BY_CREATOR
    },
    Scenario {
        name: "by another user, mode 0666",
        user: 1,
        uid: 1000,
        mode: 0o666,
        expected: |path| path.other,
        ..BY_CREATOR
    },
    Scenario {
        name: "by another user, mode 0600",
        user: 1,
        uid: 1000,
        expected: |path| path.stranger,
        ..BY_CREATOR
    },
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for (place, place_name) in [(Place::Here, "on the host"), (Place::NewJail, "in a jail")] {
        for scenario in SCENARIOS {
            let name = |path: &Path| format!("{place_name}, {}: {}", scenario.name, path.name);
            suite.group(PATHS.iter().map(name).collect(), move |reporter| {
                let crew = assemble(place, &scenario);
                for path in PATHS.iter() {
                    reporter.report(match &crew {
                        Ok(crew) => one(crew, &scenario, path),
                        Err(failure) => Err(failure.clone()),
                    });
                }
            });
        }
    }
    suite.run(chosen)
}

fn assemble(place: Place, scenario: &Scenario) -> Result<Crew, Failure> {
    jail::private_tables()?;
    let crew = Crew::start(place, 2)?;
    if scenario.uid != 0 {
        crew.member(scenario.user).become_user(scenario.uid)?;
    }
    Ok(crew)
}

fn one(crew: &Crew, scenario: &Scenario, path: &Path) -> CaseResult {
    let owner = crew.member(0);
    let user = crew.member(scenario.user);
    let object = owner.create(path.family, scenario.mode, scenario.creator_gone)?;
    if scenario.exec {
        user.exec()?;
        check_eq!(user.number()?, crew.number(), "the jail after exec");
    }
    let got = user.attempt(path, &object)?;
    check_eq!(got, (scenario.expected)(path), "{}", path.name);
    clean_up(owner, path, &object, got)
}

/// Removes the object, which must have gone if, and only if, the path was to remove it.
fn clean_up(owner: &Member, path: &Path, object: &Object, got: SysResult<()>) -> CaseResult {
    let removes = path.name.contains("IPC_RMID") && got.is_ok();
    match owner.remove(object) {
        Ok(()) => {
            check!(!removes, "the object is still there after {}", path.name);
            Ok(())
        }
        Err(failure) if removes => {
            check!(
                failure.message.ends_with(&Errno::EINVAL.to_string()),
                "a removed object: {failure}"
            );
            Ok(())
        }
        Err(failure) => Err(failure).context("removing the object"),
    }
}
