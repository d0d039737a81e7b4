// SPDX-License-Identifier: MIT OR Apache-2.0

//! Doing what only root may, by way of sudo where we are not root.

use super::needs::find_program;
use crate::process::{cannot_start, command, shown};
use anyhow::{bail, Context, Result};
use std::io::Write;
use std::process::{Command, Stdio};

/// A command that runs `program` as root.
pub fn as_root(program: &str) -> Command {
    if is_root() {
        return command(program);
    }
    let mut sudo = command("sudo");
    sudo.arg(program);
    sudo
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Fails where there is no way to be root.
pub fn need() -> Result<()> {
    if !is_root() && find_program("sudo").is_none() {
        bail!("installing packages needs root, and there is no sudo; run as root what `cargo xtask setup --dry-run` prints");
    }
    Ok(())
}

/// Lets sudo ask for the password on the terminal, before a progress bar draws over it.
pub fn authenticate() -> Result<()> {
    if is_root() {
        return Ok(());
    }
    let status = Command::new("sudo").arg("-v").status();
    if !status.is_ok_and(|status| status.success()) {
        bail!("sudo refused; run as root what `cargo xtask setup --dry-run` prints");
    }
    Ok(())
}

/// The command that [`write`] runs, as it would be typed.
pub fn shown_write(path: &str, content: &str) -> String {
    format!("{} <<'EOF'\n{content}EOF", shown(as_root("tee").arg(path)))
}

/// Writes a file, which may exist.
pub fn write(path: &str, content: &str) -> Result<()> {
    let mut tee = as_root("tee");
    tee.arg(path).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = tee.spawn().map_err(|error| cannot_start(&tee, &error))?;
    let fed = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(content.as_bytes()),
        None => Ok(()),
    };
    let status = child.wait()?;
    if !status.success() {
        bail!("{}: {status}", shown(&tee));
    }
    fed.with_context(|| format!("{path}: cannot write"))
}
