// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making apt know the backports of the machine's release.

use super::install::{logged, update};
use super::mirror::{self, PAUSE};
use super::root;
use super::sources::{self, Suite, FILE};
use crate::process::{capture, command, shown};
use crate::project::Project;
use crate::ui;
use anyhow::{bail, Context, Result};

fn find(suite: &str) -> Result<Suite> {
    let targets = capture(command("apt-get").args(sources::QUESTION))?;
    sources::find(suite, &targets, |path| {
        std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))
    })
}

/// Prints the commands that [`add`] would run.
pub fn show(suite: &str, lists_are_stale: bool) {
    match find(suite) {
        Ok(Suite::Known) => return,
        Ok(Suite::Unknown(entry)) => println!("{}", root::shown_write(FILE, &entry)),
        Err(_) if lists_are_stale => println!(
            "# Unless apt knows {suite} after that, they are added in {FILE}, with\n\
             # the address and the key of the release itself:"
        ),
        Err(error) => println!("# {error:#}; add {suite} by hand:"),
    }
    println!("{}", shown(&update()));
}

/// Makes apt know the suite. `fresh` tells whether the package lists have just been updated; the
/// answer, whether they have by now.
pub fn add(project: &Project, suite: &str, fresh: bool) -> Result<bool> {
    const UPDATING: &str = "updating the package lists";
    if matches!(find(suite), Ok(Suite::Known)) {
        return Ok(fresh);
    }
    if !fresh {
        // Somebody may have added it and not updated. A second entry that names another key
        // would put all of apt out of order.
        mirror::patiently(PAUSE, || logged(project, UPDATING, update()))?;
    }
    let entry = match find(suite).with_context(|| by_hand(suite))? {
        Suite::Known => return Ok(true),
        Suite::Unknown(entry) => entry,
    };
    ui::note(&root::shown_write(FILE, &entry));
    root::authenticate()?;
    root::write(FILE, &entry)?;
    let updated = mirror::patiently(PAUSE, || {
        logged(project, UPDATING, update())?;
        match find(suite)? {
            Suite::Known => Ok(()),
            Suite::Unknown(_) => bail!("apt-get update: Failed to fetch the lists of {suite}"),
        }
    });
    if let Err(error) = updated {
        // With an entry that leads nowhere, every later apt-get update would fail.
        let mut remove = root::as_root("rm");
        remove.arg(FILE);
        ui::note(&shown(&remove));
        if let Err(error) = capture(&mut remove) {
            ui::note(&format!("{FILE} is still there, and has to go: {error:#}"));
        }
        return Err(error.context(by_hand(suite)));
    }
    Ok(true)
}

fn by_hand(suite: &str) -> String {
    format!("Debian's {suite} are needed and could not be added to apt's sources; add them by hand, or install QEMU 8.1 or newer from elsewhere")
}
