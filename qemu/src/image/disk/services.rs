// SPDX-License-Identifier: MIT OR Apache-2.0

//! The disk with the tree that services run in: Debian's packages, unpacked and configured, and
//! nothing that boots.

use super::debian::{self, List};
use super::key::{remove_old, Key};
use super::unfinished::Unfinished;
use crate::lock::CacheLock;
use crate::project::Project;
use crate::setup::mirror;
use anyhow::{Context, Result};
use command_fds::{CommandFdExt, FdMapping};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const KIND: &str = "services";
/// More than the packages take, and what is not used takes no room.
const SIZE: u64 = 1 << 30;
/// The descriptor by which the hook has the disk.
const DISK: i32 = 9;
/// Makes the file system of what the tree has without what is mounted in it.
const HOOK: &str = include_str!("../../../debian/services-disk");

/// Makes the disk unless the cache has it.
///
/// # Errors
///
/// Those of mmdebstrap and of what it runs, with the last words of its log.
pub fn make(project: &Project, _lock: &CacheLock) -> Result<PathBuf> {
    let dir = super::dir(project)?;
    let path = path(&dir);
    if path.exists() {
        return Ok(path);
    }
    // A mirror in the middle of its own update is asked again.
    mirror::patiently(mirror::PAUSE, || fill(project, &dir, &path))?;
    remove_old(&path, KIND)?;
    Ok(path)
}

/// The disk, where it has been made.
pub fn made(project: &Project) -> Result<Option<PathBuf>> {
    let path = path(&super::dir(project)?);
    Ok(path.exists().then_some(path))
}

fn path(dir: &Path) -> PathBuf {
    Key::default()
        .text(&List::Services.names())
        .text(debian::SUITE)
        .text(HOOK)
        .text(include_str!("services.rs"))
        .path(dir, KIND, "img")
}

fn fill(project: &Project, dir: &Path, path: &Path) -> Result<()> {
    let disk = Unfinished::new(dir, SIZE)?;
    let given = debian::readable_dir()?;
    let hook = given.path().join("services-disk");
    fs::write(&hook, HOOK)
        .and_then(|()| fs::set_permissions(&hook, Permissions::from_mode(0o755)))
        .with_context(|| format!("{}: cannot write", hook.display()))?;
    let mut mmdebstrap = debian::mmdebstrap();
    mmdebstrap
        .args(["--variant=minbase", "--format=null"])
        .args([
            "--architectures=amd64",
            "--aptopt=Acquire::Languages \"none\"",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
        ])
        .arg(format!("--include={}", List::Services.names()))
        .arg(format!("--customize-hook={}", hook.display()))
        .args([debian::SUITE, "/dev/null"])
        .args(debian::sources()?)
        .fd_mappings(vec![FdMapping {
            parent_fd: disk.hand_over()?,
            child_fd: DISK,
        }])
        .context("the disk cannot be handed over")?;
    debian::run(
        project,
        "unpacking the services' packages",
        "debian-services.log",
        &mut mmdebstrap,
    )?;
    disk.finish(path)
}
