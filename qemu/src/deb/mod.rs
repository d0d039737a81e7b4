// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian packages: the kernel's, which its own tree makes, and the launcher's.
//!
//! Each has a directory in the cache. What it is made of stands there beside the package, with the
//! version that it was given ([`version`]): a package is made anew only where that has changed.

pub mod kernel;
pub mod launcher;
pub mod lintian;
pub mod out;
mod third_party;
mod version;

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Who is named as the maintainer.
const MAINTAINER: (&str, &str) = ("jaula developers", "developers@jaula.invalid");

/// The packages in a directory.
fn packages(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry.with_context(|| dir.display().to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes the packages in a directory: they are of other versions.
fn remove_packages(dir: &Path) -> Result<()> {
    for package in packages(dir)? {
        fs::remove_file(&package)
            .with_context(|| format!("{}: cannot remove", package.display()))?;
    }
    Ok(())
}

/// Moves a finished package to where it is looked for: what stands there is whole.
fn take(made: &Path, package: &Path, log: &Path) -> Result<()> {
    fs::rename(made, package).with_context(|| {
        format!(
            "{}: should have been made by now; see {}",
            made.display(),
            log.display()
        )
    })
}
