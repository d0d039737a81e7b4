// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sessions that the guide shows.

use jaula_tests::admin::{in_kernel, succeed};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::session::{follow, part, steps, Compare};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq};
use std::path::PathBuf;

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
            let looked_after = part(GUIDE, PART[0], Some(PART[1]))?;
            // Roots of its own, for it leaves them behind.
            let directory = place.0.display().to_string();
            let description = part(looked_after, "```toml\n", Some("```"))?;
            let description = description.replace("/srv/", &format!("{directory}/"));
            std::fs::write(place.0.join("jaula.toml"), description).context("jaula.toml")?;
            succeed(&["rm", "--all"])?;
            let steps = steps(looked_after);
            check!(steps.len() >= 14, "there are just {} commands", steps.len());
            follow(&steps, &place.0, Compare::Status)?;
            check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
            Ok(())
        },
    );
}
