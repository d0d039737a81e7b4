// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian's packages, unpacked and configured, as an archive.

use super::debian::{self, Files, List};
use super::key::{remove_old, Key, UNFINISHED};
use crate::project::Project;
use crate::setup::mirror;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const KIND: &str = "base";
const KIND_SELINUX: &str = "selinux-base";

/// Makes the archive unless the cache has it.
pub fn make(project: &Project, dir: &Path, files: &Files, selinux: bool) -> Result<PathBuf> {
    let kind = if selinux { KIND_SELINUX } else { KIND };
    let path = Key::default()
        .text(&debian::base_text(selinux))
        .text(include_str!("base.rs"))
        .path(dir, kind, "tar");
    if path.exists() {
        return Ok(path);
    }
    // A mirror in the middle of its own update is asked again.
    let made = mirror::patiently(mirror::PAUSE, || unpack(project, files, dir, selinux))?;
    made.persist(&path)
        .map_err(|error| error.error)
        .with_context(|| format!("{}: cannot put it there", path.display()))?;
    remove_old(&path, kind)?;
    Ok(path)
}

fn unpack(project: &Project, files: &Files, dir: &Path, selinux: bool) -> Result<NamedTempFile> {
    let archive = NamedTempFile::with_prefix_in(UNFINISHED, dir)
        .with_context(|| format!("{}: cannot create a file there", dir.display()))?;
    let mut mmdebstrap = debian::mmdebstrap();
    mmdebstrap
        .env("FILES", files.dir())
        .args(["--variant=important", "--format=tar"])
        .args([
            "--architectures=amd64",
            "--aptopt=Acquire::Languages \"none\"",
        ])
        .arg("--dpkgopt=path-exclude=/usr/share/locale/*")
        .arg(format!("--include={}", List::Machine { selinux }.names()))
        .arg(format!("--customize-hook={}", files.hook("configure")))
        .arg(debian::SUITE)
        .arg(archive.path())
        .args(debian::sources()?);
    debian::run(
        project,
        "unpacking Debian's packages",
        "debian-base.log",
        &mut mmdebstrap,
    )?;
    Ok(archive)
}
