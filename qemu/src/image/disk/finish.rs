// SPDX-License-Identifier: MIT OR Apache-2.0

//! Installing our packages on what Debian's have made, and making a disk of it.

use super::debian::{self, Files};
use super::key::{remove_old, Key};
use super::unfinished::Unfinished;
use super::{esp, layout, Packages};
use crate::project::Project;
use anyhow::{Context, Result};
use command_fds::{CommandFdExt, FdMapping};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use uuid::Uuid;

const KIND: &str = "disk";
const KIND_SELINUX: &str = "selinux-disk";

/// The descriptors by which the hooks have the archive and the disk.
const ARCHIVE: i32 = 8;
const DISK: i32 = 9;
const UNPACK: &str = "tar --extract --directory=\"$1\" --numeric-owner --xattrs \
                      --xattrs-include='*'";

/// Makes the disk unless the cache has it.
pub fn make(
    project: &Project,
    dir: &Path,
    files: &Files,
    base: &Path,
    packages: &Packages,
    selinux: bool,
) -> Result<PathBuf> {
    let kind = if selinux { KIND_SELINUX } else { KIND };
    let path = Key::default()
        .text(&base.display().to_string())
        .text(&debian::install_text())
        .text(include_str!("finish.rs"))
        .text(include_str!("layout.rs"))
        .text(include_str!("esp.rs"))
        .file(&packages.kernel)?
        .file(&packages.launcher)?
        .path(dir, kind, "img");
    if path.exists() {
        return Ok(path);
    }
    let disk = Unfinished::new(dir, layout::SIZE)?;
    fill(project, files, base, packages, &disk)?;
    disk.finish(&path)?;
    remove_old(&path, kind)?;
    Ok(path)
}

fn fill(
    project: &Project,
    files: &Files,
    base: &Path,
    packages: &Packages,
    disk: &Unfinished,
) -> Result<()> {
    let layout = layout::write(disk.file())?;
    let root = Uuid::new_v4().to_string();
    let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
    let id = u32::from_be_bytes([a, b, c, d]);

    let given = debian::readable_dir()?;
    for deb in [&packages.kernel, &packages.launcher] {
        let name = deb.file_name().context("a package has a name")?;
        fs::copy(deb, given.path().join(name))
            .with_context(|| format!("{}: cannot copy it", deb.display()))?;
    }
    // In a user namespace no device can be made; mmdebstrap mounts this machine's there.
    let devices = if debian::is_root() {
        ""
    } else {
        "--exclude='./dev/*'"
    };
    let loaders = tempfile::tempdir().context("temporary directory")?;
    let mut mmdebstrap = debian::mmdebstrap();
    mmdebstrap
        .env("FILES", files.dir())
        .env("PACKAGES", given.path())
        .env("ROOT_START", layout.root.start.to_string())
        .env(
            "ROOT_KIB",
            ((layout.root.end - layout.root.start) >> 10).to_string(),
        )
        .env("ROOT_UUID", &root)
        .env("ESP_ID", esp::shown(id))
        .args(["--variant=custom", "--format=null", "--architectures=amd64"])
        .arg("--skip=check,update,setup,essential,cleanup")
        .arg(format!("--setup-hook={UNPACK} {devices} <&{ARCHIVE}"))
        .arg(format!("--customize-hook={}", files.hook("install")));
    for loader in esp::SIGNED {
        let to = loaders.path().join(esp::name_of(loader));
        mmdebstrap.arg(format!(
            "--customize-hook=download {loader} {}",
            to.display()
        ));
    }
    mmdebstrap.args(["", "/dev/null"]);
    hand_over(&mut mmdebstrap, base, disk)?;
    debian::run(
        project,
        "installing jaula's packages on a disk",
        "debian-disk.log",
        &mut mmdebstrap,
    )?;
    esp::write(disk.file(), &layout.esp, id, &root, loaders.path())
}

/// Opens archive and disk for the hooks.
fn hand_over(mmdebstrap: &mut Command, base: &Path, disk: &Unfinished) -> Result<()> {
    let archive = File::open(base).with_context(|| base.display().to_string())?;
    let mappings = vec![
        FdMapping {
            parent_fd: archive.into(),
            child_fd: ARCHIVE,
        },
        FdMapping {
            parent_fd: disk.hand_over()?,
            child_fd: DISK,
        },
    ];
    mmdebstrap
        .fd_mappings(mappings)
        .context("archive and disk cannot be handed over")?;
    Ok(())
}
