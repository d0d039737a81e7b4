// SPDX-License-Identifier: MIT OR Apache-2.0

//! Root directories that are built once, and only read.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::clean::take_away;
use super::lock::{self, Lock};
use super::{on_disk, read_json, Cache};
use crate::build::stage::Stage;
use crate::image::config::Config;
use crate::image::digest::Digest;
use crate::image::error::ImageError;
use crate::image::open::Image;
use crate::image::unpack::{unpack, Options, Progress};

/// Of what a root was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// `image` or `template`.
    pub kind: String,
    /// What it was asked for by.
    pub name: String,
    /// What stands for all that it was made of: the digest of an image, or of a template and its settings.
    pub digest: String,
    /// What an image says about running it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
}

/// A root of the cache, which is not removed as long as this is held.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// Of what it was made.
    pub about: About,
    lock: Lock,
}

impl Root {
    /// The root directory; nothing may be written there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What holds it: open in a process, any process, it keeps the root from being removed. It is closed by
    /// execve.
    pub fn into_lock(self) -> OwnedFd {
        self.lock.into()
    }
}

impl Cache {
    /// The root directory of an image, unpacked where it has not been before.
    ///
    /// # Errors
    ///
    /// Those of unpacking it.
    pub fn root_of_image(
        &self,
        name: &str,
        image: &Image,
        without_devices: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Root, ImageError> {
        let about = About {
            kind: "image".to_owned(),
            name: name.to_owned(),
            digest: image.digest.clone(),
            config: Some(image.config.clone()),
        };
        self.root(about, |target| {
            let options = Options {
                without_devices,
                ..Options::default()
            };
            unpack(image, target, &options, progress).map(drop)
        })
    }

    /// The root directory of which `about` tells, made by `make` at the path that it is given where there
    /// is none. Who asks for one that another is making waits.
    ///
    /// # Errors
    ///
    /// Those of `make`, and of the cache.
    pub fn root(
        &self,
        about: About,
        make: impl FnOnce(&Path) -> Result<(), ImageError>,
    ) -> Result<Root, ImageError> {
        let key = Digest::of(format!("{}\n{}", about.kind, about.digest).as_bytes());
        let roots = self.path.join(ROOTS);
        let target = roots.join(key.hex());
        let mut make = Some(make);
        loop {
            if let Some(lock) = lock::shared_if_there(&target)? {
                let path = target.join(ROOT);
                match read_json(&target.join(ABOUT)) {
                    Ok(about) if path.is_dir() => return Ok(Root { path, about, lock }),
                    _ => drop(lock),
                }
                // What is not whole, since a machine went down say, is made anew.
                let Some(_alone) = lock::alone_at_once(&target)? else {
                    let reason = "is damaged, and in use; end the jails on it first";
                    return Err(ImageError::new(target.display(), reason));
                };
                take_away(&target)?;
                continue;
            }
            let _alone = self.making(&roots, key.hex())?;
            if target.is_dir() {
                continue;
            }
            let Some(make) = make.take() else {
                return Err(ImageError::new(
                    target.display(),
                    "is removed as soon as it is there",
                ));
            };
            let stage = Stage::new(&target, false, None)?;
            let directory = stage.open()?;
            let within = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
            make(&within.join(ROOT))?;
            let text = serde_json::to_string(&about);
            let text = text.map_err(|error| ImageError::new(target.display(), error))?;
            let written = fs::write(within.join(ABOUT), text);
            written.map_err(ImageError::io(target.display()))?;
            on_disk(&directory, &target)?;
            stage.commit()?;
        }
    }

    /// Waits until nobody else is making the same.
    pub(super) fn making(&self, directory: &Path, key: &str) -> Result<Lock, ImageError> {
        let path = directory.join(format!("{MAKING}{key}"));
        loop {
            let file = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            file.map_err(ImageError::io(path.display()))?;
            if let Some(lock) = lock::alone(&path)? {
                return Ok(lock);
            }
        }
    }
}

/// What begins the name of what is locked while something is made.
pub const MAKING: &str = ".making-";

/// Where root directories are.
const ROOTS: &str = "roots";

/// The root directory of an entry.
pub const ROOT: &str = "root";

/// What tells of it.
pub const ABOUT: &str = "about.json";
