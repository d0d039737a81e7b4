// SPDX-License-Identifier: MIT OR Apache-2.0

//! Going through a tree without following anything out of it, and without opening what is no file.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{openat, readlinkat, OFlag};
use nix::sys::stat::Mode;
use sha2::{Digest, Sha256};

use super::{hex, Item, Limits};

/// Extended attributes that are as much a part of a file as its mode. Labels of security modules are
/// not: they are the machine's.
const TELLING: [&str; 4] = [
    "security.capability",
    "system.posix_acl_access",
    "system.posix_acl_default",
    "user.",
];

/// The largest attribute, and the longest list of their names, as the kernel has them.
const LARGEST: usize = 1 << 16;

/// A tree that cannot be gone through: where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct WalkError {
    /// As seen from the root of the tree.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl WalkError {
    fn new(path: &Path, reason: impl ToString) -> Self {
        WalkError {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// What kind of thing lies somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Something else, with its letter.
    Other(char),
}

/// Something in a tree.
pub struct Entry {
    /// Where, as seen from the root of the tree.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// What the kernel says of it.
    pub metadata: Metadata,
    handle: File,
}

impl Entry {
    /// The file system that it lies on.
    pub fn device(&self) -> u64 {
        self.metadata.dev()
    }

    /// Where a link leads.
    ///
    /// # Errors
    ///
    /// Where it is none any more.
    pub fn target(&self) -> Result<OsString, WalkError> {
        readlinkat(&self.handle, "").map_err(|errno| self.wrong(errno.desc()))
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn open(&self) -> io::Result<File> {
        let quietly = |flags: OFlag| {
            let mut options = File::options();
            options.read(true).custom_flags(flags.bits());
            options.open(self.at())
        };
        // That it was looked at is not to be written on the disk; whoever is not its owner cannot say so.
        quietly(OFlag::O_NOATIME).or_else(|error| match error.raw_os_error() {
            Some(errno) if errno == Errno::EPERM as i32 => quietly(OFlag::empty()),
            _ => Err(error),
        })
    }

    /// Its extended attributes that say something, the values in hexadecimal digits.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        // What cannot be named by a descriptor that cannot be read from, and a link has none anyway.
        if self.kind == Kind::Symlink {
            return found;
        }
        let at = self.at();
        let mut names = vec![0_u8; LARGEST];
        let Ok(length) = rustix::fs::listxattr(&at, &mut names[..]) else {
            return found;
        };
        for name in names[..length].split(|&byte| byte == 0) {
            let Ok(name) = std::str::from_utf8(name) else {
                continue;
            };
            let tells = |known: &str| match known.ends_with('.') {
                true => name.starts_with(known),
                false => name == known,
            };
            if !TELLING.iter().any(|known| tells(known)) {
                continue;
            }
            let mut value = vec![0_u8; LARGEST];
            if let Ok(length) = rustix::fs::getxattr(&at, name, &mut value[..]) {
                found.insert(name.to_owned(), hex(&value[..length]));
            }
        }
        found
    }

    /// All that is known of it; with the digest of a file where that is asked for.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn item(&self, digest: bool) -> Result<Item, WalkError> {
        let found = &self.metadata;
        let (kind, size, content) = match self.kind {
            Kind::File if digest => ('f', found.size(), self.digest()?),
            Kind::File => ('f', found.size(), String::new()),
            Kind::Directory => ('d', 0, String::new()),
            Kind::Symlink => ('l', 0, self.target()?.to_string_lossy().into_owned()),
            Kind::Other(letter @ ('c' | 'b')) => (letter, 0, format!("{:x}", found.rdev())),
            Kind::Other(letter) => (letter, 0, String::new()),
        };
        Ok(Item {
            kind,
            mode: found.mode() & 0o7777,
            uid: found.uid(),
            gid: found.gid(),
            size,
            time: found.mtime(),
            content,
            attributes: self.attributes(),
        })
    }

    fn digest(&self) -> Result<String, WalkError> {
        let file = self.open().map_err(|error| self.wrong(error))?;
        // What grows meanwhile is not followed for ever.
        let mut file = file.take(self.metadata.size().saturating_add(1));
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hex(&digest.finalize())),
                Ok(length) => digest.update(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.wrong(error)),
            }
        }
    }

    /// The one way to a file by its descriptor alone.
    fn at(&self) -> String {
        format!("/proc/self/fd/{}", self.handle.as_raw_fd())
    }

    fn wrong(&self, reason: impl ToString) -> WalkError {
        WalkError::new(&self.path, reason)
    }
}

/// What is done with each entry, or with what is wrong about one.
pub type Visit<'a> = dyn FnMut(Result<&Entry, WalkError>) -> Result<(), WalkError> + 'a;

/// Goes through a tree whose root is open, the root first, and what is in a directory sorted and
/// after it. What is mounted in it is named, and not entered.
///
/// # Errors
///
/// Where there is more than the limits allow, or `visit` fails.
pub fn entries(root: &OwnedFd, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), WalkError> {
    let path = PathBuf::from("/");
    let failed = |errno: Errno| WalkError::new(Path::new("/"), errno.desc());
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = openat(root, ".", flags, Mode::empty()).map_err(failed)?;
    let root = entry(root, path)?;
    let mut walk = Walk {
        device: root.metadata.dev(),
        // The root is one of them.
        left: limits.entries.saturating_sub(1),
        depth: limits.depth,
        visit,
    };
    walk.one(&root, 0)
}

struct Walk<'a> {
    device: u64,
    left: usize,
    depth: usize,
    visit: &'a mut Visit<'a>,
}

impl Walk<'_> {
    fn one(&mut self, entry: &Entry, depth: usize) -> Result<(), WalkError> {
        (self.visit)(Ok(entry))?;
        if entry.kind != Kind::Directory || entry.metadata.dev() != self.device {
            return Ok(());
        }
        let names = match self.names(entry) {
            Ok(names) => names,
            Err(errno) => return (self.visit)(Err(entry.wrong(errno.desc()))),
        };
        // All that is waited for in the directories above counts too.
        self.left = match self.left.checked_sub(names.len()) {
            Some(left) => left,
            None => return Err(entry.wrong("there is more in it than is looked at")),
        };
        if depth >= self.depth && !names.is_empty() {
            return Err(entry.wrong("lies too deep to be looked into"));
        }
        for name in names {
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let path = entry.path.join(&name);
            let inner = match openat(&entry.handle, name.as_os_str(), flags, Mode::empty()) {
                Ok(inner) => self::entry(inner, path),
                // Somebody has removed it meanwhile.
                Err(Errno::ENOENT) => continue,
                Err(errno) => Err(WalkError::new(&path, errno.desc())),
            };
            match inner {
                Ok(inner) => self.one(&inner, depth + 1)?,
                Err(error) => (self.visit)(Err(error))?,
            }
        }
        Ok(())
    }

    /// The names in a directory, sorted; a few more than are looked at where there are too many.
    fn names(&self, entry: &Entry) -> Result<Vec<OsString>, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = |flags| openat(&entry.handle, ".", flags, Mode::empty());
        let directory = match open(flags | OFlag::O_NOATIME) {
            Err(Errno::EPERM) => open(flags),
            opened => opened,
        };
        let mut directory = Dir::from_fd(directory?)?;
        let mut names = Vec::new();
        for inner in directory.iter() {
            let inner = inner?;
            let name: &CStr = inner.file_name();
            if ![c".", c".."].contains(&name) {
                names.push(OsStr::from_bytes(name.to_bytes()).to_owned());
            }
            if names.len() > self.left {
                break;
            }
        }
        names.sort();
        Ok(names)
    }
}

fn entry(handle: OwnedFd, path: PathBuf) -> Result<Entry, WalkError> {
    use std::os::unix::fs::FileTypeExt;

    let handle = File::from(handle);
    let metadata = handle.metadata();
    let metadata = metadata.map_err(|error| WalkError::new(&path, error))?;
    let kind = metadata.file_type();
    let kind = match () {
        () if kind.is_file() => Kind::File,
        () if kind.is_dir() => Kind::Directory,
        () if kind.is_symlink() => Kind::Symlink,
        () if kind.is_char_device() => Kind::Other('c'),
        () if kind.is_block_device() => Kind::Other('b'),
        () if kind.is_fifo() => Kind::Other('p'),
        () => Kind::Other('s'),
    };
    Ok(Entry {
        path,
        kind,
        metadata,
        handle,
    })
}
