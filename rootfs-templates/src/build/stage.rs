// SPDX-License-Identifier: MIT OR Apache-2.0

//! The directory in which a root directory grows, and the one move that puts it in place.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{renameat2, Flock, FlockArg, RenameFlags, AT_FDCWD};
use tempfile::TempDir;

use super::BuildError;

const PREFIX: &str = ".jaula-rootfs-";

/// How long a stage may be without its lock before it is taken for abandoned.
const GRACE: Duration = Duration::from_secs(60);

/// In what it lies beside the target, where its builder alone can enter: the directory that grows
/// has the mode that a root has from the beginning.
const ENCLOSED: &str = "root";

/// A directory beside the target; gone when dropped without [`Stage::commit`].
pub struct Stage {
    _enclosure: TempDir,
    directory: PathBuf,
    /// Tells other builds that this one is alive; released when it ends, however it ends.
    _lock: Flock<fs::File>,
    target: PathBuf,
    former: Option<PathBuf>,
}

impl Stage {
    /// Checks that `target` can be built, and makes the stage.
    pub fn new(target: &Path, replace: bool) -> Result<Self, BuildError> {
        let failed = |error: std::io::Error| BuildError::new(target, error);
        let Some(name) = target.file_name() else {
            return Err(BuildError::new(
                target,
                "is not the name of a directory to be made",
            ));
        };
        let above = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !above.is_dir() {
            let reason = format!(
                "{0} is not a directory; make it first, where root alone can enter (mkdir -m 700 {0})",
                above.display()
            );
            return Err(BuildError::new(target, reason));
        }
        // What is at a path with a slash at its end is not what a rename would replace.
        let target = above.join(name);
        let former = match occupant(&target)? {
            Occupant::Nothing => None,
            Occupant::Tree if replace => Some(former_path(&target)?),
            Occupant::Tree => {
                let reason = "is not empty; give another directory, or --force to replace it";
                return Err(BuildError::new(&target, reason));
            }
        };
        remove_abandoned(above);
        let enclosure = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(above);
        let enclosure = enclosure.map_err(failed)?;
        let lock = fs::File::open(enclosure.path()).map_err(failed)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| BuildError::kernel(enclosure.path(), "locking it", errno))?;
        let directory = enclosure.path().join(ENCLOSED);
        let made = DirBuilder::new().mode(0o700).create(&directory);
        made.map_err(|error| BuildError::new(&directory, error))?;
        Ok(Stage {
            _enclosure: enclosure,
            directory,
            _lock: lock,
            target,
            former,
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Puts it at the target, in one step.
    pub fn commit(self) -> Result<(), BuildError> {
        let Stage {
            directory,
            target,
            former,
            ..
        } = &self;
        let Some(former) = former else {
            return rename(directory, target, RenameFlags::empty());
        };
        // First to where the other will be. That never lies in the stage, where it would be removed
        // should this end in between.
        rename(directory, former, RenameFlags::RENAME_NOREPLACE)?;
        let replaced = rename(former, target, RenameFlags::RENAME_EXCHANGE);
        if replaced.is_err() {
            rename(former, directory, RenameFlags::RENAME_NOREPLACE)?;
        }
        replaced
    }
}

enum Occupant {
    /// Nothing, or an empty directory.
    Nothing,
    /// A directory with something in it.
    Tree,
}

fn occupant(target: &Path) -> Result<Occupant, BuildError> {
    let failed = |error: std::io::Error| BuildError::new(target, error);
    match target.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Occupant::Nothing),
        Err(error) => Err(failed(error)),
        Ok(found) if found.is_symlink() => Err(BuildError::new(
            target,
            "is a symbolic link; give the directory it leads to",
        )),
        Ok(found) if !found.is_dir() => Err(BuildError::new(target, "is not a directory")),
        Ok(_) => match fs::read_dir(target).map_err(failed)?.next() {
            None => Ok(Occupant::Nothing),
            Some(_) => Ok(Occupant::Tree),
        },
    }
}

/// Where to keep what is replaced: it can have mounts in it, and is never deleted from here.
fn former_path(target: &Path) -> Result<PathBuf, BuildError> {
    let mut name = target.as_os_str().to_owned();
    name.push(".old");
    let former = PathBuf::from(name);
    match former.symlink_metadata() {
        Ok(_) => Err(BuildError::new(
            &former,
            "is there already, from a replacement before; remove it first",
        )),
        Err(_) => Ok(former),
    }
}

fn rename(from: &Path, to: &Path, flags: RenameFlags) -> Result<(), BuildError> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, flags).map_err(|errno| match errno {
        Errno::EBUSY => BuildError::new(to, "is a mount point; give a directory below it"),
        errno => BuildError::kernel(to, "putting the finished directory there", errno),
    })
}

/// Removes what builds left behind that were killed.
fn remove_abandoned(above: &Path) {
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
    fs::File::open(entry.path())
        .is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok())
}
