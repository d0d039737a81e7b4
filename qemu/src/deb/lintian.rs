// SPDX-License-Identifier: MIT OR Apache-2.0

//! What lintian has to say about the packages.

use crate::process::{capture, command};
use crate::project::Project;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Fails where it has anything to say that is not explained: in the launcher's package by its
/// overrides; for the kernel's, which the kernel's tree makes, in `qemu/configs/linux-image.lintian`.
pub fn check(project: &Project, packages: &[PathBuf]) -> Result<()> {
    for package in packages {
        let mut lintian = command("lintian");
        lintian.args(["--allow-root", "--fail-on", "error,warning"]);
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("linux-image-") {
            lintian.arg("--suppress-tags-from-file");
            lintian.arg(project.config_dir().join("linux-image.lintian"));
        }
        capture(lintian.arg(package))
            .with_context(|| format!("{name}: lintian has something to say"))?;
    }
    Ok(())
}
