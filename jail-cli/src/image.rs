// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images: from what somebody asks for to a root directory, and back.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use jaula_rootfs::image::{
    self, Cache, Config, Image, Limits, Options, Part, Platform, Progress, Pull, Reference,
    SaveOptions, Saved, Summary, CACHE,
};
use jaula_rootfs::listing;
use jaula_rootfs::Listing;
use nix::unistd::geteuid;

use crate::built::Built;
use crate::layers::store::config_of;
use crate::layers::{self, refuse_own_root, Contents, RootFile, Source};
use crate::text::shown;
use crate::trusted_path::{self, Refusal};

/// Which image is asked for, and how much of it is taken.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it is called.
    pub reference: Reference,
    /// The machine that it is to be for; this one if not given.
    pub platform: Option<Platform>,
    /// When it is fetched.
    pub pull: Pull,
    /// How much is taken.
    pub limits: Limits,
    /// Leave nodes of devices out.
    pub without_devices: bool,
}

impl Asked {
    /// Opens it, from this machine's files or the cache, into which it is fetched where it has to be.
    ///
    /// # Errors
    ///
    /// A text that names the image, and what is wrong with it.
    pub fn open(&self) -> Result<Image, String> {
        let platform = self.platform.clone();
        let platform = platform.unwrap_or_else(Platform::of_this_machine);
        let image = match &self.reference {
            Reference::Fetched(_) => {
                cache()?.image(&self.reference, &platform, &self.limits, self.pull)
            }
            local => image::open_for(local, &platform, &self.limits),
        };
        image.map_err(|error| error.to_string())
    }

    /// Makes a root directory of it, in place of what is there where `replace` says so; and notes outside
    /// of it what it was made of. The digest of the image, and what is in the directory.
    ///
    /// # Errors
    ///
    /// A text that names the path, and why nothing was made.
    pub fn build(
        &self,
        target: &Path,
        replace: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(String, Summary), String> {
        let above = above(target)?;
        let image = self.open()?;
        let held = above.as_ref().map(OwnedFd::try_clone).transpose();
        let held = held.map_err(|error| error.to_string())?;
        let (summary, listing) = self.unpack(&image, target, (held, replace), progress, list)?;
        if let (Some(above), Some(name)) = (above, target.file_name()) {
            let noted = listing.and_then(|listing| {
                let reference = self.reference.to_string();
                Built::of_image(&reference, &image, listing).note(above.as_fd(), name)
            });
            if let Err(why) = noted {
                let what = "what it was made of could not be noted, and \"jaula rootfs check\" will not know";
                crate::complain!("jaula: warning: {}: {what}: {why}", shown(target));
            }
        }
        Ok((image.digest, summary))
    }

    /// Makes `name` of it in a directory that is open and that nobody else sees. Nothing is noted.
    ///
    /// # Errors
    ///
    /// As [`Asked::build`].
    pub fn build_in(
        &self,
        name: &Path,
        above: OwnedFd,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(String, Summary), String> {
        let image = self.open()?;
        let at = (Some(above), false);
        let (summary, ()) = self.unpack(&image, name, at, progress, |_| ())?;
        Ok((image.digest, summary))
    }

    fn unpack<T>(
        &self,
        image: &Image,
        target: &Path,
        (above, replace): (Option<OwnedFd>, bool),
        progress: &mut dyn FnMut(Progress),
        look: impl FnOnce(&OwnedFd) -> T,
    ) -> Result<(Summary, T), String> {
        let options = Options {
            above,
            replace,
            without_devices: self.without_devices,
        };
        let done = image::unpack_and(image, target, &options, progress, look);
        done.map_err(|error| format!("{}: {error}", self.reference))
    }
}

/// What is in a root that has just been made.
fn list(root: &OwnedFd) -> Result<Listing, String> {
    let root = root.try_clone().map_err(|error| error.to_string())?;
    Listing::of(root, &listing::Limits::NONE).map_err(|error| error.to_string())
}

/// The cache of this machine.
///
/// # Errors
///
/// A text that says what is in the way.
pub fn cache() -> Result<Cache, String> {
    Cache::open(Path::new(CACHE)).map_err(|error| error.to_string())
}

/// Saves directories as an image; see [`image::save`].
///
/// # Errors
///
/// A text that names the path, and why nothing was saved.
pub fn save(
    parts: &[Part],
    target: &Path,
    mut options: SaveOptions,
    progress: &mut dyn FnMut(&Saved),
) -> Result<Saved, String> {
    options.above = above(target)?;
    image::save(parts, target, &options, progress).map_err(|error| error.to_string())
}

/// What is saved.
pub struct ToSave {
    /// The directories that become layers, the lowest first.
    pub parts: Vec<Part>,
    /// What is known about running it.
    pub config: Option<Config>,
    /// A copy of what is written in a jail, gone with this.
    _copied: Option<layers::Parts>,
}

impl ToSave {
    /// Opens what a root is made of: a directory, or those of a root file or of a jail. Of a jail with a root of
    /// layers what was written there is copied first; `tell` is told how many bytes have been.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// A text that names the path or the jail, and what is in the way.
    pub fn open(source: &Source, tell: &mut dyn FnMut(u64)) -> Result<Self, String> {
        let mut copied = None;
        let parts = match source {
            Source::Path(path) => of_path(path)?,
            Source::Jail(jail) => match layers::parts(source, tell)? {
                Some(parts) => {
                    let all = parts.lower.iter().chain(&parts.written);
                    let opened = all.map(|path| part(path, true));
                    let opened = opened.collect::<Result<_, _>>()?;
                    copied = Some(parts);
                    opened
                }
                None => {
                    let unknown = || format!("jail {}: its root is not known", jail.info.number);
                    let record = jail.record.as_ref().ok_or_else(unknown)?;
                    vec![part(&record.root.path, false)?]
                }
            },
        };
        // It is noted for root alone.
        let config = match parts.first().filter(|_| geteuid().is_root()) {
            None => None,
            Some((path, lowest)) => match Built::of(&lowest.directory)? {
                Some(built) => built.head.config,
                None => config_of(path),
            },
        };
        Ok(ToSave {
            parts: parts.into_iter().map(|(_, part)| part).collect(),
            config,
            _copied: copied,
        })
    }
}

fn of_path(root: &Path) -> Result<Vec<(PathBuf, Part)>, String> {
    let about = |why: String| format!("{}: {why}", shown(root));
    let Some(file) = RootFile::find(root).map_err(about)? else {
        return Ok(vec![part(root, false)?]);
    };
    match file.contents() {
        // Any of them may be what was written on others.
        Contents::Layers(layers) => {
            refuse_own_root(&layers.lower).map_err(about)?;
            let directories = layers.directories();
            directories.iter().map(|path| part(path, true)).collect()
        }
        Contents::Volume(_) => Err(about(
            "is an encrypted volume, and cannot be saved".to_owned(),
        )),
    }
}

/// Opens a directory to be saved. Links on the way are followed where nobody but root of the host can
/// have laid them.
///
/// # Errors
///
/// A text that names the path, and what is in the way.
fn part(path: &Path, is_upper: bool) -> Result<(PathBuf, Part), String> {
    let failed = |why: String| format!("{}: {why}", shown(path));
    let found = trusted_path::open(path).map_err(|refusal| failed(refusal.describe()))?;
    let read = File::open(format!("/proc/self/fd/{}", found.as_raw_fd()));
    let read = read.map_err(|error| failed(error.to_string()))?;
    if !read.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(failed("is not a directory".to_owned()));
    }
    let part = Part {
        directory: read.into(),
        is_upper,
    };
    Ok((path.to_owned(), part))
}

/// The directory that something is to be made in, where it can be opened: what a jail may write to does
/// not say where that is.
fn above(target: &Path) -> Result<Option<OwnedFd>, String> {
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match trusted_path::open(parent.unwrap_or(Path::new("."))) {
        Ok(above) => Ok(Some(above)),
        // What is missing is said with what is wrong about the target itself.
        Err(Refusal::Kernel(_)) => Ok(None),
        Err(refusal) => Err(format!("{}: {}", shown(target), refusal.describe())),
    }
}

/// What an image is called, as a value of the command line.
///
/// # Errors
///
/// Where it is none.
pub fn reference(text: &str) -> Result<Reference, String> {
    text.parse()
        .map_err(|error: image::NotAReference| error.to_string())
}

/// Where a saved image goes: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, or a path, which is a file.
///
/// # Errors
///
/// Where it is none of these.
pub fn destination(text: &str) -> Result<(PathBuf, Option<String>, bool), String> {
    match reference(text)? {
        Reference::Layout(path, tag) => Ok((path, tag, true)),
        Reference::OciArchive(path, tag) => Ok((path, tag, false)),
        Reference::Path(path) => {
            let layout = path.is_dir() || text.ends_with('/');
            Ok((path, None, layout))
        }
        Reference::DockerArchive(..) | Reference::Fetched(_) => Err(format!(
            "{text:?}: an image is saved to oci-archive:FILE[:TAG], oci:DIR[:TAG] or a path; skopeo copies it \
             elsewhere"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_image_goes_is_told_by_its_name() {
        let tag = || Some("web:1".to_owned());
        assert_eq!(destination("oci:a:web:1"), Ok(("a".into(), tag(), true)));
        assert_eq!(
            destination("oci-archive:a:web:1"),
            Ok(("a".into(), tag(), false))
        );
        assert_eq!(
            destination("none/web.tar"),
            Ok(("none/web.tar".into(), None, false))
        );
        assert_eq!(
            destination("none/web/"),
            Ok(("none/web/".into(), None, true))
        );
        assert!(destination("docker://web").is_err());
        assert!(destination("docker-archive:web").is_err());
    }
}
