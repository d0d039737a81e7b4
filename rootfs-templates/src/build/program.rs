// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the host: where they are, and what names they go by.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BuildError, Options};
use crate::template::{Applets, JailPath, Template};

/// Searched after PATH, which often lacks them.
const ALSO: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The file to take for a program that a template calls `source`.
pub fn locate(
    template: &Template,
    options: &Options,
    source: &Path,
) -> Result<PathBuf, BuildError> {
    if let Some(given) = options.programs.get(source) {
        return Ok(given.clone());
    }
    if source.components().count() > 1 || source.is_absolute() {
        return Ok(template.host_path(source));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(ALSO.iter().map(PathBuf::from))
        .map(|directory| directory.join(source))
        .find(|candidate| is_program(candidate))
        .ok_or_else(|| BuildError::new(source, format!("no such program in PATH{}", hint(source))))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn hint(source: &Path) -> &'static str {
    match source.to_str() {
        Some("busybox") => "; install busybox (Debian: apt-get install busybox-static)",
        _ => "; install it, or give its path in the template",
    }
}

/// The paths by which the program at `source` is to be called too.
pub fn applets(source: &Path, applets: &Applets) -> Result<Vec<JailPath>, BuildError> {
    match applets {
        Applets::Paths(paths) => Ok(paths.clone()),
        Applets::All(_) => list(source),
    }
}

/// Asks the program itself, as busybox can be: it prints `bin/ash` and so on.
fn list(source: &Path) -> Result<Vec<JailPath>, BuildError> {
    let call = || format!("asking {} --list-full for its applets", source.display());
    let output = Command::new(source)
        .arg("--list-full")
        // An empty pipe rather than /dev/null: an initial ramdisk need not have that.
        .stdin(Stdio::piped())
        .output()
        .map_err(|error| BuildError::new(source, format!("{}: {error}", call())))?;
    if !output.status.success() {
        return Err(BuildError::new(
            source,
            format!("{}: {}", call(), output.status),
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let paths: BTreeSet<JailPath> = text
        .lines()
        // `linuxrc` belongs in the root of an initial ramdisk only.
        .filter(|line| line.contains('/'))
        .map(|line| JailPath::new(&format!("/{line}")))
        .collect::<Result<_, _>>()
        .map_err(|error| BuildError::new(source, format!("{}: {error}", call())))?;
    match paths.is_empty() {
        true => Err(BuildError::new(
            source,
            format!("{}: it lists none", call()),
        )),
        false => Ok(paths.into_iter().collect()),
    }
}
