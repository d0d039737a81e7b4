// SPDX-License-Identifier: MIT OR Apache-2.0

//! Other security modules, around jails and in them: each goes on refusing what it refuses, and the
//! launcher does its work or says what keeps it from that.

mod apparmor;
mod filter;
mod inside;
mod landlock;
mod yama;

use jaula_tests::admin::{output, text};
use jaula_tests::ktap::{Chosen, Context, Failure, Suite};
use jaula_tests::launch::{complaint, Root};
use std::process::{Command, ExitCode};

pub use inside::act;

pub fn main(chosen: &Chosen) -> ExitCode {
    let root = match place() {
        Ok(root) => root,
        Err(failure) => {
            println!("Bail out! No root directory for the jails: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    apparmor::add(&mut suite, &root);
    landlock::add(&mut suite, &root);
    yama::add(&mut suite, &root);
    filter::add(&mut suite, &root);
    suite.run(chosen)
}

fn place() -> Result<Root, Failure> {
    let root = Root::new()?;
    let program = std::fs::read("/proc/self/exe").context("/proc/self/exe")?;
    root.file(inside::PROGRAM.trim_start_matches('/'), &program, 0o755)?;
    Ok(root)
}

/// The arguments of `jaula` that have the program do this in a jail.
fn jailed<'a>(root: &'a Root, options: &[&'a str], deed: &[&'a str]) -> Vec<&'a str> {
    let start = ["run", "--quiet"];
    let command = [root.text(), "--", inside::PROGRAM, inside::ARGUMENT];
    [&start, options, &command, deed].concat()
}

/// What a command prints that must end with this status.
fn ends(command: &mut Command, status: i32) -> Result<String, Failure> {
    let output = output(command)?;
    jaula_tests::check_eq!(
        output.status.code(),
        Some(status),
        "{command:?}: {}{}",
        text(&output),
        complaint(&output)
    );
    Ok(text(&output).trim_end().to_owned())
}
