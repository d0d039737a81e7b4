// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an image is written into: a directory, or a tar file of the same.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{mkdirat, openat, renameat, unlinkat, AtFlags, Mode, OFlags};
use tar::{EntryType, Header};

use super::SaveOptions;
use crate::build::stage::Stage;
use crate::image::digest::{Digest, Hasher};
use crate::image::error::ImageError;
use crate::image::source::blob_path;

/// Content that has been written.
pub struct Stored {
    pub digest: Digest,
    pub size: u64,
}

/// An image that grows; nothing is at its target before all of it is there.
pub struct Container {
    stage: Stage,
    directory: OwnedFd,
    /// The tar file, in the directory; none where that is the image.
    archive: Option<File>,
    target: PathBuf,
    seen: HashSet<Digest>,
}

/// What content is called before its digest is known, and the tar file before it is whole.
const BEGUN: &str = "begun";

impl Container {
    pub fn new(target: &Path, options: &SaveOptions) -> Result<Self, ImageError> {
        let above = options.above.as_ref().map(AsFd::as_fd);
        let stage = match options.layout {
            true => Stage::new(target, options.replace, above)?,
            false => Stage::for_file(target, options.replace, above)?,
        };
        let directory = stage.open()?;
        let mut container = Container {
            stage,
            directory,
            archive: None,
            target: target.to_owned(),
            seen: HashSet::new(),
        };
        match options.layout {
            true => {
                for name in ["blobs", "blobs/sha256"] {
                    let made = mkdirat(&container.directory, name, Mode::RWXU);
                    made.map_err(|errno| container.kernel(errno))?;
                }
            }
            false => {
                let mut file = container.create(BEGUN)?;
                for name in ["blobs/", "blobs/sha256/"] {
                    let written = file.write_all(header(name, EntryType::Directory, 0).as_bytes());
                    written.map_err(|error| container.failed(error))?;
                }
                container.archive = Some(file);
            }
        }
        Ok(container)
    }

    /// Writes content whose digest is known when it has been written.
    pub fn blob(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), ImageError>,
    ) -> Result<Stored, ImageError> {
        let mut file = match &self.archive {
            Some(file) => file.try_clone().map_err(|error| self.failed(error))?,
            None => self.create(BEGUN)?,
        };
        let begin = file.stream_position().map_err(|error| self.failed(error))?;
        if self.archive.is_some() {
            // Its header, which says its name and its size.
            file.write_all(&[0; 512])
                .map_err(|error| self.failed(error))?;
        }
        let mut output = Hashed {
            inner: BufWriter::with_capacity(128 << 10, file),
            hasher: Hasher::default(),
            size: 0,
        };
        write(&mut output)?;
        let (digest, size) = (output.hasher.finish(), output.size);
        let file = output.inner.into_inner();
        let file = file.map_err(|error| self.failed(error.into_error()))?;
        let is_new = self.seen.insert(digest.clone());
        let path = blob_path(&digest);
        let done = match &self.archive {
            Some(_) => into_archive(file, begin, &path, size, is_new),
            None => renameat(&self.directory, BEGUN, &self.directory, path.as_str())
                .map_err(io::Error::from),
        };
        done.map_err(|error| self.failed(error))?;
        Ok(Stored { digest, size })
    }

    /// Writes a file that has a name of its own.
    pub fn file(&mut self, name: &str, content: &[u8]) -> Result<(), ImageError> {
        let mut bytes = Vec::new();
        let mut file = match &self.archive {
            Some(file) => {
                let size = content.len() as u64;
                bytes.extend(header(name, EntryType::Regular, size).as_bytes());
                file.try_clone().map_err(|error| self.failed(error))?
            }
            None => self.create(name)?,
        };
        bytes.extend(content);
        if self.archive.is_some() {
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        file.write_all(&bytes).map_err(|error| self.failed(error))
    }

    /// Puts it at its target, once it is on the disk.
    pub fn commit(mut self) -> Result<(), ImageError> {
        if let Some(mut file) = self.archive.take() {
            let ended = file.write_all(&[0; 1024]).and_then(|()| file.sync_all());
            ended.map_err(|error| self.failed(error))?;
            return Ok(self.stage.commit_file(Path::new(BEGUN))?);
        }
        rustix::fs::syncfs(&self.directory).map_err(|errno| self.kernel(errno))?;
        Ok(self.stage.commit()?)
    }

    /// A new file, which root alone can read: there may be anything in a root.
    fn create(&self, name: &str) -> Result<File, ImageError> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let _ = unlinkat(&self.directory, name, AtFlags::empty());
        openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|errno| self.kernel(errno))
    }

    fn failed(&self, error: io::Error) -> ImageError {
        ImageError::new(self.target.display(), format!("writing: {error}"))
    }

    fn kernel(&self, errno: rustix::io::Errno) -> ImageError {
        self.failed(errno.into())
    }
}

/// Completes an entry whose content has been written; one that is there already is taken back.
fn into_archive(mut file: File, begin: u64, path: &str, size: u64, is_new: bool) -> io::Result<()> {
    if !is_new {
        file.set_len(begin)?;
        return file.seek(SeekFrom::Start(begin)).map(drop);
    }
    let padding = (512 - size % 512) % 512;
    file.write_all(&[0; 512][..usize::try_from(padding).unwrap_or_default()])?;
    file.write_all_at(header(path, EntryType::Regular, size).as_bytes(), begin)
}

fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(match kind {
        EntryType::Directory => 0o755,
        _ => 0o644,
    });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

/// Passes on what is written, and finds out what it was.
struct Hashed {
    inner: BufWriter<File>,
    hasher: Hasher,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
