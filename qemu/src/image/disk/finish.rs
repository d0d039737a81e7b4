// SPDX-License-Identifier: MIT OR Apache-2.0

//! Installing our packages on what Debian's have made, and making a disk of it.

use super::debian::{self, Files};
use super::key::{remove_old, Key};
use super::{esp, layout, Packages};
use crate::project::Project;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use uuid::Uuid;

const KIND: &str = "disk";

/// Makes the disk unless the cache has it.
pub fn make(project: &Project, files: &Files, base: &Path, packages: &Packages) -> Result<PathBuf> {
    let dir = project.cache().join("debian");
    let path = Key::default()
        .text(&base.display().to_string())
        .text(&debian::install_text())
        .file(&packages.kernel)?
        .file(&packages.launcher)?
        .path(&dir, KIND, "img");
    if path.exists() {
        return Ok(path);
    }
    let disk = NamedTempFile::with_prefix_in(".xtask-", &dir)
        .with_context(|| format!("{}: cannot create a file there", dir.display()))?;
    fill(project, files, base, packages, &disk)?;
    disk.persist(&path)
        .map_err(|error| error.error)
        .with_context(|| format!("{}: cannot put it there", path.display()))?;
    remove_old(&path, KIND)?;
    Ok(path)
}

fn fill(
    project: &Project,
    files: &Files,
    base: &Path,
    packages: &Packages,
    disk: &NamedTempFile,
) -> Result<()> {
    disk.as_file()
        .set_len(layout::SIZE)
        .with_context(|| format!("{}: cannot make it so large", disk.path().display()))?;
    let layout = layout::write(disk.as_file())?;
    let root = Uuid::new_v4().to_string();
    let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
    let id = u32::from_be_bytes([a, b, c, d]);

    let work = debian::readable_dir()?;
    for deb in [&packages.kernel, &packages.launcher] {
        let name = deb.file_name().context("a package has a name")?;
        fs::copy(deb, work.path().join(name))
            .with_context(|| format!("{}: cannot copy it", deb.display()))?;
    }
    let unpack = "tar --extract --file=\"$BASE\" --directory=\"$1\" --numeric-owner --xattrs \
                  --xattrs-include='*'";
    let mut mmdebstrap = debian::mmdebstrap();
    mmdebstrap
        .env("BASE", base)
        .env("FILES", files.dir())
        .env("WORK", work.path())
        .env("DISK", disk.path())
        .env("ROOT_START", layout.root.start.to_string())
        .env(
            "ROOT_KIB",
            ((layout.root.end - layout.root.start) >> 10).to_string(),
        )
        .env("ROOT_UUID", &root)
        .env("ESP_ID", esp::shown(id))
        .args(["--variant=custom", "--format=null", "--architectures=amd64"])
        .arg("--skip=check,update,setup,essential,cleanup")
        .arg(format!("--setup-hook={unpack}"))
        .arg(format!("--customize-hook={}", files.hook("install")))
        .args(["", "/dev/null"]);
    debian::run(
        project,
        "installing jaula's packages on a disk",
        "debian-disk.log",
        &mut mmdebstrap,
    )?;
    esp::write(disk.as_file(), &layout.esp, id, &root, work.path())
}
