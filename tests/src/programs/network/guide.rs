// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the documentation shows about networks.

use super::place::{has_nft, Clean, ROOT};
use jaula_tests::admin::output;
use jaula_tests::check;
use jaula_tests::ktap::{fail, CaseResult, Suite};
use jaula_tests::launch::complaint;
use std::process::{Command, Stdio};

const DOCUMENT: &str = include_str!("../../../../docs/networks.md");

/// Begins the part that takes rules of nftables.
const OUTSIDE: &str = "## To others, and from others";

/// Does what is shown in a part.
fn follow(part: &str) -> CaseResult {
    let blocks = part.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|rest| Some(rest.split_once("```")?.0));
    let sessions = blocks.collect::<String>().replace("/srv/box", ROOT);
    let commands: Vec<&str> = sessions
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    check!(commands.len() > 2, "there are just {}", commands.len());
    for command in commands {
        let mut shell = Command::new("/bin/sh");
        let said = output(shell.args(["-c", command]).stdin(Stdio::null()))?;
        check!(
            said.status.success(),
            "{command}: {} {}",
            said.status,
            complaint(&said)
        );
    }
    Ok(())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "every command of the documentation does what is shown",
        || {
            let _clean = Clean::new()?;
            let (within, outside) = DOCUMENT
                .split_once(OUTSIDE)
                .ok_or_else(|| fail("there is no such part"))?;
            follow(within)?;
            match has_nft() {
                true => follow(outside),
                false => Ok(()),
            }
        },
    );
}
