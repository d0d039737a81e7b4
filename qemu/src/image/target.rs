// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the image goes: a file, whole or not at all, or the card itself.

use super::device::{self, Device};
use crate::ui::{Progress, Scale};
use anyhow::{bail, ensure, Context, Result};
use nix::fcntl::{posix_fadvise, PosixFadviseAdvice};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const CHUNK: usize = 1 << 20;

/// A place that the image may go to.
#[derive(Debug)]
pub struct Target(Kind);

#[derive(Debug)]
enum Kind {
    File { path: PathBuf, replace: bool },
    Device(Device),
}

impl Target {
    /// Looks whether an image of `size` bytes may be written to `out`, before any work is done.
    ///
    /// With `force`, a file that is there is replaced, and so is all that is on a device: which
    /// must be a removable disk that is not in use.
    pub fn examine(out: &Path, force: bool, size: u64) -> Result<Self> {
        let kind = match fs::metadata(out) {
            Ok(meta) if meta.file_type().is_block_device() => {
                Kind::Device(device::examine(out, force, size)?)
            }
            Ok(meta) if meta.is_file() => {
                ensure!(
                    force,
                    "{}: exists already; --force replaces it",
                    out.display()
                );
                Kind::File {
                    // Where it is a link, what it leads to is replaced.
                    path: fs::canonicalize(out).with_context(|| out.display().to_string())?,
                    replace: true,
                }
            }
            Ok(meta) => bail!(
                "{}: is {}; an image can be written to a file or to a card's block device",
                out.display(),
                if meta.is_dir() {
                    "a directory"
                } else {
                    "neither a file nor a disk"
                }
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => Kind::File {
                path: std::path::absolute(out).with_context(|| out.display().to_string())?,
                replace: false,
            },
            Err(error) => return Err(error).with_context(|| out.display().to_string()),
        };
        if let Kind::File { path, .. } = &kind {
            let dir = directory(path)?;
            ensure!(
                dir.is_dir(),
                "{}: there is no directory {}",
                out.display(),
                dir.display()
            );
        }
        Ok(Self(kind))
    }

    /// What it is called in messages.
    pub fn name(&self) -> String {
        match &self.0 {
            Kind::File { path, .. } => path.display().to_string(),
            Kind::Device(device) => device.path.display().to_string(),
        }
    }

    /// A file to make the image in; it goes when it is dropped.
    pub fn work_file(&self) -> Result<NamedTempFile> {
        let dir = match &self.0 {
            // In the same directory, so that it can be renamed.
            Kind::File { path, .. } => directory(path)?.to_path_buf(),
            Kind::Device(_) => std::env::temp_dir(),
        };
        NamedTempFile::with_prefix_in(".xtask-", &dir)
            .with_context(|| format!("{}: cannot create a file there", dir.display()))
    }

    /// Puts the finished image in its place.
    pub fn commit(self, work: NamedTempFile) -> Result<()> {
        match self.0 {
            Kind::File { path, replace } => install(work, &path, replace)
                .with_context(|| format!("{}: cannot put the image there", path.display())),
            Kind::Device(device) => {
                let name = device.path.display().to_string();
                copy(work.as_file(), &device)
                    .and_then(|()| compare(work.as_file(), &device.file))
                    .with_context(|| {
                        format!("{name}: the card is not complete and must be written again")
                    })
            }
        }
    }
}

fn directory(path: &Path) -> Result<&Path> {
    path.parent()
        .with_context(|| format!("{}: names no file", path.display()))
}

fn install(work: NamedTempFile, path: &Path, replace: bool) -> Result<()> {
    work.as_file()
        .set_permissions(Permissions::from_mode(0o644))?;
    work.as_file().sync_all()?;
    if replace {
        work.persist(path)?;
    } else {
        work.persist_noclobber(path)?;
    }
    // The new name too is to be on the disk.
    File::open(directory(path)?)?.sync_all()?;
    Ok(())
}

fn copy(mut image: &File, device: &Device) -> Result<()> {
    let size = image.metadata()?.len();
    let mut card = &device.file;
    let progress = Progress::start(
        &format!("writing {}", device.path.display()),
        Scale::Bytes(size),
    );
    let mut buffer = vec![0; CHUNK];
    image.seek(SeekFrom::Start(0))?;
    let mut done = 0;
    while done < size {
        image.read_exact(&mut buffer).context("reading the image")?;
        card.write_all(&buffer)
            .with_context(|| format!("writing at byte {done}"))?;
        // Cards are slow: without this, all of the waiting would come at the end.
        card.sync_data()
            .with_context(|| format!("writing at byte {done}"))?;
        done += CHUNK as u64;
        progress.set(done);
    }
    card.sync_all()?;
    progress.done();
    Ok(())
}

fn compare(mut image: &File, mut card: &File) -> Result<()> {
    let size = image.metadata()?.len();
    // Read from the card, not from what the kernel remembers of the writing.
    posix_fadvise(card, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    let progress = Progress::start("reading the card back", Scale::Bytes(size));
    let (mut wanted, mut found) = (vec![0; CHUNK], vec![0; CHUNK]);
    image.seek(SeekFrom::Start(0))?;
    card.seek(SeekFrom::Start(0))?;
    let mut done = 0;
    while done < size {
        image.read_exact(&mut wanted).context("reading the image")?;
        card.read_exact(&mut found)
            .with_context(|| format!("reading at byte {done}"))?;
        ensure!(
            wanted == found,
            "what was written does not come back, from byte {done} on: the card may be broken"
        );
        done += CHUNK as u64;
        progress.set(done);
    }
    progress.done();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE_SIZE: u64 = 4 * CHUNK as u64;

    /// A file that stands in for a card which has more room than the image takes.
    fn card(dir: &Path) -> Result<Device> {
        let path = dir.join("card");
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path)?;
        (&file).write_all(&vec![0xee; CHUNK])?;
        file.set_len(IMAGE_SIZE + 2 * CHUNK as u64)?;
        (&file).seek(SeekFrom::Start(IMAGE_SIZE))?;
        (&file).write_all(b"beyond")?;
        (&file).seek(SeekFrom::Start(0))?;
        Ok(Device { path, file })
    }

    fn image() -> Result<NamedTempFile> {
        let image = NamedTempFile::new()?;
        image.as_file().set_len(IMAGE_SIZE - 3)?;
        image.as_file().seek(SeekFrom::End(0))?;
        image.as_file().write_all(b"end")?;
        Ok(image)
    }

    #[test]
    fn card_gets_the_image_and_nothing_beyond_is_touched() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let card = card(dir.path())?;
        let mut reader = File::open(&card.path)?;
        Target(Kind::Device(card)).commit(image()?)?;
        let mut start = vec![1; CHUNK];
        reader.read_exact(&mut start)?;
        assert!(start.iter().all(|byte| *byte == 0));
        reader.seek(SeekFrom::Start(IMAGE_SIZE - 3))?;
        let mut around_the_end = [0; 9];
        reader.read_exact(&mut around_the_end)?;
        assert_eq!(&around_the_end, b"endbeyond");
        Ok(())
    }

    #[test]
    fn card_that_forgets_is_told() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let card = card(dir.path())?;
        let error = compare(image()?.as_file(), &card.file).expect_err("0xee is not 0");
        assert!(error.to_string().contains("from byte 0 on"), "{error}");
        Ok(())
    }
}
