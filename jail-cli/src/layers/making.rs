// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a root file and the directory that it names: both or none.
//!
//! They grow in a hidden directory beside, which is locked meanwhile. The directory is moved to its place
//! first, and then the file, without which it is of no meaning. Whoever is killed between the two has left
//! a whole file: the next one that makes something there moves it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{flock, renameat_with, FlockOperation, RenameFlags, CWD};

use crate::path_walk::first_obstacle;
use crate::text::shown;
use crate::trusted_path::{self, Refusal};

/// Begins the name of a hidden directory.
const HIDDEN: &[u8] = b".jaula-making-";
/// What the directory is called in it, and the file.
const DIRECTORY: &str = "directory";
const FILE: &str = "file";
/// What that is called before it is whole.
const NEW: &str = "file.new";
/// What the file is to be called, where a directory goes before it.
const NAME: &str = "name";

/// What a root file is called that goes with a directory of another ending.
const ENDING: &str = "root";

/// A root file and a directory that are being made.
pub struct Making {
    /// Where, by a descriptor: nobody moves it meanwhile.
    above: PathBuf,
    _above: OwnedFd,
    hidden: PathBuf,
    _lock: File,
    name: OsString,
    directory: OsString,
}

impl Making {
    /// Begins to make the file at `path`, and beside it a directory with another `ending`.
    ///
    /// # Errors
    ///
    /// Where one of them is there, or others than root can change what is.
    pub fn begin(path: &Path, ending: &str) -> Result<Self, String> {
        let name = path.file_name().ok_or("is no name of a file")?.to_owned();
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let above = trusted_path::open_firm(parent).map_err(|refusal| {
            let obstacle = first_obstacle(parent).filter(|_| matches!(refusal, Refusal::Kernel(_)));
            obstacle.map_or_else(|| refusal.describe(), |obstacle| obstacle.describe())
        })?;
        let at = PathBuf::from(format!("/proc/self/fd/{}", above.as_raw_fd()));
        finish_abandoned(&at);
        let stem = match Path::new(&name).extension() == Some(OsStr::new(ENDING)) {
            true => Path::new(&name).with_extension(""),
            false => PathBuf::from(&name),
        };
        let mut directory = stem.into_os_string();
        directory.push(format!(".{ending}"));
        for taken in [&name, &directory] {
            if at.join(taken).symlink_metadata().is_ok() {
                return Err(match taken == &name {
                    true => "is there already; give another name".to_owned(),
                    false => format!(
                        "{}, which goes with it, is there already; give another name",
                        shown(taken)
                    ),
                });
            }
        }
        let mut hidden = OsStr::from_bytes(HIDDEN).to_owned();
        hidden.push(&name);
        let hidden = at.join(hidden);
        let lock = lock_new(&hidden)?;
        Ok(Making {
            above: at,
            _above: above,
            hidden,
            _lock: lock,
            name,
            directory,
        })
    }

    /// What the directory is going to be called, beside the file.
    pub fn directory_name(&self) -> &OsStr {
        &self.directory
    }

    /// Makes the directory, which root alone may enter.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn make_directory(&self) -> Result<PathBuf, String> {
        let path = self.hidden.join(DIRECTORY);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// Puts both in their places, with this text in the file.
    ///
    /// # Errors
    ///
    /// Where something has come to be there; nothing is then.
    pub fn commit(self, text: &str) -> Result<(), String> {
        let failed = |error: io::Error| error.to_string();
        let write = |name: &str, bytes: &[u8], mode| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode);
            let mut file = options.open(self.hidden.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write(NEW, text.as_bytes(), 0o644).map_err(failed)?;
        fs::rename(self.hidden.join(NEW), self.hidden.join(FILE)).map_err(failed)?;
        let move_to = |from: &str, to: &OsStr| {
            let (from, to) = (self.hidden.join(from), self.above.join(to));
            renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from)
        };
        let has_directory = self.hidden.join(DIRECTORY).exists();
        if has_directory {
            write(NAME, self.name.as_bytes(), 0o600).map_err(failed)?;
            move_to(DIRECTORY, &self.directory)
                .map_err(|error| format!("{}: {error}", shown(&self.directory)))?;
        }
        let moved = move_to(FILE, &self.name);
        if moved.is_err() && has_directory {
            let _ = fs::remove_dir_all(self.above.join(&self.directory));
        }
        moved.map_err(|error| format!("{}: {error}", shown(&self.name)))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // While it is locked, so that nobody takes it for abandoned.
        let _ = fs::remove_dir_all(&self.hidden);
    }
}

/// Makes the hidden directory and locks it.
fn lock_new(hidden: &Path) -> Result<File, String> {
    let made = DirBuilder::new().mode(0o700).create(hidden);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => "another jaula is making it".into(),
        _ => error.to_string(),
    })?;
    let lock = File::open(hidden).map_err(|error| error.to_string())?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| "another jaula is making it".to_owned())?;
    Ok(lock)
}

/// Ends what those began that were killed.
fn finish_abandoned(above: &Path) {
    let Ok(entries) = fs::read_dir(above) else {
        return;
    };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    for name in names.filter(|name| name.as_bytes().starts_with(HIDDEN)) {
        let hidden = above.join(&name);
        let Ok(lock) = File::open(&hidden) else {
            continue;
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let file = hidden.join(FILE);
        let name = fs::read(hidden.join(NAME));
        if let (Ok(name), true, false) = (name, file.exists(), hidden.join(DIRECTORY).exists()) {
            let to = above.join(OsStr::from_bytes(&name));
            let _ = renameat_with(CWD, &file, CWD, to, RenameFlags::NOREPLACE);
        }
        let _ = fs::remove_dir_all(&hidden);
    }
}
