// SPDX-License-Identifier: MIT OR Apache-2.0

//! The units of a machine that systemd runs, and what the journal has of them.

use crate::admin::{output, text};
use crate::check;
use crate::ktap::{CaseResult, Context, Failure};
use crate::launch::complaint;
use crate::wait;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Where the machine's jails are described.
pub const DESCRIPTIONS: &str = "/etc/jaula";

/// Asks systemd for something.
pub fn systemctl(arguments: &[&str]) -> Result<Output, Failure> {
    output(Command::new("systemctl").arg("--no-pager").args(arguments))
}

/// The same, which must succeed.
pub fn succeed(arguments: &[&str]) -> CaseResult {
    let said = systemctl(arguments)?;
    check!(
        said.status.success(),
        "systemctl {arguments:?}: {}{}",
        text(&said),
        complaint(&said)
    );
    Ok(())
}

/// A property of a unit.
pub fn property(unit: &str, name: &str) -> Result<String, Failure> {
    let said = systemctl(&["show", "--value", "--property", name, unit])?;
    Ok(text(&said).trim().to_owned())
}

/// Waits until a unit has this state.
pub fn wait_until(unit: &str, state: &str) -> CaseResult {
    wait::until(&format!("{unit} is {state}"), || {
        Ok(property(unit, "ActiveState")? == state)
    })
}

/// What the journal has of a unit since it was started last.
///
/// By its name and the time: the last words of one that fails at once can reach the journal when it is
/// known no more which start they are of.
pub fn journal(unit: &str) -> Result<String, Failure> {
    let show = [
        "show",
        "--value",
        "--timestamp=us",
        "--property=InactiveExitTimestamp",
    ];
    let since = text(&systemctl(&[&show[..], &[unit]].concat())?);
    entries(&[
        &format!("--since={}", since.trim()),
        &format!("_SYSTEMD_UNIT={unit}"),
    ])
}

/// What the journal has with these fields, a message on each line.
pub fn entries(fields: &[&str]) -> Result<String, Failure> {
    let mut journalctl = Command::new("journalctl");
    journalctl.args(["--boot", "--quiet", "--output=cat"]);
    Command::new("journalctl").arg("--sync").status()?;
    Ok(text(&output(journalctl.args(fields))?))
}

/// Descriptions of the machine's jails, which go with this, and all jails with them.
pub struct Descriptions(());

impl Descriptions {
    /// Has these files and no others.
    pub fn new(files: &[(&str, &str)]) -> Result<Self, Failure> {
        // What is started with the machine must not see them half.
        systemctl(&["is-system-running", "--wait"])?;
        clear()?;
        let descriptions = Descriptions(());
        for (name, text) in files {
            descriptions.write(name, text)?;
        }
        Ok(descriptions)
    }

    /// Writes one.
    pub fn write(&self, name: &str, text: &str) -> CaseResult {
        let path = Path::new(DESCRIPTIONS).join(name);
        fs::write(&path, text.replace("ROOT", crate::admin::ROOT)).context(path.display())
    }
}

impl Drop for Descriptions {
    fn drop(&mut self) {
        let _ = systemctl(&["stop", "jaula@*.service", "jaula.service"]);
        let _ = clear();
        let _ = output(Command::new("jaula").args(["rm", "--all"]));
        let _ = systemctl(&["reset-failed"]);
        let _ = systemctl(&["start", "jaula.service"]);
        // Else it would look at what the next one writes.
        let _ = systemctl(&["start", "jaula-check.service"]);
    }
}

fn clear() -> CaseResult {
    for entry in fs::read_dir(DESCRIPTIONS).context(DESCRIPTIONS)? {
        let path = entry.context(DESCRIPTIONS)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            fs::remove_file(&path).context(path.display())?;
        }
    }
    Ok(())
}
