// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine that is restarted: what comes up with it, and what is kept.

use crate::boot::deadline::Deadline;
use crate::boot::session::{Ended, Io};
use crate::image::sparse;
use crate::tasks::guest_run::{Guest, Plan, Processors};
use crate::tasks::shared_buffer::SharedBuffer;
use anyhow::{bail, Context, Result};
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What each boot does.
const BOOTS: [(&str, &str); 2] = [
    ("before", include_str!("../../../../tests/restart/before")),
    ("after", include_str!("../../../../tests/restart/after")),
];

/// How long a boot may take, with its end.
const LIMIT: Duration = Duration::from_secs(600);

/// Boots a copy of `disk`, shuts it down in order, and boots it again.
pub fn check(guest: Guest, disk: &Path) -> Result<()> {
    // What lies in /tmp may have to fit into memory.
    let place = env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from);
    let copy = tempfile::Builder::new()
        .prefix("jaula-")
        .suffix(".img")
        .tempfile_in(&place)
        .with_context(|| format!("{}: cannot create a file there", place.display()))?;
    sparse::copy(disk, copy.as_file())?;
    let guest = guest.keeping(copy.path().to_path_buf());
    for (name, script) in BOOTS {
        boot(&guest, name, script).with_context(|| format!("tests/restart/{name}"))?;
    }
    Ok(())
}

fn boot(guest: &Guest, name: &'static str, script: &str) -> Result<()> {
    let said = SharedBuffer::default();
    let outcome = guest.boot(Plan {
        name,
        command: Some(script.to_owned()),
        shell: false,
        append: "",
        processors: Processors::InTurn,
        io: Io::Collect(Box::new(said.clone())),
        deadline: Deadline::after(Some(LIMIT)),
    })?;
    if outcome.ended != Ended::Normally || outcome.status != Some(0) {
        bail!(
            "{:?}, status {:?}:\n{}\n{}",
            outcome.ended,
            outcome.status,
            said.text(),
            outcome.tail_text()
        );
    }
    if !outcome.splats.is_empty() {
        bail!("{}", outcome.splats.join("\n\n"));
    }
    Ok(())
}
