// SPDX-License-Identifier: MIT OR Apache-2.0

//! A disk with Debian on it, which boots by UEFI and GRUB: made without root, from Debian's packages
//! and the two of ours.
//!
//! Debian's packages are unpacked and configured once ([`base`]); each new set of ours is installed in
//! a copy of that and becomes a disk ([`finish`]) of two partitions ([`layout`], [`esp`]). Both are
//! kept in the cache.

mod base;
mod debian;
mod esp;
mod finish;
mod key;
pub mod layout;
pub mod services;
mod unfinished;

use crate::lock::CacheLock;
use crate::project::Project;
use crate::setup::needs::OVMF;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The packages of ours that a disk has.
#[derive(Clone, Debug)]
pub struct Packages {
    /// The kernel.
    pub kernel: PathBuf,
    /// `jaula`.
    pub launcher: PathBuf,
}

/// Makes the disk with these packages, unless the cache has it already, and says where it is.
/// Nobody may write to it. Where `selinux`, it has SELinux with Debian's policy as well.
///
/// # Errors
///
/// Those of mmdebstrap and of what it runs, with the last words of its log.
pub fn make(
    project: &Project,
    _lock: &CacheLock,
    packages: &Packages,
    selinux: bool,
) -> Result<PathBuf> {
    let dir = dir(project)?;
    key::remove_unfinished(&dir)?;
    let files = debian::Files::write()?;
    let base = base::make(project, &dir, &files, selinux)?;
    finish::make(project, &dir, &files, &base, packages, selinux)
}

/// Where the cache has archives and disks.
fn dir(project: &Project) -> Result<PathBuf> {
    let dir = project.cache().join("debian");
    fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
    Ok(dir)
}

/// Who can log in, and the command that boots such a disk in QEMU.
pub fn how_to_use(disk: &Path) -> String {
    format!(
        "Its user is debian, who may use sudo; the password, debian too, has to be changed at the first \
         login, here or by ssh -p 2222 debian@127.0.0.1. To boot it:\nqemu-system-x86_64 -machine q35 \
         -m 2048 -nographic -bios {OVMF} -drive file={},format=raw,if=virtio -nic \
         user,model=virtio,hostfwd=tcp:127.0.0.1:2222-:22",
        disk.display()
    )
}
