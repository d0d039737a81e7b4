// SPDX-License-Identifier: MIT OR Apache-2.0

//! Getting a source into the cache: all of it, or nothing.

use super::source::check_version;
use crate::process::{cannot_start, command, Logged};
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::{bail, Context, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// Room that an unpacked tree and one build take, with some to spare.
const NEEDED: u64 = 4 << 30;

const UNFINISHED: &str = "unfinished-";

/// Unpacks a tarball into `src` of a temporary directory in the cache.
pub fn unpack(project: &Project, tarball: &Path) -> Result<TempDir> {
    let top = project.cache().join("kernel");
    remove_unfinished(&top)?;
    check_room(&top)?;
    let fresh = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&top)
        .with_context(|| format!("{}: cannot create a directory", top.display()))?;
    let src = fresh.path().join("src");
    fs::create_dir(&src).with_context(|| src.display().to_string())?;
    run_tar(tarball, &src)?;
    check_version(&src)
        .with_context(|| format!("{}: not the kernel source expected", tarball.display()))?;
    Ok(fresh)
}

/// Puts an unpacked directory in its final place, in one step as others see it.
pub fn install(fresh: TempDir, place: &Path) -> Result<()> {
    if place.exists() {
        let old = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(place.parent().context("a directory of the cache")?)?;
        fs::rename(place, old.path().join("old")).with_context(|| place.display().to_string())?;
        let _progress = Progress::start("removing the old kernel source", Scale::Unknown);
        drop(old);
    }
    fs::rename(fresh.keep(), place)
        .with_context(|| format!("{}: cannot put in place", place.display()))
}

/// What a run that was killed has left. The cache's lock keeps other runs' work from us.
fn remove_unfinished(top: &Path) -> Result<()> {
    let _progress = Progress::start("removing what an earlier run has left", Scale::Unknown);
    for entry in fs::read_dir(top).with_context(|| top.display().to_string())? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("{}: cannot remove", entry.path().display()))?;
        }
    }
    Ok(())
}

fn check_room(dir: &Path) -> Result<()> {
    let free = fs4::available_space(dir).with_context(|| dir.display().to_string())?;
    if free < NEEDED {
        bail!(
            "{}: {} MiB free, but the kernel's source and one build need {}; make room, or set JAULA_CACHE to a larger disk",
            dir.display(), free >> 20, NEEDED >> 20
        );
    }
    Ok(())
}

/// tar reads its archive from us, so that progress can be shown.
fn run_tar(tarball: &Path, into: &Path) -> Result<()> {
    let mut archive =
        File::open(tarball).with_context(|| format!("{}: cannot open", tarball.display()))?;
    let size = archive
        .metadata()
        .with_context(|| tarball.display().to_string())?
        .len();
    let progress = Progress::start("unpacking the kernel source", Scale::Bytes(size));
    let errors = tempfile::NamedTempFile::new().context("temporary file")?;
    let mut tar = command("tar");
    tar.args([
        "-x",
        compression(tarball)?,
        "-f",
        "-",
        "--strip-components=1",
        "--no-same-owner",
        "-C",
    ])
    .arg(into)
    .stdin(Stdio::piped())
    .stderr(errors.reopen()?);
    let mut child = tar.spawn().map_err(|error| cannot_start(&tar, &error))?;
    let mut feed = child.stdin.take().context("tar's standard input")?;
    let mut buffer = vec![0; 1 << 18];
    let mut done = 0;
    loop {
        let n = archive
            .read(&mut buffer)
            .with_context(|| format!("{}: cannot read", tarball.display()))?;
        // tar closes its end when it has seen enough or has failed; its status tells which.
        if n == 0 || feed.write_all(&buffer[..n]).is_err() {
            break;
        }
        done += n as u64;
        progress.set(done);
    }
    drop(feed);
    let status = child.wait()?;
    if !status.success() {
        let said = fs::read_to_string(errors.path()).unwrap_or_default();
        let first: Vec<_> = said.lines().take(5).collect();
        let cause = if said.contains("No space left") {
            "the disk is full"
        } else {
            "the archive is corrupted or not complete"
        };
        bail!(
            "{}: cannot unpack ({status}): {cause}; for Debian's archive, `apt-get install --reinstall linux-source-6.12` fetches it again\n{}",
            tarball.display(), first.join("\n")
        );
    }
    progress.done();
    Ok(())
}

/// tar's option for a compression, by the archive's first bytes.
fn compression(tarball: &Path) -> Result<&'static str> {
    let mut magic = [0; 6];
    let mut file =
        File::open(tarball).with_context(|| format!("{}: cannot open", tarball.display()))?;
    let n = file
        .read(&mut magic)
        .with_context(|| format!("{}: cannot read", tarball.display()))?;
    match &magic[..n] {
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Ok("--xz"),
        [0x1f, 0x8b, ..] => Ok("--gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok("--zstd"),
        [b'B', b'Z', b'h', ..] => Ok("--bzip2"),
        _ => bail!(
            "{}: corrupted, or not an archive compressed with xz, gzip, zstd or bzip2",
            tarball.display()
        ),
    }
}

/// Copies a user's tree, without what a build in it has left and without the files in
/// `ours`; says whether anything changed.
pub fn copy_tree(
    project: &Project,
    theirs: &Path,
    to: &Path,
    ours: &BTreeSet<PathBuf>,
) -> Result<bool> {
    const BUILT: [&str; 12] = [
        "/.git",
        "/.config*",
        "/include/config",
        "/include/generated",
        "/arch/*/include/generated",
        "*.o",
        "*.a",
        "*.cmd",
        "*.rmeta",
        "/vmlinux*",
        "/Module.symvers",
        "/System.map",
    ];
    let progress = Progress::start("copying the kernel source", Scale::Unknown);
    let mut changed = false;
    let mut rsync = command("rsync");
    rsync.args([
        "-a",
        "--delete",
        "--out-format=%n",
        &format!("--exclude=/{}", super::tree::MODULE_PATH),
    ]);
    rsync.args(BUILT.iter().map(|pattern| format!("--exclude={pattern}")));
    rsync.args(
        ours.iter()
            .map(|path| format!("--exclude=/{}", path.display())),
    );
    rsync
        .arg(format!("{}/", theirs.display()))
        .arg(format!("{}/", to.display()));
    Logged::new("copying the kernel source", project.log("source.log")?)
        .run(&mut rsync, |line| {
            changed |= !line.is_empty() && !line.ends_with('/')
        })?;
    progress.done();
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrupted_archive_is_named() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let tarball = dir.path().join("linux.tar.xz");
        fs::write(&tarball, b"\xfd7zXZ\0 and then nothing of an archive")?;
        let error = run_tar(&tarball, dir.path())
            .expect_err("corrupted")
            .to_string();
        assert!(
            error.contains("linux.tar.xz") && error.contains("corrupted"),
            "{error}"
        );
        fs::write(&tarball, b"<html>")?;
        let error = run_tar(&tarball, dir.path())
            .expect_err("not an archive")
            .to_string();
        assert!(error.contains("linux.tar.xz"), "{error}");
        Ok(())
    }

    #[test]
    fn unfinished_work_is_removed() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::create_dir_all(dir.path().join("unfinished-abc/src"))?;
        fs::create_dir_all(dir.path().join("linux-source-6.12-0/src"))?;
        remove_unfinished(dir.path())?;
        assert!(!dir.path().join("unfinished-abc").exists());
        assert!(dir.path().join("linux-source-6.12-0").exists());
        Ok(())
    }
}
