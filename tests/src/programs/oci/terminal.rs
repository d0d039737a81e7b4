// SPDX-License-Identifier: MIT OR Apache-2.0

//! A container on a terminal of its own.

use super::conmon::Bundle;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::Root;
use jaula_tests::sys::process::Ended;
use jaula_tests::sys::tty;
use jaula_tests::wait::PATIENCE;
use jaula_tests::{check, check_eq, procfs};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case(
        "the console socket gets its terminal, which it leads",
        || {
            let mut bundle = Bundle::new(root, "console", &["/bin/probe", "signals"], true)?;
            let pid = bundle.create()?;
            let mut master = bundle.receive_console()?;
            check_eq!(procfs::stat(pid, 6)?, pid as u64, "its session");
            check!(procfs::stat(pid, 7)? != 0, "it has no controlling terminal");
            bundle.succeed(&["start"])?;
            expect(&mut master, "ready")?;
            master.write_all(b"\x03").context("typing")?;
            check_eq!(bundle.ended()?, Ended::Exited(libc::SIGINT + 40), "its end");
            check_eq!(bundle.printed("out")?, "", "what it has printed elsewhere");
            Ok(())
        },
    );
    suite.case("one that waits ends when its terminal hangs up", || {
        let mut bundle = Bundle::new(root, "hangup", &["/bin/probe", "wait"], true)?;
        bundle.create()?;
        drop(bundle.receive_console()?);
        check_eq!(
            bundle.ended()?,
            Ended::Exited(128 + libc::SIGHUP),
            "its end"
        );
        bundle.expect_status("stopped")
    });
}

/// Reads of a terminal until this is shown.
fn expect(master: &mut File, text: &str) -> CaseResult {
    let mut shown = String::new();
    while !shown.contains(text) {
        let ready = tty::readable(master.as_fd(), PATIENCE).context("poll")?;
        check!(ready, "'{text}' is not shown: {shown}");
        shown += &read(master)?;
    }
    Ok(())
}

fn read(master: &mut File) -> Result<String, Failure> {
    let mut buffer = [0; 256];
    let length = master
        .read(&mut buffer)
        .context("reading of the terminal")?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}
