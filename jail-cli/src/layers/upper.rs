// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where what is written to a root of layers lies: a directory of root's alone, with `upper` and `work`
//! in it.
//!
//! One is for one root at a time: of two that wrote to it neither would see what the other does, and
//! the kernel promises nothing. Who uses it locks it. A jail that outlives who has started it is noted
//! with it.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{openat, renameat, OFlag};
use nix::sys::stat::{mkdirat, Mode};
use nix::unistd::{unlinkat, UnlinkatFlags};
use rustix::fs::{flock, statx, AtFlags, FlockOperation, StatxFlags};

use super::overlay::make_below;
use super::{But, Contents};
use crate::jails::Jails;
use crate::root::Identity;
use crate::stat::{fstat, stat, Stat};
use crate::state::{Record, Store};
use crate::text::{reason, shown};
use crate::trusted_path::{self, Refusal};

/// The directory in which what is written lies.
pub const UPPER: &str = "upper";
/// The directory that overlayfs works in.
pub const WORK: &str = "work";
/// What the first is called before it is whole.
const NEW: &str = "upper.new";

/// How long is waited for one that is in use: whoever has used it may just be ending.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// An upper, locked.
pub struct Upper {
    path: PathBuf,
    directory: OwnedFd,
    identity: Identity,
}

impl Upper {
    /// Takes the one at an absolute path, and makes it where it is missing; the top of it is as `like` is.
    /// It may be noted with the jail `but`.
    ///
    /// # Errors
    ///
    /// A text that names it, and says who uses it where somebody does.
    pub fn prepare(path: &Path, like: &Stat, but: But) -> Result<Self, String> {
        let about = |why: String| format!("{}: {why}", shown(path));
        let directory = open(path).map_err(about)?;
        let stat = fstat(&directory).map_err(|errno| about(reason(errno)))?;
        if stat.st_uid != 0 || stat.st_mode & 0o077 != 0 {
            return Err(about(
                "is to be root's alone, for what a jail writes lies in it (chown root, chmod 700)"
                    .into(),
            ));
        }
        let upper = Upper {
            path: path.to_owned(),
            directory,
            identity: stat.into(),
        };
        upper.lock(but).map_err(about)?;
        upper.fill((UPPER, WORK), like).map_err(about)?;
        Ok(upper)
    }

    /// Which directory it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, which lasts as long as somebody has it.
    pub fn into_lock(self) -> OwnedFd {
        self.directory
    }

    /// The same directory among the mounts that the process has now.
    pub fn open_again(&self) -> Result<OwnedFd, String> {
        let about = |why: String| format!("{}: {why}", shown(&self.path));
        let again = open(&self.path).map_err(about)?;
        match fstat(&again).map(Identity::from) {
            Ok(found) if found == self.identity => Ok(again),
            Ok(_) => Err(about("is another directory now".into())),
            Err(errno) => Err(about(reason(errno))),
        }
    }

    fn lock(&self, but: But) -> Result<(), String> {
        let refused = |by: &str| {
            Err(format!(
                "is in use by {by}, and is for one at a time; \"jaula clone\" makes another upon the same \
                 layers"
            ))
        };
        let since = Instant::now();
        loop {
            let locked = flock(&self.directory, FlockOperation::NonBlockingLockExclusive);
            // Of one that is locked it is looked at once more, for who had it may have noted it last.
            match (locked, user_of(self.identity, but)) {
                (_, Some(jail)) => return refused(&format!("jail {jail}")),
                (Ok(()), None) => return Ok(()),
                (Err(rustix::io::Errno::WOULDBLOCK), None) if since.elapsed() > PATIENCE => {
                    return refused("another jaula")
                }
                (Err(rustix::io::Errno::WOULDBLOCK), None) => sleep(LOOK),
                (Err(error), None) => return Err(format!("locking it: {error}")),
            }
        }
    }

    /// Makes where something is written, and where overlayfs works for it, where they are missing; the top of
    /// the first is as `like` is.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn fill(&self, (upper, work): (&str, &str), like: &Stat) -> Result<(), String> {
        let at = |name: &str| {
            let name = name.to_owned();
            move |errno| format!("{name} in it: {}", reason(errno))
        };
        if matches!(open_below(&self.directory, upper), Err(Errno::ENOENT)) {
            // Who was killed before has left it without its mode.
            match unlinkat(&self.directory, NEW, UnlinkatFlags::RemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(at(NEW)(errno)),
            }
            make_below(&self.directory, NEW, Some(like)).map_err(at(NEW))?;
            renameat(&self.directory, NEW, &self.directory, upper).map_err(at(upper))?;
        }
        match make_below(&self.directory, work, None) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(at(work)(errno)),
        }
        let own = mount_of(&self.directory)?;
        for name in [upper, work] {
            let below = open_below(&self.directory, name).map_err(at(name))?;
            if mount_of(&below)? != own {
                return Err(format!(
                    "{name} in it is on another file system; both have to be on one, in one mount"
                ));
            }
        }
        let upper = open_below(&self.directory, upper).map_err(at(upper))?;
        trusted_path::mark(upper).map_err(|errno| match errno {
            Errno::EOPNOTSUPP => {
                "its file system has no trusted extended attributes, which layers need".to_owned()
            }
            errno => format!("marking it as a jail's: {}", reason(errno)),
        })
    }
}

/// Opens the directory, and makes it where it is missing. Nobody but root can change what leads there.
fn open(path: &Path) -> Result<OwnedFd, String> {
    let describe = |refusal: Refusal| refusal.describe();
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("is no name of a directory".into());
    };
    let above = trusted_path::open_firm(above).map_err(describe)?;
    let made = mkdirat(&above, name, Mode::S_IRWXU);
    match made {
        Ok(()) | Err(Errno::EEXIST) => open_below(&above, name).map_err(reason),
        Err(errno) => Err(reason(errno)),
    }
}

fn open_below(directory: impl AsFd, name: impl AsRef<OsStr>) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(directory, name.as_ref(), flags, Mode::empty())
}

fn mount_of(directory: &OwnedFd) -> Result<u64, String> {
    statx(directory, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        .map(|found| found.stx_mnt_id)
        .map_err(|error| error.to_string())
}

/// The jail that has the upper at a path.
pub(super) fn has(path: &Path, but: But) -> Option<String> {
    user_of(stat(path).ok()?.into(), but)
}

/// The jail that is noted with it and that there is.
fn user_of(upper: Identity, but: But) -> Option<String> {
    noted(|record| {
        let has_it = match record.root.made_of() {
            Some(Contents::Layers(layers)) => layers.have_upper(upper),
            _ => false,
        };
        has_it && but.0 != Some(record.number)
    })
}

/// The jail that has a directory of the host for a root, and may change it.
pub(super) fn writer_of(root: Identity) -> Option<String> {
    noted(|record| {
        let is_directory = record.root.made_of().is_none();
        is_directory && record.root.has(root) && !record.isolation.mounts.read_only
    })
}

/// The jail that has a directory for a lower layer.
pub(super) fn user_of_layer(layer: Identity) -> Option<String> {
    noted(|record| {
        let Some(Contents::Layers(layers)) = record.root.made_of() else {
            return false;
        };
        let is_it = |path: &PathBuf| stat(path).is_ok_and(|found| Identity::from(found) == layer);
        layers.lower.iter().any(is_it)
    })
}

/// A jail that there is, and what is noted about which is so.
pub(super) fn noted(is_so: impl Fn(&Record) -> bool) -> Option<String> {
    let (store, jails) = (Store::default(), Jails::open().ok()?);
    let numbers = store.numbers().ok()?;
    let mut records = numbers.into_iter().filter_map(|number| store.read(number));
    let found = records.find(|record| {
        // So it counts where it cannot be told.
        let is_there = || match jails.life(record.number) {
            Ok(jail) => jail.is_some_and(|jail| jail.created == record.created),
            Err(_) => true,
        };
        is_so(record) && is_there()
    })?;
    Some(match found.name {
        Some(name) => format!("{} ({name})", found.number),
        None => found.number.to_string(),
    })
}
