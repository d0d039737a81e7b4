// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands of `jaula`, which is no more than its caller: no program of ours is set-user-ID.

use super::Who;
use jaula_tests::admin::{noted, output, prepare_root, Detached, ROOT};
use jaula_tests::check;
use jaula_tests::check_eq;
use jaula_tests::jailfs;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// What is to stay as it is.
#[derive(Debug, PartialEq, Eq)]
struct State {
    jails: Vec<i64>,
    noted: Vec<i64>,
    limit: String,
    name: String,
    allow: String,
}

impl State {
    fn of(jail: &Detached) -> Result<State, Failure> {
        let read = |file| jailfs::read(jail.number, file).context(file);
        Ok(State {
            jails: jailfs::numbers()?,
            noted: noted()?.into_iter().collect(),
            limit: read("tasks.max")?,
            name: read("name")?,
            allow: read("allow")?,
        })
    }
}

pub fn add(suite: &mut Suite<'_>) {
    for who in Who::ALL {
        let name = format!("{}: no command does anything to a jail", who.name());
        suite.case(&name, move || {
            prepare_root()?;
            let jail = Detached::start(&["--name", "theirs"], "while :; do sleep 1; done")?;
            let before = State::of(&jail)?;
            who.tries(|| commands(&jail.text()))?;
            check_eq!(State::of(&jail)?, before, "what the host sees");
            Ok(())
        });
    }
    suite.case("jaula gives nobody more than he has", || {
        let found = output(Command::new("/bin/sh").args(["-c", "command -v jaula"]))?;
        let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        let mode = std::fs::metadata(&path).context(&path)?.mode();
        check_eq!(
            mode & 0o6022,
            0,
            "set-user-ID, set-group-ID and others' writing of {path}"
        );
        Ok(())
    });
}

fn commands(jail: &str) -> CaseResult {
    let into = format!("{jail}:/tmp");
    let from = format!("{jail}:/etc/passwd");
    let all: [&[&str]; 17] = [
        &["run", "--quiet", ROOT, "--", "/bin/true"],
        &[
            "run",
            "--detach",
            "--name",
            "mine",
            ROOT,
            "--",
            "/bin/sleep",
            "9",
        ],
        &["run", "--plain", "/", "--", "/bin/true"],
        &["exec", jail, "--", "/bin/true"],
        &["exec", "--root", ROOT, jail, "--", "/bin/true"],
        &["console", jail],
        &["set", jail, "tasks.max=1"],
        &["set", jail, "allow=+sys_admin"],
        &["kill", jail],
        &["kill", "--all", jail],
        &["stop", "--timeout", "1", jail],
        &["rm", jail],
        &["rm", "--all"],
        &["cp", "/etc/passwd", &into],
        &["cp", &from, "/dev/shm/taken"],
        &["logs", jail],
        &["oci", "create", "--bundle", "/tmp", "mine"],
    ];
    for arguments in all {
        let output = output(&mut jaula(arguments))?;
        check!(!output.status.success(), "jaula {arguments:?} succeeds");
        check!(
            complaint(&output).contains("jaula: "),
            "jaula {arguments:?} says: {output:?}"
        );
        check!(
            output.stdout.is_empty(),
            "jaula {arguments:?} prints: {output:?}"
        );
    }
    Ok(())
}
