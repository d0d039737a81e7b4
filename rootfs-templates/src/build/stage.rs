// SPDX-License-Identifier: MIT OR Apache-2.0

//! The directory in which a root directory grows, and the one move that puts it in place.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{open, openat, renameat2, Flock, FlockArg, OFlag, RenameFlags};
use nix::sys::stat::{mkdirat, Mode, SFlag};
use rustix::fs::{fremovexattr, AtFlags, Stat};
use tempfile::TempDir;

use super::BuildError;

const PREFIX: &str = ".jaula-rootfs-";

/// How long a stage may be without its lock before it is taken for abandoned.
const GRACE: Duration = Duration::from_secs(60);

/// In what it lies beside the target, where its builder alone can enter: the directory that grows
/// has the mode that a root has from the beginning.
const ENCLOSED: &str = "root";

/// A directory beside the target; gone when dropped without [`Stage::commit`].
///
/// Others may be able to change what is beside it, a jail perhaps: nothing is looked up again by a path
/// on which they could lay a link.
pub struct Stage {
    /// The first to be dropped: its path leads through `above`.
    _enclosure: TempDir,
    /// The same, open and locked, which tells other builds that this one is alive; released when it
    /// ends, however it ends.
    enclosure: Flock<fs::File>,
    /// The directory that the target is in.
    above: fs::File,
    target: PathBuf,
    name: OsString,
    former: Option<OsString>,
    /// A file that is there is replaced.
    overwrite: bool,
}

impl Stage {
    /// Checks that `target` can be built, and makes the stage. Where `above` is open, that is the
    /// directory which the target is in, wherever its path may lead.
    pub fn new(
        target: &Path,
        replace: bool,
        above: Option<BorrowedFd<'_>>,
    ) -> Result<Self, BuildError> {
        let mut stage = Stage::beside(target, above)?;
        let former = match occupant(&stage.above, &stage.name, &stage.target)? {
            Occupant::Nothing => None,
            Occupant::Tree if replace => Some(former_name(&stage.above, &stage.target)?),
            Occupant::Tree => {
                let reason = "is not empty; give another directory, or --force to replace it";
                return Err(BuildError::new(&stage.target, reason));
            }
        };
        stage.former = former;
        Ok(stage)
    }

    /// The same for a file, which grows in the directory of the stage.
    pub fn for_file(
        target: &Path,
        replace: bool,
        above: Option<BorrowedFd<'_>>,
    ) -> Result<Self, BuildError> {
        let mut stage = Stage::beside(target, above)?;
        let found = stat_of(&stage.above, &stage.name);
        let kind = found.map(|found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT);
        let reason = match kind {
            Err(Errno::ENOENT) => None,
            Err(errno) => Some(io::Error::from(errno).to_string()),
            Ok(SFlag::S_IFREG) if replace => None,
            Ok(SFlag::S_IFREG) => {
                Some("is there already; give another name, or --force to replace it".to_owned())
            }
            Ok(_) => Some("is there already, and is not a regular file".to_owned()),
        };
        if let Some(reason) = reason {
            return Err(BuildError::new(&stage.target, reason));
        }
        stage.overwrite = replace;
        Ok(stage)
    }

    fn beside(target: &Path, above: Option<BorrowedFd<'_>>) -> Result<Self, BuildError> {
        let failed = |error: io::Error| BuildError::new(target, error);
        let Some(name) = target.file_name() else {
            return Err(BuildError::new(
                target,
                "is not the name of a directory to be made",
            ));
        };
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // What is at a path with a slash at its end is not what a rename would replace.
        let target = parent.join(name);
        let above = match above {
            Some(above) => openat(above, ".", DIRECTORY, Mode::empty()),
            None => open(parent, DIRECTORY, Mode::empty()),
        };
        let above = above.map(fs::File::from).map_err(|errno| match errno {
            Errno::ENOENT => {
                let shown = parent.display();
                let reason = format!(
                    "{shown} does not exist; make it first, where root alone can enter (mkdir -m 700 -p \
                     {shown})"
                );
                BuildError::new(&target, reason)
            }
            Errno::ENOTDIR => {
                BuildError::new(&target, format!("{} is not a directory", parent.display()))
            }
            errno => BuildError::kernel(parent, "opening it", errno),
        })?;
        let at = PathBuf::from(format!("/proc/self/fd/{}", above.as_raw_fd()));
        remove_abandoned(&at);
        let enclosure = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(at)
            // What it says itself is where that would have been.
            .map_err(|error| match error.raw_os_error() {
                Some(code) => failed(io::Error::from_raw_os_error(code)),
                None => failed(error.kind().into()),
            })?;
        let path = enclosure.path().to_owned();
        let errno = |errno| BuildError::kernel(&path, "locking it", errno);
        let open = open(&path, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()).map_err(errno)?;
        let lock = Flock::lock(fs::File::from(open), FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| errno(error))?;
        mkdirat(&*lock, ENCLOSED, Mode::S_IRWXU)
            .map_err(|errno| BuildError::kernel(&target, "making the directory", errno))?;
        inherit_nothing(&lock, &target)?;
        Ok(Stage {
            _enclosure: enclosure,
            enclosure: lock,
            above,
            name: name.to_owned(),
            target,
            former: None,
            overwrite: false,
        })
    }

    /// Opens the directory that grows.
    pub fn open(&self) -> Result<OwnedFd, BuildError> {
        let flags = DIRECTORY | OFlag::O_NOFOLLOW;
        openat(&*self.enclosure, ENCLOSED, flags, Mode::empty())
            .map_err(|errno| BuildError::kernel(&self.target, "opening the directory", errno))
    }

    /// Puts it at the target, in one step.
    pub fn commit(self) -> Result<(), BuildError> {
        let Some(former) = &self.former else {
            return self.put(&self.name);
        };
        // First to where the other will be. That never lies in the stage, where it would be removed
        // should this end in between.
        self.put(former)?;
        let replaced = renameat2(
            &self.above,
            former.as_os_str(),
            &self.above,
            self.name.as_os_str(),
            RenameFlags::RENAME_EXCHANGE,
        );
        replaced.map_err(|errno| {
            let back = RenameFlags::RENAME_NOREPLACE;
            let (above, stage) = (&self.above, &*self.enclosure);
            // What cannot be taken back is left beside the target, whole.
            let _ = renameat2(above, former.as_os_str(), stage, ENCLOSED, back);
            self.refused(errno)
        })
    }

    /// Puts a file that has grown in it at the target, in one step.
    pub fn commit_file(self, name: &Path) -> Result<(), BuildError> {
        let flags = match self.overwrite {
            true => RenameFlags::empty(),
            false => RenameFlags::RENAME_NOREPLACE,
        };
        let from = Path::new(ENCLOSED).join(name);
        let target = self.name.as_os_str();
        renameat2(&*self.enclosure, &from, &self.above, target, flags).map_err(|errno| {
            BuildError::kernel(&self.target, "putting the finished file there", errno)
        })
    }

    fn put(&self, name: &OsStr) -> Result<(), BuildError> {
        let flags = match self.former.as_deref() {
            // An empty directory may be there.
            None => RenameFlags::empty(),
            Some(_) => RenameFlags::RENAME_NOREPLACE,
        };
        renameat2(&*self.enclosure, ENCLOSED, &self.above, name, flags)
            .map_err(|errno| self.refused(errno))
    }

    fn refused(&self, errno: Errno) -> BuildError {
        match errno {
            Errno::EBUSY => {
                BuildError::new(&self.target, "is a mount point; give a directory below it")
            }
            errno => {
                BuildError::kernel(&self.target, "putting the finished directory there", errno)
            }
        }
    }
}

/// What a directory gets from the one that it is made in, and hands on: who else may do what (acl(5)).
const INHERITED: [&str; 2] = ["system.posix_acl_default", "system.posix_acl_access"];

/// Takes that from what grows, so that all that is made in it is as its modes say, wherever it grows.
fn inherit_nothing(enclosure: &fs::File, target: &Path) -> Result<(), BuildError> {
    let failed = |errno| BuildError::kernel(target, "taking away what it has inherited", errno);
    let flags = DIRECTORY | OFlag::O_NOFOLLOW;
    let grows = openat(enclosure, ENCLOSED, flags, Mode::empty()).map_err(failed)?;
    for name in INHERITED {
        match fremovexattr(&grows, name) {
            Ok(()) | Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(failed(Errno::from_raw(error.raw_os_error()))),
        }
    }
    Ok(())
}

const DIRECTORY: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);

enum Occupant {
    /// Nothing, or an empty directory.
    Nothing,
    /// A directory with something in it.
    Tree,
}

fn occupant(above: &fs::File, name: &OsStr, target: &Path) -> Result<Occupant, BuildError> {
    let failed = |errno: Errno| BuildError::new(target, io::Error::from(errno));
    match openat(above, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()) {
        Err(Errno::ENOENT) => Ok(Occupant::Nothing),
        Err(Errno::ENOTDIR | Errno::ELOOP) => {
            let found = stat_of(above, name).map_err(failed)?;
            let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
            Err(BuildError::new(
                target,
                match kind {
                    SFlag::S_IFLNK => "is a symbolic link; give the directory it leads to",
                    _ => "is not a directory",
                },
            ))
        }
        Err(errno) => Err(failed(errno)),
        Ok(directory) => {
            let mut entries = Dir::from_fd(directory).map_err(failed)?;
            for entry in entries.iter() {
                let entry = entry.map_err(failed)?;
                if ![c".", c".."].contains(&entry.file_name()) {
                    return Ok(Occupant::Tree);
                }
            }
            Ok(Occupant::Nothing)
        }
    }
}

/// Where to keep what is replaced: it can have mounts in it, and is never deleted from here.
fn former_name(above: &fs::File, target: &Path) -> Result<OsString, BuildError> {
    let mut path = target.as_os_str().to_owned();
    path.push(".old");
    let name = Path::new(&path).file_name().unwrap_or_default();
    match stat_of(above, name) {
        Ok(_) => Err(BuildError::new(
            &path,
            "is there already, from a replacement before; remove it first",
        )),
        Err(_) => Ok(name.to_owned()),
    }
}

/// Removes what builds left behind that were killed.
pub(crate) fn remove_abandoned(above: &Path) {
    let Ok(entries) = fs::read_dir(above) else {
        return;
    };
    for entry in entries.flatten() {
        let is_stage = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_stage && is_abandoned(&entry) {
            // It is no harm to this build when that fails.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    use std::os::unix::fs::MetadataExt;

    let Ok(found) = entry.metadata() else {
        return false;
    };
    let own = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw();
    let age = found.modified().ok().and_then(|time| time.elapsed().ok());
    // Between its making and its locking a stage looks abandoned.
    if !own || age.is_none_or(|age| age < GRACE) {
        return false;
    }
    // Others could put something else in its place.
    open(&entry.path(), DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()).is_ok_and(|directory| {
        let directory = fs::File::from(directory);
        Flock::lock(directory, FlockArg::LockExclusiveNonblock).is_ok()
    })
}

/// What lies under a name, be it a link. With 32 bit the C library's fstatat(2) has no room for times after
/// 2038, which whoever writes to a directory can give it.
fn stat_of(above: impl AsFd, name: impl AsRef<Path>) -> Result<Stat, Errno> {
    rustix::fs::statat(above, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
}
