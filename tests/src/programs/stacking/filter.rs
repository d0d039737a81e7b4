// SPDX-License-Identifier: MIT OR Apache-2.0

//! Filters of system calls that a unit of systemd has put around the launcher.

use super::{ends, jailed};
use jaula_tests::ktap::Suite;
use jaula_tests::launch::Root;
use std::process::Command;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("seccomp: the filter of a unit holds in its jails", || {
        for (properties, status) in [
            (&[][..], 0),
            (
                &[
                    "SystemCallFilter=~getpriority",
                    "SystemCallErrorNumber=EPERM",
                ],
                libc::EPERM,
            ),
        ] {
            let mut command = Command::new("systemd-run");
            command.args(["--quiet", "--collect", "--pipe", "--wait"]);
            for property in properties {
                command.args(["--property", property]);
            }
            command.arg("jaula").args(jailed(root, &[], &["priority"]));
            ends(&mut command, status)?;
        }
        Ok(())
    });
}
