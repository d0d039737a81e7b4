// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where something is mounted: below the root, on what is there or is made for it.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{self, openat, OFlag};
use nix::sys::stat::{mkdirat, Mode, SFlag};
use nix::unistd::{fchownat, Gid, Uid};

use super::lookup::{mount_number, Mounted, Obstacle};
use super::UserNamespace;
use crate::root::Identity;
use crate::stat::fstat;
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
    /// What is mounted there. In what jaula itself has made nobody of the jail has been yet, so that
    /// something can be made there.
    mounted: Mounted,
    /// The file system for devices, by its device.
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
            mounted: Mounted::default(),
            devices: None,
            owner: owner.unwrap_or(0),
        })
    }

    /// Notes a file system that jaula has made there.
    pub fn add(&mut self, mount: &OwnedFd) -> Result<(), String> {
        self.mounted.add_own(mount).map(drop).map_err(reason)
    }

    /// Notes the one for devices.
    pub fn add_devices(&mut self, mount: &OwnedFd) -> Result<(), String> {
        self.devices = Some(self.mounted.add_own(mount).map_err(reason)?);
        Ok(())
    }

    /// Notes what is shown there of the host.
    pub fn add_shown(&mut self, mount: &OwnedFd) -> Result<(), String> {
        self.mounted.add_shown(mount).map_err(reason)
    }

    /// Opens a mount point. One that is missing is made, in a file system of jaula's.
    pub fn open(&self, path: &Path, kind: Kind) -> Result<OwnedFd, String> {
        let place = match self.find(path) {
            Err(Obstacle::Kernel(Errno::ENOENT)) => self.make(path, kind)?,
            place => place.map_err(|obstacle| obstacle.describe(path))?,
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

    /// A file that there is; nothing is made.
    pub fn file(&self, path: &Path) -> Result<Option<OwnedFd>, String> {
        match self.find(path) {
            Ok(place) => Ok((Kind::of(&place)? == Kind::File).then_some(place)),
            Err(Obstacle::Kernel(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)) => Ok(None),
            Err(obstacle) => Err(obstacle.describe(path)),
        }
    }

    /// Where a node is to be made, if it lies in the file system for devices: the directory and the
    /// name.
    pub fn node<'p>(&self, path: &'p Path) -> Result<Option<Missing<'p>>, String> {
        if self.devices.is_none() {
            return Ok(None);
        }
        match self.find(path) {
            Err(Obstacle::Kernel(Errno::ENOENT)) => {}
            Ok(_) => return Ok(None),
            Err(obstacle) => return Err(obstacle.describe(path)),
        }
        match self.missing(path, Kind::File)? {
            Some(missing) if Some(device(&missing.directory)?) == self.devices => Ok(Some(missing)),
            _ => Ok(None),
        }
    }

    fn find(&self, path: &Path) -> Result<OwnedFd, Obstacle> {
        self.mounted.find(self.root, path)
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
                Err(Obstacle::Kernel(Errno::ENOENT)) => reached = above,
                Err(obstacle) => return Err(obstacle.describe(above)),
            }
        };
        let is_own = self.mounted.is_own(&found).map_err(reason)?;
        if Kind::of(&found)? != Kind::Directory || !is_own {
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
            let number = mount_number(file)?;
            Ok((number, Identity::from(fstat(file)?)))
        };
        let place = identity(place).map_err(reason)?;
        Ok(place == identity(self.root).map_err(reason)?)
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

fn device(file: &OwnedFd) -> Result<u64, String> {
    // Narrower on some architectures.
    #[allow(clippy::useless_conversion)]
    Ok(u64::from(fstat(file).map_err(reason)?.st_dev))
}
