// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the guide shows about what is around a command.

use jaula_tests::check;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::session::{follow, part, steps, Compare};
use jaula_tests::sys::{mount, process};
use std::path::Path;

const GUIDE: &str = include_str!("../../../../docs/guide.md");
/// Where that begins and ends.
const PART: [&str; 2] = ["## What is around the command", "## Looking after jails"];

pub fn add(suite: &mut Suite<'_>) {
    suite.case("every command of the guide does what is shown", || {
        let place = std::env::temp_dir().join(format!("guide-around-{}", process::pid()));
        std::fs::create_dir(&place).context(place.display())?;
        // Roots of its own, for it leaves them behind.
        let around = part(GUIDE, PART[0], Some(PART[1]))?;
        let steps = steps(&around.replace("/srv/", &format!("{}/", place.display())));
        check!(steps.len() >= 16, "there are just {} commands", steps.len());
        follow(&steps, Path::new("/"), Compare::Status)?;
        mount::unmount(&place.join("disk")).context("umount")?;
        std::fs::remove_dir_all(&place).context(place.display())
    });
}
