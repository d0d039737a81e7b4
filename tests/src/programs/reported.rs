// SPDX-License-Identifier: MIT OR Apache-2.0

//! What users of other launchers have reported as faults of these, tried with `jaula`.
//!
//! Each case is a script that root's shell runs; the last line that it prints says whether things
//! went as a user expects.

mod script;
mod withpty;

use jaula_tests::ktap::{Chosen, Suite};
use script::Script;
use std::process::ExitCode;

pub use withpty::act as act_as_withpty;

/// A row of [`SCRIPTS`]: the file's name, what it prints last, and the name of the case.
macro_rules! script {
    ($file:literal, $prints:literal, $case:literal) => {
        Script {
            case: $case,
            file: $file,
            text: include_str!(concat!("../../reported/", $file, ".sh")),
            prints: $prints,
        }
    };
}

const SCRIPTS: &[Script] = &[
    script!(
        "real-time-signal",
        "status=168 noted={\"killed\":40}",
        "a command that a real-time signal kills has the status 128 + N, and a jail the signal noted"
    ),
    script!(
        "orphan-and-real-time-signal",
        "survived status=0",
        "with --new-pid, an orphan may die of a real-time signal"
    ),
    script!(
        "standard-streams",
        "[one two three ] [four]",
        "an ordinary user can open /dev/stdout and /dev/stderr"
    ),
    script!(
        "root-of-the-host",
        "status=0 in",
        "ROOT may be /"
    ),
    script!(
        "killed-launcher",
        "dead",
        "what a killed launcher has started dies, whomever that has become"
    ),
    script!(
        "file-size-limit",
        "status=0 hi",
        "a limit of file sizes is the command's and not jaula's"
    ),
    script!(
        "earlier-boot",
        "NEW",
        "a log that an earlier boot has left is not taken for today's"
    ),
    script!(
        "reader-has-gone",
        "logs quick, stats quick",
        "what follows ends when its reader has ended"
    ),
    script!(
        "large-passwd",
        "0 26999",
        "a passwd with 25,000 users is no obstacle"
    ),
    script!(
        "mounts-in-mounts",
        "[written] [sock]",
        "binds and file systems in memory can lie in one another"
    ),
    script!(
        "bind-into-dev",
        "hello",
        "something of the host can be shown in the jail's /dev"
    ),
    script!(
        "any-bytes",
        "4 ok 4",
        "arguments, values and the caller's own variables may be any bytes"
    ),
    script!(
        "user-signal",
        "got-usr1 status=0",
        "SIGUSR1 to jaula reaches the command"
    ),
    script!(
        "groups-of-a-user",
        "20 44 1001 ",
        "a user has the groups that /etc/group gives it"
    ),
    script!(
        "name-of-the-terminal",
        "named",
        "the terminal has a name in the jail"
    ),
    script!(
        "users-seen-by-root",
        "seen killed",
        "root of the jail sees and signals what its other users run"
    ),
    script!(
        "hook-in-the-background",
        "quick",
        "a hook that leaves something in the background holds nobody up"
    ),
    script!(
        "letters-on-a-terminal",
        "same 100002",
        "logs on a terminal are what they are in a file"
    ),
    script!(
        "stop-asks-everybody",
        "[clean]",
        "stop asks everybody who is left in the jail before it ends them"
    ),
    script!(
        "init-as-first-process",
        "booted",
        "an init can be the first process of a jail"
    ),
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for script in SCRIPTS {
        suite.case(script.case, || script.run());
    }
    suite.run(chosen)
}
