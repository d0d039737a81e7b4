// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is in the cache, and taking it away.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;

use serde::Deserialize;

use super::roots::{About, ABOUT, MAKING};
use super::usage::usage;
use super::{lock, read_json, Cache};
use crate::build::stage;
use crate::debian::DEBIAN;
use crate::image::digest::Digest;
use crate::image::document::{Descriptor, Document, INDEX};
use crate::image::error::ImageError;
use crate::image::unpack::remove;

/// What something in the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image that was fetched; its content is shared with others.
    Image,
    /// A root directory.
    Root,
    /// A system of Debian's that templates begin with.
    Debian,
    /// Content of images.
    Blobs,
}

/// Something in the cache.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is.
    pub kind: Kind,
    /// What it was asked for by.
    pub name: String,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Somebody uses it.
    pub in_use: bool,
    /// What it is called in the cache.
    key: OsString,
}

/// What begins the name of what is being taken away.
const GONE: &str = ".gone-";

#[derive(Deserialize)]
struct Fetched {
    reference: String,
    platform: String,
}

impl Cache {
    /// All that is in it.
    ///
    /// # Errors
    ///
    /// Those of reading its directories.
    pub fn list(&self) -> Result<Vec<Listed>, ImageError> {
        let mut all = Vec::new();
        for (path, key) in names(&self.path.join("images"))? {
            let name = match read_json::<Fetched>(&path.join(ABOUT)) {
                Ok(fetched) => format!("{} ({})", fetched.reference, fetched.platform),
                Err(_) => key.to_string_lossy().into_owned(),
            };
            all.push(self.listed(Kind::Image, name, &path, key, false));
        }
        for (path, key) in names(&self.path.join("roots"))? {
            let name = match read_json::<About>(&path.join(ABOUT)) {
                Ok(about) => format!("{} {}", about.kind, about.name),
                Err(_) => key.to_string_lossy().into_owned(),
            };
            let in_use = lock::alone_at_once(&path)?.is_none();
            all.push(self.listed(Kind::Root, name, &path, key, in_use));
        }
        for (path, key) in names(&self.path.join(DEBIAN))? {
            let stem = Path::new(&key).file_stem().unwrap_or_default();
            let name = format!("{DEBIAN} {}", stem.to_string_lossy());
            all.push(self.listed(Kind::Debian, name, &path, key, false));
        }
        let blobs = self.path.join("blobs");
        let count = names(&blobs.join("sha256")).map_or(0, |names| names.len());
        let in_use = lock::alone_at_once(&blobs)?.is_none();
        let name = format!("content of images ({count} parts)");
        all.push(self.listed(Kind::Blobs, name, &blobs, OsString::new(), in_use));
        all.sort_by(|a, b| (a.kind as u8, &a.name).cmp(&(b.kind as u8, &b.name)));
        Ok(all)
    }

    fn listed(&self, kind: Kind, name: String, path: &Path, key: OsString, in_use: bool) -> Listed {
        Listed {
            kind,
            name,
            bytes: usage(path),
            in_use,
            key,
        }
    }

    /// Takes away what nobody uses, and returns what it was: all of it, or what was asked for by a name.
    ///
    /// # Errors
    ///
    /// Those of removing something; what was not removed before is there still, whole.
    pub fn empty(&self, name: Option<&str>) -> Result<Vec<Listed>, ImageError> {
        // Two who take the same away would be in each other's way.
        let _emptying = self.making(&self.path, "empty")?;
        self.clear_abandoned();
        let mut gone = Vec::new();
        for listed in self.list()? {
            let meant = match name {
                Some(name) => {
                    let asked = [format!("image {name}"), format!("template {name}")];
                    let fetched = listed.name.rsplit_once(" (").map(|(name, _)| name);
                    let system = listed.kind == Kind::Debian && name == DEBIAN;
                    asked.contains(&listed.name) || fetched == Some(name) || system
                }
                None => true,
            };
            let path = match listed.kind {
                Kind::Image => self.path.join("images").join(&listed.key),
                Kind::Root => self.path.join("roots").join(&listed.key),
                Kind::Debian => {
                    if meant {
                        take_away(&self.path.join(DEBIAN).join(&listed.key))?;
                        gone.push(listed);
                    }
                    continue;
                }
                Kind::Blobs => continue,
            };
            // An image is in use as long as its content is.
            let used = match listed.kind {
                Kind::Image => self.path.join("blobs"),
                _ => path.clone(),
            };
            if !meant {
                continue;
            }
            if let Some(_alone) = lock::alone_at_once(&used)? {
                take_away(&path)?;
                gone.push(listed);
            }
        }
        gone.extend(self.unused_content()?);
        Ok(gone)
    }

    /// Removes what is left of those who were interrupted while they made something or took it away. What
    /// cannot be removed now is there the next time.
    fn clear_abandoned(&self) {
        let blobs = ["sha256", "sha512"].map(|name| Path::new("blobs").join(name));
        let others = ["images", "roots", DEBIAN].map(Path::new);
        let all = others.into_iter().chain(blobs.iter().map(AsRef::as_ref));
        for directory in all.map(|name| self.path.join(name)) {
            stage::remove_abandoned(&directory);
            let Ok(opened) = File::open(&directory) else {
                continue;
            };
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let text = name.to_string_lossy();
                if text.starts_with(GONE) {
                    let _ = remove(&opened, &name);
                } else if text.starts_with(MAKING) {
                    // Whoever waits for it sees that it has gone, and makes another.
                    if let Ok(Some(_alone)) = lock::alone_at_once(&entry.path()) {
                        let _ = fs::remove_file(entry.path());
                    }
                }
            }
        }
    }

    /// Removes the content that no image names, and what was never finished.
    fn unused_content(&self) -> Result<Option<Listed>, ImageError> {
        let blobs = self.path.join("blobs");
        let Some(_alone) = lock::alone_at_once(&blobs)? else {
            return Ok(None);
        };
        // What a newer one was put in the place of, by somebody who was interrupted then.
        for (path, name) in names(&self.path.join("images"))? {
            if Path::new(&name).extension().is_some() {
                take_away(&path)?;
            }
        }
        let mut used = HashSet::new();
        for (path, _) in names(&self.path.join("images"))? {
            self.content_of(&path, &mut used)?;
        }
        let (mut bytes, mut count) = (0, 0);
        for algorithm in fs::read_dir(&blobs)
            .map_err(ImageError::io(blobs.display()))?
            .flatten()
        {
            if !algorithm.path().is_dir() {
                bytes += usage(&algorithm.path());
                count += 1;
                let removed = fs::remove_file(algorithm.path());
                removed.map_err(ImageError::io(algorithm.path().display()))?;
                continue;
            }
            for (path, name) in names(&algorithm.path())? {
                let kind = algorithm.file_name();
                let digest = format!("{}:{}", kind.to_string_lossy(), name.to_string_lossy());
                if digest.parse().is_ok_and(|digest| used.contains(&digest)) {
                    continue;
                }
                bytes += usage(&path);
                count += 1;
                take_away(&path)?;
            }
        }
        Ok((count > 0).then(|| Listed {
            kind: Kind::Blobs,
            name: format!("content of images ({count} parts)"),
            bytes,
            in_use: false,
            key: OsString::new(),
        }))
    }

    /// The digests of all that an image is made of.
    fn content_of(&self, image: &Path, used: &mut HashSet<Digest>) -> Result<(), ImageError> {
        // What cannot be understood names nothing, and is fetched again.
        let Ok(index) = fs::read(image.join("index.json")) else {
            return Ok(());
        };
        let Ok(Document::Index(entries)) = Document::parse("index.json", &index, INDEX) else {
            return Ok(());
        };
        let mut left: Vec<Descriptor> = entries;
        while let Some(entry) = left.pop() {
            if !used.insert(entry.digest.clone()) {
                continue;
            }
            let path = self.path.join("blobs").join(entry.digest.algorithm());
            let Ok(bytes) = fs::read(path.join(entry.digest.hex())) else {
                continue;
            };
            match Document::parse("manifest", &bytes, &entry.media_type) {
                Ok(Document::Index(more)) => left.extend(more),
                Ok(Document::Manifest { config, layers }) => {
                    used.insert(config.digest);
                    used.extend(layers.into_iter().map(|layer| layer.digest));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// What is in a directory, but for what is being made or left of that.
fn names(directory: &Path) -> Result<Vec<(std::path::PathBuf, OsString)>, ImageError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ImageError::new(directory.display(), error)),
    };
    let entries = entries
        .flatten()
        .map(|entry| (entry.path(), entry.file_name()));
    Ok(entries
        .filter(|(_, name)| !name.to_string_lossy().starts_with('.'))
        .collect())
}

/// Removes something in two steps: it has no name any more before the first part of it goes.
pub fn take_away(path: &Path) -> Result<(), ImageError> {
    let failed = |error: std::io::Error| ImageError::new(path.display(), error);
    let above = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default();
    let mut gone = OsString::from(GONE);
    gone.push(name);
    let directory = File::open(above).map_err(failed)?;
    // Of an earlier time, which was interrupted.
    remove(&directory, &gone).map_err(|errno| failed(errno.into()))?;
    fs::rename(path, above.join(&gone)).map_err(failed)?;
    remove(&directory, &gone).map_err(|errno| failed(errno.into()))?;
    Ok(())
}
