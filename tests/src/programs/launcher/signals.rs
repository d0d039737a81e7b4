// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals that somebody sends to the launcher.

use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{forwarded_signals, jaula, Root};
use jaula_tests::sys::{process, tty};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for options in [&["--new-pid"][..], &[]] {
        for is_terminal in [false, true] {
            let with = match is_terminal {
                false => format!("{options:?}"),
                true => format!("{options:?} on a terminal"),
            };
            suite.case(
                &format!("signals are handed to the command, which handles them: {with}"),
                move || {
                    forwarded_signals().try_for_each(|signal| {
                        let launch = [options, &[root.text(), "--", "/bin/probe", "signals"]];
                        ends_with(&launch.concat(), is_terminal, signal, signal + 40)
                    })
                },
            );
            suite.case(
                &format!("signals are handed to the command, which dies of them: {with}"),
                move || {
                    // The runtime of the probe handles two of them, and one kills nobody.
                    let others = [libc::SIGSEGV, libc::SIGBUS, libc::SIGWINCH];
                    let mut kills = forwarded_signals().filter(|signal| !others.contains(signal));
                    kills.try_for_each(|signal| {
                        let launch = [options, &[root.text(), "--", "/bin/probe", "wait"]];
                        ends_with(&launch.concat(), is_terminal, signal, signal + 128)
                    })
                },
            );
        }
    }
    suite.case(
        "signals that are the launcher's own end nothing",
        move || {
            let launch = [root.text(), "--", "/bin/probe", "signals"];
            let (mut child, _terminal) = start(&launch, false)?;
            for signal in [libc::SIGURG, libc::SIGCHLD, libc::SIGWINCH] {
                process::kill(child.id() as libc::pid_t, signal).context("kill")?;
            }
            // One of them is handed on, and it alone.
            let ended = child.wait().context("waiting for jaula")?;
            check_eq!(ended.code(), Some(libc::SIGWINCH + 40), "the exit status");
            Ok(())
        },
    );
}

/// Sends the launcher a signal once its command is ready, and checks the launcher's status.
fn ends_with(launch: &[&str], is_terminal: bool, signal: i32, status: i32) -> CaseResult {
    let (mut child, _terminal) = start(launch, is_terminal)?;
    process::kill(child.id() as libc::pid_t, signal).context("kill")?;
    let ended = child.wait().context("waiting for jaula")?;
    check_eq!(
        ended.signal(),
        None,
        "what killed the launcher, of signal {signal}"
    );
    check_eq!(ended.code(), Some(status), "the status for signal {signal}");
    Ok(())
}

/// Starts the launcher, with a terminal as its standard error or without, and waits until its
/// command is ready.
fn start(launch: &[&str], is_terminal: bool) -> Result<(Child, OwnedFd), Failure> {
    let (master, slave) = tty::open().context("openpty")?;
    let mut child = jaula(&[&["--quiet"], launch].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(match is_terminal {
            true => Stdio::from(slave),
            false => Stdio::null(),
        })
        .spawn()
        .context("starting jaula")?;
    let mut line = String::new();
    if let Some(stdout) = &mut child.stdout {
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("hearing from the jail")?;
    }
    check_eq!(line, "ready\n", "what the command says");
    Ok((child, master))
}
