// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tree with the packages, which all roots share.

use super::page::bash;
use jaula_tests::check;
use jaula_tests::ktap::{CaseResult, Context};
use std::fs;
use std::path::Path;

/// Where the pages have it.
pub const TREE: &str = "/srv/debian";
/// Where the machine has a disk with it.
const DISK: &str = "/dev/disk/by-label/services";

/// Sees to it that it is there.
pub fn provide() -> CaseResult {
    if is_there() {
        return Ok(());
    }
    check!(
        Path::new(DISK).exists(),
        "neither is {TREE} one, nor is there {DISK}"
    );
    fs::create_dir_all(TREE).context(TREE)?;
    bash(&format!("chmod 700 /srv; mount --read-only {DISK} {TREE}"))?;
    check!(is_there(), "{DISK} has no such tree");
    Ok(())
}

fn is_there() -> bool {
    Path::new(TREE).join("usr/sbin/nginx").exists()
}
