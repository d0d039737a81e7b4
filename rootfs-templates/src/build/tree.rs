// SPDX-License-Identifier: MIT OR Apache-2.0

//! Writing into a directory without ever leaving it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{openat, openat2, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{fchmod, fstatat, mkdirat};
use nix::unistd::{fchown, fchownat, symlinkat, syncfs, Gid, Uid};

use super::{BuildError, Summary};
use crate::template::{JailPath, Mode};

type SysMode = nix::sys::stat::Mode;

/// Mode and owner of a file or directory.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    pub mode: Mode,
    pub uid: u32,
    pub gid: u32,
}

impl Attributes {
    /// Owned by 0:0.
    pub fn of_root(mode: Mode) -> Self {
        Attributes {
            mode,
            uid: 0,
            gid: 0,
        }
    }
}

/// An open directory that grows; errors name paths as seen from within it.
pub struct Tree {
    root: OwnedFd,
    summary: Summary,
}

impl Tree {
    /// Makes an empty directory as the root of a system is.
    pub fn new(root: OwnedFd) -> Result<Self, BuildError> {
        set(
            &root,
            Path::new("/"),
            Attributes::of_root(Mode::TRAVERSABLE),
        )?;
        Ok(Tree {
            root,
            summary: Summary::default(),
        })
    }

    /// Makes a directory, and sets the attributes of one made on the way to another.
    pub fn directory(&mut self, path: &JailPath, attributes: Attributes) -> Result<(), BuildError> {
        let directory = self.descend(path.inside())?;
        set(&directory, Path::new(path.as_str()), attributes)
    }

    /// Makes a file with what `content` gives.
    pub fn file(
        &mut self,
        path: &JailPath,
        attributes: Attributes,
        content: &mut impl Read,
    ) -> Result<(), BuildError> {
        let (parent, name) = self.parent(path)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let file = openat(&parent, name, flags | OFlag::O_CLOEXEC, SysMode::S_IRUSR)
            .map_err(|errno| BuildError::kernel(path.as_str(), "making the file", errno))?;
        let mut file = File::from(file);
        let bytes = io::copy(content, &mut file)
            .map_err(|error| BuildError::new(path.as_str(), format!("writing: {error}")))?;
        self.summary.files += 1;
        self.summary.bytes += bytes;
        set(&file, Path::new(path.as_str()), attributes)
    }

    /// Makes a copy of a regular file of the host.
    pub fn copy(
        &mut self,
        path: &JailPath,
        attributes: Attributes,
        source: &Path,
    ) -> Result<(), BuildError> {
        let failed = |error: io::Error| BuildError::new(source, error);
        // Looked at first: opening a FIFO would wait for somebody to write to it.
        if !source.metadata().map_err(failed)?.is_file() {
            return Err(BuildError::new(source, "is not a regular file"));
        }
        let mut content = File::open(source).map_err(failed)?;
        self.file(path, attributes, &mut content)
    }

    /// Makes a symbolic link; nothing is ever written through one.
    pub fn symlink(&mut self, path: &JailPath, target: &str) -> Result<(), BuildError> {
        let (parent, name) = self.parent(path)?;
        let failed = |what| move |errno| BuildError::kernel(path.as_str(), what, errno);
        symlinkat(target, &parent, name).map_err(failed("making the symbolic link"))?;
        let (root_user, root_group) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
        fchownat(
            &parent,
            name,
            root_user,
            root_group,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )
        .map_err(failed(OWNER))?;
        self.summary.symlinks += 1;
        Ok(())
    }

    /// Whether something is there already.
    pub fn contains(&self, path: &JailPath) -> bool {
        fstatat(&self.root, path.inside(), AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
    }

    /// Sees to it that everything is on the disk.
    pub fn finish(self) -> Result<Summary, BuildError> {
        syncfs(&self.root).map_err(|errno| BuildError::kernel("/", "writing to disk", errno))?;
        Ok(self.summary)
    }

    fn parent<'a>(&self, path: &'a JailPath) -> Result<(OwnedFd, &'a Path), BuildError> {
        let inside = path.inside();
        let name = inside.file_name().map(Path::new).unwrap_or(inside);
        Ok((
            self.descend(inside.parent().unwrap_or(Path::new("")))?,
            name,
        ))
    }

    /// Opens a directory, making it and what is missing above it with the usual attributes.
    fn descend(&self, inside: &Path) -> Result<OwnedFd, BuildError> {
        let mut reached = PathBuf::from("/");
        let mut current = self.step(&self.root, Path::new("."), &reached)?;
        for name in inside.iter().map(Path::new) {
            reached.push(name);
            let made = mkdirat(&current, name, SysMode::S_IRWXU);
            let next = match made {
                Ok(()) | Err(Errno::EEXIST) => self.step(&current, name, &reached)?,
                Err(errno) => return Err(BuildError::kernel(&reached, "making it", errno)),
            };
            if made.is_ok() {
                set(&next, &reached, Attributes::of_root(Mode::TRAVERSABLE))?;
            }
            current = next;
        }
        Ok(current)
    }

    fn step(&self, from: impl AsFd, name: &Path, path: &Path) -> Result<OwnedFd, BuildError> {
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        openat2(from, name, how).map_err(|errno| match errno {
            Errno::ELOOP => BuildError::new(path, "is a symbolic link, and something is below it"),
            Errno::ENOTDIR => BuildError::new(path, "is a file, and something is below it"),
            errno => BuildError::kernel(path, "opening it", errno),
        })
    }
}

const OWNER: &str = "setting its owner, which takes root";

fn set(file: impl AsFd, path: &Path, attributes: Attributes) -> Result<(), BuildError> {
    let Attributes { mode, uid, gid } = attributes;
    fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
        .map_err(|errno| BuildError::kernel(path, OWNER, errno))?;
    let mode = SysMode::from_bits_truncate(mode.bits());
    // After the owner: a change of owner can clear bits of the mode.
    fchmod(&file, mode).map_err(|errno| BuildError::kernel(path, "setting its mode", errno))
}
