// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the documentation shows about networks.

use super::place::{has_nft, Clean, ROOT};
use jaula_tests::ktap::Suite;
use jaula_tests::session::{follow, part, steps, Compare};
use std::path::Path;

const DOCUMENT: &str = include_str!("../../../../docs/networks.md");

/// Begins the part that takes rules of nftables.
const OUTSIDE: &str = "## To others, and from others";

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "every command of the documentation does what is shown",
        || {
            let _clean = Clean::new()?;
            let document = DOCUMENT.replace("/srv/box", ROOT);
            let within = part(&document, "", Some(OUTSIDE))?;
            follow(&steps(within), Path::new("/"), Compare::Status)?;
            let outside = part(&document, OUTSIDE, None)?;
            match has_nft() {
                true => follow(&steps(outside), Path::new("/"), Compare::Status),
                false => Ok(()),
            }
        },
    );
}
