// SPDX-License-Identifier: MIT OR Apache-2.0

//! A tar file with an image in it, as `docker save`, `podman save` and others write them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blob::Blob;
use super::decompress::Decompressed;
use super::error::{name as shown, ImageError};
use super::layer::{inside, Kind, LayerReader, Sought};
use super::limits::{Budget, Limits};

/// Files of an archive, by name.
#[derive(Debug)]
pub(crate) struct Archive {
    file: Arc<File>,
    files: HashMap<PathBuf, Found>,
}

#[derive(Debug)]
enum Found {
    File {
        offset: u64,
        size: u64,
    },
    /// The same as what has this name: older tools write a layer once, and link to it.
    Link(PathBuf),
}

/// What says what is in an archive, and has no other name.
const DOCUMENTS: [&str; 3] = ["index.json", "oci-layout", "manifest.json"];

/// How many links lead from one to another at most.
const MOST_LINKS: usize = 8;

impl Archive {
    /// Finds out where everything is.
    pub fn open(file: File, limits: &Limits) -> Result<Self, ImageError> {
        let file = plain(file, limits).map_err(ImageError::io("the archive"))?;
        let again = file.try_clone().map_err(ImageError::io("the archive"))?;
        let input = Sought::new(again).map_err(ImageError::io("the archive"))?;
        let mut reader = LayerReader::new(input, limits);
        let mut files = HashMap::new();
        let mut budget = Budget::new("archive", limits);
        while let Some(entry) = reader.next_entry()? {
            budget
                .entry(&entry.name)
                .map_err(|reason| ImageError::new(shown(&entry.name), reason))?;
            // What has another name than those that are looked for is passed over, whatever it is.
            let Ok(path) = inside(&entry.name, limits) else {
                continue;
            };
            let found = match entry.kind {
                Kind::File => Found::File {
                    offset: entry.offset,
                    size: entry.size,
                },
                Kind::Hardlink(target) => match inside(&target, limits) {
                    Ok(target) => Found::Link(target),
                    Err(_) => continue,
                },
                Kind::Symlink(target) => match beside(&path, &target, limits) {
                    Some(target) => Found::Link(target),
                    None => continue,
                },
                _ => continue,
            };
            // Of other files a digest says which is meant.
            let is_only = DOCUMENTS.iter().any(|name| path == Path::new(name));
            if files.insert(path, found).is_some() && is_only {
                let reason = "is there twice, and one reader would take the one, another the other";
                return Err(ImageError::new(shown(&entry.name), reason));
            }
        }
        Ok(Archive {
            file: Arc::new(file),
            files,
        })
    }

    /// The file that has this name; `None` where there is none.
    pub fn file(&self, name: &str) -> Result<Option<Blob>, ImageError> {
        let mut path = Path::new(name);
        for _ in 0..=MOST_LINKS {
            match self.files.get(path) {
                None => return Ok(None),
                Some(Found::File { offset, size }) => {
                    return Ok(Some(Blob::new(Arc::clone(&self.file), *offset, *size)));
                }
                Some(Found::Link(target)) => path = target,
            }
        }
        Err(ImageError::new(name, "leads through too many links"))
    }
}

/// Where a link leads, in the archive.
fn beside(link: &Path, target: &[u8], limits: &Limits) -> Option<PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let mut path = link.parent()?.to_owned();
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                if !path.pop() {
                    return None;
                }
            }
            name => path.push(OsStr::from_bytes(name)),
        }
    }
    inside(path.as_os_str().as_bytes(), limits).ok()
}

/// The file itself, or what it has in it decompressed, in a file without a name.
fn plain(mut file: File, limits: &Limits) -> io::Result<File> {
    let stored = file.metadata()?.len();
    let mut source = Decompressed::new(BufReader::with_capacity(128 << 10, file.try_clone()?))?;
    if !source.is_compressed() {
        file.rewind()?;
        return Ok(file);
    }
    // What is kept in /tmp may be kept in memory.
    let directory = ["/var/tmp", "/tmp"].into_iter().map(Path::new);
    let directory = directory.into_iter().find(|one| one.is_dir());
    let mut written = tempfile::tempfile_in(directory.unwrap_or(Path::new("/")))?;
    let most = stored
        .saturating_mul(limits.ratio)
        .max(Limits::RATIO_FROM)
        .min(limits.bytes);
    let mut taken = io::Read::take(&mut source, most.saturating_add(1));
    if io::copy(&mut taken, &mut written)? > most {
        let reason = format!("becomes larger than {most} bytes when it is decompressed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(written)
}
