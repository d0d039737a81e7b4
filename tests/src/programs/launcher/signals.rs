// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals that somebody sends to the launcher.

use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{jaula, Root};
use jaula_tests::sys::process;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

const FORWARDED: [(&str, i32); 4] = [
    ("SIGINT", libc::SIGINT),
    ("SIGTERM", libc::SIGTERM),
    ("SIGHUP", libc::SIGHUP),
    ("SIGQUIT", libc::SIGQUIT),
];

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for (name, signal) in FORWARDED {
        suite.case(
            &format!("{name} is handed to the command, which handles it"),
            move || ends_with(root, "signals", signal, signal + 40),
        );
        suite.case(
            &format!("{name} is handed to the command, which dies of it"),
            move || ends_with(root, "wait", signal, signal + 128),
        );
    }
}

/// Sends the launcher a signal once its command is ready, and checks the launcher's status.
fn ends_with(root: &Root, command: &str, signal: i32, status: i32) -> CaseResult {
    let mut child = jaula(&["--quiet", root.text(), "--", "/bin/probe", command])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting jaula")?;
    let mut line = String::new();
    if let Some(stdout) = &mut child.stdout {
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("hearing from the jail")?;
    }
    check_eq!(line, "ready\n", "what the command says");
    process::kill(child.id() as libc::pid_t, signal).context("kill")?;
    let ended = child.wait().context("waiting for jaula")?;
    check_eq!(
        ended.signal(),
        None,
        "the signal that killed the launcher itself"
    );
    check_eq!(ended.code(), Some(status), "the exit status");
    Ok(())
}
