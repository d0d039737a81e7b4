// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driving `jaula` as an administrator does, and seeing from within what it has made.

mod probe;
mod root;
mod terminal;

pub use probe::{act_as_probe, forwarded_signals, Seen};
pub use root::Root;
pub use terminal::Terminal;

use crate::ktap::{Context, Failure};
use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// The exit status that says that nothing was executed.
pub const FAILED: i32 = 125;

/// A command `jaula` with these arguments and nothing to read.
pub fn jaula<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new("jaula");
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command; what it printed and how it ended.
pub fn run(command: &mut Command) -> Result<Output, Failure> {
    command.output().context("starting jaula")
}

/// What a command printed to standard error.
pub fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks that a command failed before anything was executed, with a message that has all of
/// `parts` in it.
pub fn failed(output: &Output, status: i32, parts: &[&str]) -> Result<(), Failure> {
    let message = complaint(output);
    crate::check_eq!(
        output.status.code(),
        Some(status),
        "the exit status ({message})"
    );
    crate::check!(
        output.stdout.is_empty(),
        "something was executed: {output:?}"
    );
    crate::check!(
        message.starts_with("jaula: "),
        "the message names no origin: {message}"
    );
    for part in parts {
        crate::check!(
            message.contains(part),
            "the message does not name '{part}': {message}"
        );
    }
    Ok(())
}
