// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sessions that the guide shows.

use jaula_tests::admin::{in_kernel, output, succeed};
use jaula_tests::ktap::{fail, Context, Failure, Suite};
use jaula_tests::launch::complaint;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const GUIDE: &str = include_str!("../../../../docs/guide.md");
/// Where the sessions begin and end that are about jails that exist.
const PART: [&str; 2] = ["## Looking after jails", "## Completion"];

/// A directory of its own, removed when dropped.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "every command of the guide's sessions does what is shown",
        || {
            let place = Place(std::env::temp_dir().join(format!("guide-{}", process::pid())));
            std::fs::create_dir(&place.0).context(place.0.display())?;
            let part = between(GUIDE, PART[0], PART[1])?;
            // Roots of its own, for it leaves them behind.
            let directory = place.0.display().to_string();
            let description = between(part, "```toml\n", "```")?;
            let description = description.replace("/srv/", &format!("{directory}/"));
            std::fs::write(place.0.join("jaula.toml"), description).context("jaula.toml")?;
            succeed(&["rm", "--all"])?;
            let commands: Vec<&str> = sessions(part).collect();
            check!(
                commands.len() >= 14,
                "there are just {} commands",
                commands.len()
            );
            for command in commands {
                follow(&place.0, command)?;
            }
            check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
            Ok(())
        },
    );
}

/// Runs one command; it must succeed.
fn follow(place: &Path, command: &str) -> Result<(), Failure> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .current_dir(place)
        .stdin(Stdio::null());
    let output = output(&mut shell)?;
    check!(output.status.success(), "{command}: {}", complaint(&output));
    Ok(())
}

/// What is typed in the blocks of sessions.
fn sessions(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|rest| Some(rest.split_once("```")?.0));
    blocks.flat_map(|block| block.lines().filter_map(|line| line.strip_prefix("# ")))
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Result<&'a str, Failure> {
    let (_, rest) = text
        .split_once(begin)
        .ok_or_else(|| fail(format!("the guide has no {begin:?}")))?;
    Ok(rest.split_once(end).map_or(rest, |(part, _)| part))
}
