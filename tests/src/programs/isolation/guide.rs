// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the guide shows about what is around a command.

use jaula_tests::admin::output;
use jaula_tests::check;
use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::complaint;
use jaula_tests::sys::{mount, process};
use std::process::{Command, Stdio};

const GUIDE: &str = include_str!("../../../../docs/guide.md");

pub fn add(suite: &mut Suite<'_>) {
    suite.case("every command of the guide does what is shown", || {
        let place = std::env::temp_dir().join(format!("guide-around-{}", process::pid()));
        std::fs::create_dir(&place).context(place.display())?;
        let part = GUIDE
            .split_once("## What is around the command")
            .and_then(|(_, rest)| rest.split_once("## Looking after jails"));
        let (part, _) = part.ok_or_else(|| fail("the guide has no such part"))?;
        let blocks = part.split("```console\n").skip(1);
        let blocks = blocks.filter_map(|rest| Some(rest.split_once("```")?.0));
        // Roots of its own, for it leaves them behind.
        let sessions = blocks.collect::<String>();
        let sessions = sessions.replace("/srv/", &format!("{}/", place.display()));
        let commands: Vec<&str> = sessions
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .collect();
        check!(
            commands.len() >= 16,
            "there are just {} commands",
            commands.len()
        );
        for command in commands {
            let mut shell = Command::new("/bin/sh");
            let output = output(shell.args(["-c", command]).stdin(Stdio::null()))?;
            check!(output.status.success(), "{command}: {}", complaint(&output));
        }
        mount::unmount(&place.join("disk")).context("umount")?;
        std::fs::remove_dir_all(&place).context(place.display())
    });
}
