// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where something is mounted: below the root, whatever links are in the way.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{self, openat, openat2, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{fstat, mkdirat, Mode, SFlag};
use nix::unistd::{fchownat, Gid, Uid};
use rustix::fs::{statx, AtFlags, StatxFlags};

use super::UserNamespace;
use crate::text::{reason, shown};

/// What a mount point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// Anything else.
    File,
}

impl Kind {
    /// Of what is open.
    pub fn of(file: &OwnedFd) -> Result<Self, String> {
        let mode = fstat(file).map_err(reason)?.st_mode;
        let is_directory = SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR;
        Ok(match is_directory {
            true => Kind::Directory,
            false => Kind::File,
        })
    }

    fn command(self) -> &'static str {
        match self {
            Kind::Directory => "mkdir -p",
            Kind::File => "touch",
        }
    }
}

/// The mount points of a root.
pub struct Targets<'a> {
    root: &'a OwnedFd,
    /// The file systems that jaula itself has made there, by their devices. Nobody in the jail has
    /// been there yet, so that something can be made in them.
    own: Vec<u64>,
    devices: Option<u64>,
    /// Whom on the host what is made there belongs to: root of the jail.
    owner: u32,
}

/// Where something is to be made that is not there.
pub struct Missing<'a> {
    directory: OwnedFd,
    name: &'a OsStr,
}

impl<'a> Targets<'a> {
    /// Those of the root that is open.
    pub fn new(root: &'a OwnedFd, users: Option<&UserNamespace>) -> Result<Self, String> {
        let owner = users.map(|users| users.on_host(0)).transpose()?;
        Ok(Targets {
            root,
            own: Vec::new(),
            devices: None,
            owner: owner.unwrap_or(0),
        })
    }

    /// Notes a file system that jaula has made there.
    pub fn add(&mut self, mount: &OwnedFd) -> Result<(), String> {
        self.own.push(device(mount)?);
        Ok(())
    }

    /// Notes the one for devices.
    pub fn add_devices(&mut self, mount: &OwnedFd) -> Result<(), String> {
        self.devices = Some(device(mount)?);
        self.add(mount)
    }

    /// Opens a mount point. One that is missing is made, in a file system of jaula's.
    pub fn open(&self, path: &Path, kind: Kind) -> Result<OwnedFd, String> {
        let place = match self.find(path) {
            Err(Errno::ENOENT) => self.make(path, kind)?,
            place => place.map_err(|errno| refused(path, errno))?,
        };
        if self.is_root(&place)? {
            return Err(format!("{} is the root itself", shown(path)));
        }
        match (Kind::of(&place)?, kind) {
            (Kind::File, Kind::Directory) => Err(format!("{} is no directory", shown(path))),
            (Kind::Directory, Kind::File) => Err(format!("{} is a directory", shown(path))),
            _ => Ok(place),
        }
    }

    /// Where a node is to be made, if it lies in the file system for devices: the directory and the
    /// name.
    pub fn node<'p>(&self, path: &'p Path) -> Result<Option<Missing<'p>>, String> {
        if self.devices.is_none() {
            return Ok(None);
        }
        match self.find(path) {
            Err(Errno::ENOENT) => {}
            Ok(_) => return Ok(None),
            Err(errno) => return Err(refused(path, errno)),
        }
        match self.missing(path, Kind::File)? {
            Some(missing) if Some(device(&missing.directory)?) == self.devices => Ok(Some(missing)),
            _ => Ok(None),
        }
    }

    fn find(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        openat2(self.root, path, below(flags, ResolveFlag::empty()))
    }

    fn make(&self, path: &Path, kind: Kind) -> Result<OwnedFd, String> {
        let Some(Missing { directory, name }) = self.missing(path, kind)? else {
            return Err(format!(
                "{0} does not exist in the root; make it first ({1} ROOT{0}), or mount a --tmpfs on \
                 what it lies in before it",
                shown(path),
                kind.command()
            ));
        };
        let failed = |errno| format!("making {}: {}", shown(path), reason(errno));
        match kind {
            Kind::Directory => self.directory_in(&directory, name).map_err(failed),
            Kind::File => {
                let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
                let mode = Mode::from_bits_truncate(0o644);
                let made = openat(&directory, name, flags | OFlag::O_CLOEXEC, mode);
                made.map_err(failed)?;
                self.give(&directory, name).map_err(failed)?;
                let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                openat(&directory, name, flags, Mode::empty()).map_err(failed)
            }
        }
    }

    /// The directory in which something is missing, with all that is missing above it made; `None`
    /// where it is not one of jaula's.
    fn missing<'p>(&self, path: &'p Path, kind: Kind) -> Result<Option<Missing<'p>>, String> {
        let mut missing = Vec::new();
        let mut reached = path;
        let found = loop {
            // Where a name is none, such as "..", what it would lead to is not known.
            let (Some(name), Some(above)) = (reached.file_name(), reached.parent()) else {
                return Ok(None);
            };
            missing.push(name);
            match self.find(above) {
                Ok(found) => break found,
                Err(Errno::ENOENT) => reached = above,
                Err(errno) => return Err(refused(above, errno)),
            }
        };
        if Kind::of(&found)? != Kind::Directory || !self.own.contains(&device(&found)?) {
            return Ok(None);
        }
        let mut directory = found;
        let name = missing.remove(0);
        for above in missing.into_iter().rev() {
            directory = self.directory_in(&directory, above).map_err(|errno| {
                let what = match kind {
                    Kind::Directory => path,
                    Kind::File => path.parent().unwrap_or(path),
                };
                format!("making {}: {}", shown(what), reason(errno))
            })?;
        }
        Ok(Some(Missing { directory, name }))
    }

    fn directory_in(&self, directory: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
        mkdirat(directory, name, Mode::from_bits_truncate(0o755))?;
        self.give(directory, name)?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(directory, name, flags, Mode::empty())
    }

    fn give(&self, directory: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        let owner = (Uid::from_raw(self.owner), Gid::from_raw(self.owner));
        let flags = fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
        fchownat(directory, name, Some(owner.0), Some(owner.1), flags)
    }

    /// Whether it is the root, on which nothing can be mounted that would be seen.
    fn is_root(&self, place: &OwnedFd) -> Result<bool, String> {
        let identity = |file: &OwnedFd| {
            let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
            let found =
                statx(file, c"", AtFlags::EMPTY_PATH, wanted).map_err(super::mounts::why)?;
            Ok::<_, String>((found.stx_mnt_id, found.stx_ino))
        };
        Ok(identity(place)? == identity(self.root)?)
    }
}

impl Missing<'_> {
    /// The directory.
    pub fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// The name in it.
    pub fn name(&self) -> &OsStr {
        self.name
    }
}

fn refused(path: &Path, errno: Errno) -> String {
    format!("{} in the root: {}", shown(path), reason(errno))
}

fn device(file: &OwnedFd) -> Result<u64, String> {
    // Narrower on some architectures.
    #[allow(clippy::useless_conversion)]
    Ok(u64::from(fstat(file).map_err(reason)?.st_dev))
}

/// How something is opened below the root, which is never left.
pub fn below(flags: OFlag, more: ResolveFlag) -> OpenHow {
    OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | more)
}
