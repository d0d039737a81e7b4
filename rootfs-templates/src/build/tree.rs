// SPDX-License-Identifier: MIT OR Apache-2.0

//! Writing into a directory without ever leaving it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{openat, openat2, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{fchmod, mkdirat};
use nix::unistd::{fchown, fchownat, symlinkat, syncfs, unlinkat, Gid, Uid, UnlinkatFlags};
use rustix::fs::{futimens, utimensat, Timespec, Timestamps};

use super::plan::{Attributes, Kind};
use super::{BuildError, Progress, Summary};
use crate::host::Host;
use crate::template::{JailPath, Mode};

type SysMode = nix::sys::stat::Mode;

/// How much is copied between two words about it.
const PART: u64 = 4 << 20;

/// What is taken for the size of a file's description, for want of a better number.
const OVERHEAD: u64 = 4096;

/// An open directory that is filled; errors name paths as seen from within it.
pub struct Tree<'a> {
    root: OwnedFd,
    host: &'a Host,
    machine: &'a Host,
    /// What everything is given as the time of its last change.
    time: SystemTime,
    progress: &'a mut dyn FnMut(Progress<'_>),
    summary: Summary,
    total: u64,
    /// Whether something is there already, which is added to.
    adding: bool,
}

impl<'a> Tree<'a> {
    /// Makes an empty directory as the root of a system is.
    pub fn new(
        root: OwnedFd,
        host: &'a Host,
        machine: &'a Host,
        time: SystemTime,
        progress: &'a mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, BuildError> {
        set(
            &root,
            Path::new("/"),
            Attributes::of_root(Mode::TRAVERSABLE),
        )?;
        Ok(Tree {
            root,
            host,
            machine,
            time,
            progress,
            summary: Summary::default(),
            total: 0,
            adding: false,
        })
    }

    /// The same of one in which something is already. A directory that is there stays as it is, unless it is
    /// given another owner or mode than it would have by default; what else is there is replaced.
    pub fn adding(mut self) -> Self {
        self.adding = true;
        self
    }

    /// Makes all of it, and sees to it that it is on the disk.
    pub fn fill(mut self, entries: &BTreeMap<JailPath, Kind>) -> Result<Summary, BuildError> {
        self.total = entries.values().map(Kind::size).sum();
        self.check_space(entries.len())?;
        for (path, kind) in entries {
            self.entry(path, kind)?;
        }
        // What is made in a directory changes its time.
        let directories = entries
            .iter()
            .filter(|(_, kind)| matches!(kind, Kind::Directory(_)));
        for (path, _) in directories {
            let directory = self.open(path.inside(), path.as_str())?;
            set_time(&directory, path.as_str(), self.time)?;
        }
        set_time(&self.root, "/", self.time)?;
        syncfs(&self.root).map_err(|errno| BuildError::kernel("/", "writing to disk", errno))?;
        Ok(self.summary)
    }

    /// What cannot be finished is not begun.
    fn check_space(&self, count: usize) -> Result<(), BuildError> {
        let found = rustix::fs::fstatvfs(&self.root)
            .map_err(|error| BuildError::new("/", format!("asking for the free space: {error}")))?;
        let free = found.f_bfree.saturating_mul(found.f_frsize);
        let needed = self.total.saturating_add(count as u64 * OVERHEAD);
        // A file system that does not tell has none at all.
        if found.f_blocks > 0 && needed > free {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let what = format!(
                "takes {} MiB, and {} MiB are free on the file system where it is built",
                mib(needed),
                mib(free)
            );
            return Err(BuildError::new("/", what));
        }
        Ok(())
    }

    fn entry(&mut self, path: &JailPath, kind: &Kind) -> Result<(), BuildError> {
        let (parent, name) = self.parent(path)?;
        let failed = |what| move |errno| BuildError::kernel(path.as_str(), what, errno);
        if self.adding && !matches!(kind, Kind::Directory(_)) {
            match unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(failed("replacing it")(errno)),
            }
        }
        match kind {
            Kind::Directory(attributes) => {
                match mkdirat(&parent, name, SysMode::S_IRWXU) {
                    Err(Errno::EEXIST) if self.adding => {
                        if *attributes == Attributes::of_root(Mode::TRAVERSABLE) {
                            return self.open(path.inside(), path.as_str()).map(drop);
                        }
                    }
                    made => made.map_err(failed("making it"))?,
                }
                let directory = self.open(path.inside(), path.as_str())?;
                self.summary.directories += 1;
                set(&directory, Path::new(path.as_str()), *attributes)
            }
            Kind::Text(attributes, text) => {
                let file = create(&parent, name, path)?;
                self.write(&file, path, text.as_bytes(), text.len() as u64)?;
                set(&file, Path::new(path.as_str()), *attributes)?;
                set_time(&file, path.as_str(), self.time)
            }
            Kind::Copy {
                of_machine,
                attributes,
                source,
                size,
                time,
            } => {
                let host = match of_machine {
                    true => self.machine,
                    false => self.host,
                };
                let content = host.open(source);
                let content = content.map_err(|error| BuildError::new(source, error))?;
                let file = create(&parent, name, path)?;
                self.write(&file, path, content, *size)?;
                set(&file, Path::new(path.as_str()), *attributes)?;
                let time = time.map_or(self.time, |time| time.min(self.latest()));
                set_time(&file, path.as_str(), time)
            }
            Kind::Symlink(target) => {
                symlinkat(target.as_str(), &parent, name)
                    .map_err(failed("making the symbolic link"))?;
                let (user, group) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
                fchownat(&parent, name, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)
                    .map_err(failed(OWNER))?;
                let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
                utimensat(&parent, name, &timestamps(self.time), flags)
                    .map_err(|error| Errno::from_raw(error.raw_os_error()))
                    .map_err(failed("setting its time"))?;
                self.summary.symlinks += 1;
                Ok(())
            }
        }
    }

    /// Where everything has one time because somebody has said which, nothing is later.
    fn latest(&self) -> SystemTime {
        match self.time == UNIX_EPOCH {
            true => SystemTime::now(),
            false => self.time,
        }
    }

    fn write(
        &mut self,
        mut file: &File,
        path: &JailPath,
        content: impl Read,
        size: u64,
    ) -> Result<(), BuildError> {
        let failed = |why: String| BuildError::new(path.as_str(), why);
        // One byte more shows that there is more.
        let mut content = content.take(size.saturating_add(1));
        let mut written = 0;
        loop {
            (self.progress)(Progress {
                path: path.as_str(),
                done: self.summary.bytes + written,
                total: self.total,
            });
            let part = io::copy(&mut content.by_ref().take(PART), &mut file)
                .map_err(|error| failed(format!("writing: {error}")))?;
            written += part;
            if part < PART {
                break;
            }
        }
        if written != size {
            return Err(failed("its source changed while it was copied".to_owned()));
        }
        self.summary.files += 1;
        self.summary.bytes += written;
        Ok(())
    }

    fn parent<'p>(&self, path: &'p JailPath) -> Result<(OwnedFd, &'p Path), BuildError> {
        let inside = path.inside();
        let name = inside.file_name().map(Path::new).unwrap_or(inside);
        let above = inside.parent().unwrap_or(Path::new(""));
        let shown = PathBuf::from("/").join(above);
        Ok((self.open(above, &shown)?, name))
    }

    fn open(&self, inside: &Path, shown: impl AsRef<Path>) -> Result<OwnedFd, BuildError> {
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        let inside = match inside.as_os_str().is_empty() {
            true => Path::new("."),
            false => inside,
        };
        openat2(&self.root, inside, how)
            .map_err(|errno| BuildError::kernel(shown, "opening it", errno))
    }
}

const OWNER: &str = "setting its owner, which takes root";

fn create(parent: &OwnedFd, name: &Path, path: &JailPath) -> Result<File, BuildError> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    openat(parent, name, flags | OFlag::O_CLOEXEC, SysMode::S_IRUSR)
        .map(File::from)
        .map_err(|errno| BuildError::kernel(path.as_str(), "making the file", errno))
}

fn set(file: impl AsFd, path: &Path, attributes: Attributes) -> Result<(), BuildError> {
    let Attributes { mode, uid, gid } = attributes;
    fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
        .map_err(|errno| BuildError::kernel(path, OWNER, errno))?;
    let mode = SysMode::from_bits_truncate(mode.bits());
    // After the owner: a change of owner can clear bits of the mode.
    fchmod(&file, mode).map_err(|errno| BuildError::kernel(path, "setting its mode", errno))
}

fn set_time(file: impl AsFd, path: impl AsRef<Path>, time: SystemTime) -> Result<(), BuildError> {
    futimens(file, &timestamps(time))
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
        .map_err(|errno| BuildError::kernel(path, "setting its time", errno))
}

/// To the second: not every file system keeps more. Those of the C library end in 2038 with 32 bit.
fn timestamps(time: SystemTime) -> Timestamps {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let time = Timespec {
        tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
