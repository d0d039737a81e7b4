// SPDX-License-Identifier: MIT OR Apache-2.0

//! What lintian has to say about the packages.

use crate::process::{command, output, shown};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::PathBuf;

/// Fails where it has anything to say that is not explained: in the launcher's package by its
/// overrides; for the kernel's, which the kernel's tree makes, in `qemu/configs/linux-image.lintian`.
pub fn check(project: &Project, packages: &[PathBuf]) -> Result<()> {
    for package in packages {
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        let explained = if name.starts_with("linux-image-") {
            let path = project.config_dir().join("linux-image.lintian");
            fs::read_to_string(&path).with_context(|| path.display().to_string())?
        } else {
            String::new()
        };
        let mut lintian = command("lintian");
        lintian.args([
            "--allow-root",
            "--fail-on",
            "none",
            "--tag-display-limit",
            "0",
        ]);
        let output = output(lintian.arg(package))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let left = unexplained(&said, &explained);
        if !left.is_empty() {
            bail!("{name}: lintian says:\n{}", left.join("\n"));
        }
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}\n{}", shown(&lintian), output.status, why.trim_end());
        }
    }
    Ok(())
}

/// The lines with errors and warnings whose tags are not among those that are explained. A tag that
/// this lintian does not know is no matter.
fn unexplained<'a>(said: &'a str, explained: &str) -> Vec<&'a str> {
    let is_explained = |tag: &str| explained.lines().any(|line| line.trim() == tag);
    said.lines()
        .filter(|line| line.starts_with("E: ") || line.starts_with("W: "))
        .filter(|line| !line.split(' ').nth(2).is_some_and(is_explained))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unexplained;

    #[test]
    fn what_is_explained_is_passed_over() {
        let said = "\
E: linux-image-6.12.117-jaula: aliased-location [lib/]
W: linux-image-6.12.117-jaula: no-manual-page [usr/bin/aliased-location]
I: linux-image-6.12.117-jaula: something
N: a note
";
        let explained = "# aliased\naliased-location\nunknown-to-this-one\n";
        let left = ["W: linux-image-6.12.117-jaula: no-manual-page [usr/bin/aliased-location]"];
        assert_eq!(unexplained(said, explained), left);
        assert_eq!(unexplained(said, "").len(), 2);
    }
}
