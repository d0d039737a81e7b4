// SPDX-License-Identifier: MIT OR Apache-2.0

//! A root directory that layers are put into, one over the other.
//!
//! Every path is looked up from the root that grows, and no link is ever followed: neither one of the
//! same layer nor one of an earlier layer. What a layer has below a link of an earlier one lies in a
//! directory that takes the link's place, as it does where each layer is a directory of an overlay.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{
    chmodat, chownat, linkat, mkdirat, mknodat, openat, openat2, statat, symlinkat, utimensat,
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid,
};
use rustix::io::Errno;

use super::attributes::{self, OWNER};
use super::placed::Placed;
use super::remove::{open, remove, remove_lower};
use crate::image::error::ImageError;
use crate::image::layer::{Entry, Time};
use crate::image::limits::{Budget, Limits};

/// The directory that grows, by its descriptor.
pub struct Tree<'a> {
    root: &'a OwnedFd,
    /// The directory that was needed last, and where it is.
    last: Option<(PathBuf, Rc<OwnedFd>)>,
    /// The times of all directories; what is put into one changes its own.
    directories: HashMap<PathBuf, Time>,
    placed: Placed,
    /// Of the current layer, those directories of which nothing is left that earlier layers have.
    emptied: Placed,
    budget: Budget,
    /// Extended attributes that were not taken over.
    pub xattrs_left_out: u64,
}

type Done = Result<(), ImageError>;

impl<'a> Tree<'a> {
    /// Begins with an empty directory, which becomes as the root of a system is.
    pub fn new(root: &'a OwnedFd, limits: &Limits) -> Result<Self, ImageError> {
        let usual = of_root();
        attributes::set(root, "/", &usual)?;
        Ok(Tree {
            root,
            last: None,
            directories: HashMap::from([(PathBuf::new(), usual.modified)]),
            placed: Placed::new(true),
            emptied: Placed::new(false),
            budget: Budget::new("image", limits),
            xattrs_left_out: 0,
        })
    }

    /// Begins a layer.
    pub fn begin(&mut self, first: bool) {
        self.placed = Placed::new(first);
        self.emptied = Placed::new(false);
    }

    /// Counts an entry, as all directories that are made are counted.
    pub fn count(&mut self, name: &[u8]) -> Result<(), String> {
        self.budget.entry(name)
    }

    /// Makes a directory, or gives one that is there other attributes.
    pub fn directory(&mut self, path: &Path, entry: &Entry) -> Done {
        let shown = path.display().to_string();
        let failed = |what: &'static str| {
            let shown = &shown;
            move |errno| ImageError::kernel(shown, what, errno)
        };
        let (directory, is_new) = match path.file_name() {
            None => {
                let root = openat(self.root, c".", DIRECTORY, Mode::empty());
                (root.map_err(failed("opening it"))?, false)
            }
            Some(name) => {
                let parent = self.parent(path)?;
                let is_new = match mkdirat(&parent, name, Mode::RWXU) {
                    Ok(()) => true,
                    Err(Errno::EXIST) => match kind(&parent, name) {
                        Ok(FileType::Directory) => false,
                        _ => {
                            self.clear(path)?;
                            mkdirat(&parent, name, Mode::RWXU).map_err(failed("making it"))?;
                            true
                        }
                    },
                    Err(errno) => return Err(failed("making it")(errno)),
                };
                (open(&parent, name).map_err(failed("opening it"))?, is_new)
            }
        };
        if !is_new {
            attributes::clear_xattrs(directory.as_fd(), &shown)?;
        }
        attributes::set(&directory, &shown, entry)?;
        self.xattrs_left_out += attributes::set_xattrs(directory.as_fd(), &shown, entry)?;
        self.directories.insert(path.to_owned(), entry.modified);
        self.placed.add(path);
        Ok(())
    }

    /// Makes a file, and has its content written.
    pub fn file(
        &mut self,
        path: &Path,
        entry: &Entry,
        write: impl FnOnce(&mut File) -> Result<(), ImageError>,
    ) -> Done {
        let shown = path.display().to_string();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let flags = flags | OFlags::CLOEXEC;
        let file = self.fresh(path, "making the file", |parent, name| {
            openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
        })?;
        let mut file = File::from(file);
        write(&mut file)?;
        attributes::set(&file, &shown, entry)?;
        self.xattrs_left_out += attributes::set_xattrs(file.as_fd(), &shown, entry)?;
        attributes::set_times(&file, &shown, entry.modified)
    }

    /// Makes a symbolic link, to whatever it is.
    pub fn symlink(&mut self, path: &Path, entry: &Entry, target: &[u8]) -> Done {
        self.fresh(path, "making the symbolic link", |parent, name| {
            symlinkat(target, parent, name)
        })?;
        self.own(path, entry)?;
        self.date(path, entry)
    }

    /// Makes a named pipe.
    pub fn fifo(&mut self, path: &Path, entry: &Entry) -> Done {
        self.fresh(path, "making the named pipe", |parent, name| {
            mknodat(parent, name, FileType::Fifo, Mode::RUSR, 0)
        })?;
        self.own(path, entry)?;
        let (parent, name) = (self.parent(path)?, name_of(path));
        chmodat(
            &parent,
            name,
            Mode::from_raw_mode(entry.mode),
            AtFlags::empty(),
        )
        .map_err(|errno| ImageError::kernel(path.display(), "setting its mode", errno))?;
        self.date(path, entry)
    }

    /// Gives a file that is there another name.
    pub fn hardlink(&mut self, path: &Path, target: &Path) -> Done {
        let refused = |reason: &str| {
            let reason = format!("is a hard link to {}, which {reason}", target.display());
            ImageError::new(path.display(), reason)
        };
        if path == target {
            return Err(refused("is the same name"));
        }
        let Some(name) = target.file_name() else {
            return Err(refused("is the root"));
        };
        let above = target.parent().unwrap_or(Path::new(""));
        let from = self.look_up(above).map_err(|errno| match errno {
            Errno::LOOP => refused("is below a symbolic link"),
            errno => refused(&std::io::Error::from(errno).to_string()),
        })?;
        match kind(&from, name) {
            Ok(FileType::Directory) => return Err(refused("is a directory")),
            Ok(_) => {}
            Err(_) => return Err(refused("is not there")),
        }
        // What is in its place must not be what it is to be a name of.
        if target.starts_with(path) {
            return Err(refused("is below it"));
        }
        self.fresh(path, "making the hard link", |parent, own| {
            linkat(&from, name, parent, own, AtFlags::empty())
        })
    }

    /// Takes away what earlier layers have at `path`.
    pub fn whiteout(&mut self, path: &Path) -> Done {
        if self.placed.is_first() {
            return Ok(());
        }
        let Some(name) = path.file_name() else {
            return Ok(());
        };
        let above = path.parent().unwrap_or(Path::new(""));
        let Some(parent) = self.hidden(above, path)? else {
            return Ok(());
        };
        // Of what this layer has there itself, nothing goes.
        if self.placed.has(path) {
            return match kind(&parent, name) {
                Ok(FileType::Directory) => self.opaque(path),
                _ => Ok(()),
            };
        }
        self.last = None;
        remove(parent, name)
            .map(drop)
            .map_err(|errno| ImageError::kernel(path.display(), "removing it", errno))
    }

    /// Takes away what earlier layers have in the directory `path`.
    pub fn opaque(&mut self, path: &Path) -> Done {
        if self.placed.is_first() {
            return Ok(());
        }
        let failed = |errno| ImageError::kernel(path.display(), "emptying it", errno);
        let Some(found) = self.hidden(path, path)? else {
            return Ok(());
        };
        // What has come since is this layer's: a layer could have all of it gone through without end.
        if !self.emptied.add_below_none(path) {
            return Ok(());
        }
        // To be read: what was found is a place, and no more.
        let directory = openat(&found, c".", DIRECTORY, Mode::empty()).map_err(failed)?;
        self.last = None;
        remove_lower(&directory, path, &self.placed).map_err(failed)
    }

    /// Gives the directories their times.
    pub fn finish(self) -> Done {
        for (path, modified) in &self.directories {
            let resolve = inside();
            let path = match path.as_os_str().is_empty() {
                true => Path::new("."),
                false => path,
            };
            match openat2(self.root, path, DIRECTORY, Mode::empty(), resolve) {
                Ok(directory) => {
                    attributes::set_times(directory, &path.display().to_string(), *modified)?;
                }
                // A later layer has taken it away.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(errno) => return Err(ImageError::kernel(path.display(), "opening it", errno)),
            }
        }
        Ok(())
    }

    /// Makes something where nothing is; what was there goes.
    fn fresh<T>(
        &mut self,
        path: &Path,
        what: &str,
        make: impl Fn(&OwnedFd, &OsStr) -> rustix::io::Result<T>,
    ) -> Result<T, ImageError> {
        let name = name_of(path);
        let parent = self.parent(path)?;
        let made = match make(&parent, name) {
            Err(Errno::EXIST) => {
                self.clear(path)?;
                make(&parent, name)
            }
            made => made,
        };
        let made = made.map_err(|errno| ImageError::kernel(path.display(), what, errno))?;
        self.placed.add(path);
        Ok(made)
    }

    /// Removes what is at `path`, a tree too.
    fn clear(&mut self, path: &Path) -> Done {
        let parent = self.parent(path)?;
        // The last directory may have been in it.
        self.last = None;
        remove(&parent, name_of(path)).map(drop).map_err(|errno| {
            ImageError::kernel(
                path.display(),
                "removing what an earlier entry put there",
                errno,
            )
        })
    }

    fn own(&mut self, path: &Path, entry: &Entry) -> Done {
        let parent = self.parent(path)?;
        let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        chownat(&parent, name_of(path), Some(uid), Some(gid), flags)
            .map_err(|errno| ImageError::kernel(path.display(), OWNER, errno))
    }

    fn date(&mut self, path: &Path, entry: &Entry) -> Done {
        let parent = self.parent(path)?;
        let times = attributes::times(entry.modified);
        utimensat(&parent, name_of(path), &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| {
            ImageError::kernel(path.display(), "setting its time of change", errno)
        })
    }

    /// The directory that `path` is in, made where it is not there.
    fn parent(&mut self, path: &Path) -> Result<Rc<OwnedFd>, ImageError> {
        let above = path.parent().unwrap_or(Path::new(""));
        if let Some((last, directory)) = &self.last {
            if last == above {
                return Ok(Rc::clone(directory));
            }
        }
        let directory = match self.look_up(above) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => self.descend(above)?,
            Err(errno) => return Err(ImageError::kernel(above.display(), "opening it", errno)),
        };
        let directory = Rc::new(directory);
        self.last = Some((above.to_owned(), Rc::clone(&directory)));
        Ok(directory)
    }

    /// Goes down to a directory, and makes what is missing on the way.
    fn descend(&mut self, path: &Path) -> Result<OwnedFd, ImageError> {
        let mut reached = PathBuf::new();
        let root = openat(self.root, c".", PLACE, Mode::empty());
        let mut current = root.map_err(|errno| ImageError::kernel("/", "opening it", errno))?;
        for name in path.iter() {
            reached.push(name);
            let failed = |what: &'static str| {
                let reached = reached.display().to_string();
                move |errno| ImageError::kernel(reached, what, errno)
            };
            let next = openat2(&current, name, PLACE, Mode::empty(), inside());
            current = match next {
                Ok(next) => next,
                Err(Errno::NOENT) => self.implied(&current, name, &reached)?,
                Err(errno @ (Errno::LOOP | Errno::NOTDIR)) => {
                    if self.placed.has(&reached) {
                        let reason = match errno {
                            Errno::LOOP => {
                                "is a symbolic link, and the layer has something below it"
                            }
                            _ => "is no directory, and the layer has something below it",
                        };
                        return Err(ImageError::new(reached.display(), reason));
                    }
                    remove(&current, name)
                        .map_err(failed("removing what an earlier layer has there"))?;
                    self.implied(&current, name, &reached)?
                }
                Err(errno) => return Err(failed("opening it")(errno)),
            };
        }
        Ok(current)
    }

    /// Makes a directory that no entry is for.
    fn implied(
        &mut self,
        above: &OwnedFd,
        name: &OsStr,
        path: &Path,
    ) -> Result<OwnedFd, ImageError> {
        let shown = path.display().to_string();
        let failed = |errno| ImageError::kernel(&shown, "making it", errno);
        self.budget
            .entry(path.as_os_str().as_bytes())
            .map_err(|reason| ImageError::new(&shown, reason))?;
        mkdirat(above, name, Mode::RWXU).map_err(failed)?;
        let directory = open(above, name).map_err(failed)?;
        let usual = of_root();
        attributes::set(&directory, &shown, &usual)?;
        self.directories.insert(path.to_owned(), usual.modified);
        self.placed.add(path);
        Ok(directory)
    }

    /// A directory that is there.
    fn look_up(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        match path.as_os_str().is_empty() {
            true => openat(self.root, c".", PLACE, Mode::empty()),
            false => openat2(self.root, path, PLACE, Mode::empty(), inside()),
        }
    }

    /// A directory that a whiteout is about; `None` where there is none.
    fn hidden(&self, directory: &Path, path: &Path) -> Result<Option<OwnedFd>, ImageError> {
        match self.look_up(directory) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::LOOP) => {
                let reason = "is taken away below a symbolic link, and could be anywhere";
                Err(ImageError::new(path.display(), reason))
            }
            Err(errno) => Err(ImageError::kernel(path.display(), "looking for it", errno)),
        }
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory that is not read itself.
const PLACE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn inside() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV
}

fn kind(parent: impl AsFd, name: &OsStr) -> rustix::io::Result<FileType> {
    let found = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode))
}

/// Its last component; the root is never asked for.
fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or(OsStr::new("."))
}

/// A directory of root's that all may enter, from no time in particular.
fn of_root() -> Entry {
    Entry {
        name: Vec::new(),
        kind: crate::image::layer::Kind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        modified: Time::default(),
        xattrs: Vec::new(),
        size: 0,
        offset: 0,
    }
}
