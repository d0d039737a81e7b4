// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tree that files are taken from: the machine's own, or another that is treated as if it were
//! one's root. No look-up in it leaves it, whatever links lie there.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{open, openat2, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::Mode;

/// How often a path is walked again that somebody was renaming something on.
const TRIES: u32 = 1000;

/// A directory that stands for the root of a machine.
#[derive(Debug)]
pub struct Host {
    root: OwnedFd,
    /// Where that lies.
    prefix: PathBuf,
}

/// What lies at a path.
pub struct Found {
    /// It, open to be named and not to be read.
    handle: OwnedFd,
    /// Where it lies when all links have been followed, as seen from the root.
    pub real: PathBuf,
    /// What is known of it.
    pub metadata: Metadata,
}

impl Host {
    /// The machine this runs on.
    ///
    /// # Errors
    ///
    /// Where its root cannot be opened.
    pub fn machine() -> io::Result<Self> {
        Self::at(Path::new("/"))
    }

    /// The tree at a path.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or is no directory.
    pub fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Self::of(open(path, flags, Mode::empty())?)
    }

    /// The tree whose root is open.
    ///
    /// # Errors
    ///
    /// Where the kernel does not tell where it lies.
    pub fn of(root: OwnedFd) -> io::Result<Self> {
        let prefix = name(&root)?;
        Ok(Host { root, prefix })
    }

    /// What a path leads to, all links followed.
    ///
    /// # Errors
    ///
    /// Where nothing is there.
    pub fn find(&self, path: &Path) -> io::Result<Found> {
        self.walk(path, OFlag::O_PATH)
    }

    /// What lies at a path, which may be a link.
    ///
    /// # Errors
    ///
    /// Where nothing is there.
    pub fn find_itself(&self, path: &Path) -> io::Result<Found> {
        self.walk(path, OFlag::O_PATH | OFlag::O_NOFOLLOW)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// Where none is there, or it cannot be read.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        self.find(path)?.open()
    }

    /// What is in a file, but for one that is larger than `most` bytes.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is larger.
    pub fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > most {
            true => Err(io::Error::other(format!("is larger than {most} bytes"))),
            false => Ok(bytes),
        }
    }

    /// The names in a directory, sorted.
    ///
    /// # Errors
    ///
    /// Where there is none, or it cannot be read.
    pub fn names(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let found = self.find(path)?;
        let entries = std::fs::read_dir(format!("/proc/self/fd/{}", found.handle.as_raw_fd()))?;
        let names: io::Result<Vec<PathBuf>> = entries
            .map(|entry| Ok(PathBuf::from(entry?.file_name())))
            .collect();
        let mut names = names?;
        names.sort();
        Ok(names)
    }

    fn walk(&self, path: &Path, flags: OFlag) -> io::Result<Found> {
        // As seen from the root: a path that is not absolute begins there too.
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let mut tries = 0;
        let handle = loop {
            match openat2(&self.root, path, how) {
                // With ".." in it the kernel cannot tell while somebody renames something.
                Err(Errno::EAGAIN) if tries < TRIES => tries += 1,
                result => break result?,
            }
        };
        let real = name(&handle)?;
        let real = match real.strip_prefix(&self.prefix) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => return Err(io::Error::other("was moved out of the tree")),
        };
        let file = File::from(handle);
        let metadata = file.metadata()?;
        Ok(Found {
            handle: file.into(),
            real,
            metadata,
        })
    }
}

impl Found {
    /// What a link says.
    ///
    /// # Errors
    ///
    /// Where it is none.
    pub fn link(&self) -> io::Result<PathBuf> {
        let target = nix::fcntl::readlinkat(&self.handle, "")?;
        Ok(PathBuf::from(target))
    }

    /// Opens a regular file for reading; what else lies there is not opened.
    ///
    /// # Errors
    ///
    /// Where it is none, or cannot be read.
    pub fn open(&self) -> io::Result<File> {
        if !self.metadata.is_file() {
            return Err(io::Error::other("is not a regular file"));
        }
        File::open(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }
}

/// Where something lies, as the kernel tells it.
fn name(handle: &impl AsFd) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leads_out_of_the_tree() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("etc")).expect("mkdir");
        fs::write(dir.path().join("secret"), "outside").expect("write");
        fs::write(tree.join("secret"), "inside").expect("write");
        symlink("../../../secret", tree.join("etc/up")).expect("symlink");
        symlink(dir.path().join("secret"), tree.join("etc/out")).expect("symlink");
        symlink("/secret", tree.join("etc/in")).expect("symlink");
        let host = Host::at(&tree).expect("the tree");
        for link in ["/etc/up", "/etc/in", "etc/in", "/../../secret"] {
            let found = host.find(Path::new(link)).expect(link);
            assert_eq!(found.real, Path::new("/secret"), "{link}");
            let text = host.read(Path::new(link), 100).expect("text");
            assert_eq!(text, b"inside", "{link}");
        }
        assert!(host.find(Path::new("/etc/out")).is_err());
        assert!(host.read(Path::new("/secret"), 3).is_err());
        assert!(host.open(Path::new("/etc")).is_err());
        assert_eq!(host.names(Path::new("/etc")).expect("names").len(), 3);
    }
}
