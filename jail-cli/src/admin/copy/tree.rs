// SPDX-License-Identifier: MIT OR Apache-2.0

//! Copying a file, or a directory with all that is in it.

use std::collections::HashSet;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{open, openat, openat2, readlinkat, renameat, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{mkdirat, Mode, SFlag};
use nix::unistd::{getpid, symlinkat, unlinkat, UnlinkatFlags};
use rustix::fs::{fstatfs, Dir, Stat};

use super::content;
use super::ends::{kind, stat_of, Source, Target};
use crate::root::Identity;
use crate::text::{reason, shown};

/// File systems on which the kernel makes files up (linux/magic.h). Reading there can take something
/// away, wait for ever, or tell of the host.
const MADE_UP: [u32; 17] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x7363_6673, // securityfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x6265_6570, // configfs
    0x4249_4e4d, // binfmt_misc
    0x0000_1cd1, // devpts
    0x1980_0202, // mqueue
    0x6e73_6673, // nsfs
];

/// Which permissions are kept: no set-user-ID, no set-group-ID.
const KEPT: u32 = 0o777;

/// How deep directories may lie in one another: each that is open takes descriptors and room on the
/// stack. Whoever is in the jail can make more of them than there is of both.
const DEEPEST: usize = 256;

/// One walk through what is copied.
pub struct Copying<'a> {
    /// Whether it comes from a jail.
    from_jail: bool,
    warn: &'a mut dyn FnMut(String),
    /// How many could not be copied.
    failed: usize,
    /// The directories that are copied to: they are not copied themselves.
    made: HashSet<Identity>,
    /// How many directories it is in.
    depth: usize,
    /// Where it is at the moment.
    path: PathBuf,
    /// How many names it has used.
    names: u32,
}

impl<'a> Copying<'a> {
    pub fn new(from_jail: bool, warn: &'a mut dyn FnMut(String)) -> Self {
        Copying {
            from_jail,
            warn,
            failed: 0,
            made: HashSet::new(),
            depth: 0,
            path: PathBuf::new(),
            names: 0,
        }
    }

    /// Copies it; how many of what is in it could not be copied.
    pub fn copy(mut self, source: Source, target: Target) -> Result<usize, String> {
        let is_directory = kind(&source.stat) == SFlag::S_IFDIR;
        if let Some(why) = self.is_left_out(source.file.as_fd(), &source.stat)? {
            return Err(why.into());
        }
        // What is told about is what is copied, and not where to.
        self.path.extend(&source.name);
        match target {
            Target::Into(directory) => self.directory_into(source.file, directory)?,
            Target::Name(above, name) => {
                match is_directory {
                    true => self.directory(source.file, &source.stat, above.as_fd(), &name),
                    false => self.file(source.file, &source.stat, above.as_fd(), &name),
                }
                .map_err(|why| format!("{}: {why}", shown(&name)))?;
            }
        }
        Ok(self.failed)
    }

    /// Copies a directory to a name.
    fn directory(
        &mut self,
        from: OwnedFd,
        stat: &Stat,
        above: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), String> {
        if self.made.contains(&identity(stat)) {
            return Err("is where it is copied to".into());
        }
        if self.depth >= DEEPEST {
            return Err(format!(
                "lies more than {DEEPEST} directories deep; copy it by itself"
            ));
        }
        let made = mkdirat(above, name, permissions(stat));
        if let Err(errno) = made {
            if errno != Errno::EEXIST {
                return Err(format!("making the directory: {}", reason(errno)));
            }
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let to = openat(above, name, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::ENOTDIR | Errno::ELOOP => {
                "something else than a directory is in its place".into()
            }
            errno => format!("opening the directory: {}", reason(errno)),
        })?;
        self.directory_into(from, to)
    }

    /// Copies all that is in a directory into another one.
    fn directory_into(&mut self, from: OwnedFd, to: OwnedFd) -> Result<(), String> {
        let identity = identity(&stat_of(&to).map_err(reason)?);
        self.made.insert(identity);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let readable = openat(&from, ".", flags, Mode::empty()).map_err(reason)?;
        drop(from);
        let listing = |error: rustix::io::Errno| {
            format!(
                "listing it: {}",
                reason(Errno::from_raw(error.raw_os_error()))
            )
        };
        let entries = Dir::read_from(&readable).map_err(&listing)?;
        self.depth += 1;
        let copied = self.entries(entries, &readable, &to, listing);
        self.depth -= 1;
        copied
    }

    fn entries(
        &mut self,
        entries: Dir,
        from: &OwnedFd,
        to: &OwnedFd,
        listing: impl Fn(rustix::io::Errno) -> String,
    ) -> Result<(), String> {
        for entry in entries {
            let entry = entry.map_err(&listing)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let name = os_string(name);
            self.path.push(&name);
            if let Err(why) = self.entry(from.as_fd(), to.as_fd(), &name) {
                self.failed += 1;
                (self.warn)(format!("{}: {why}", shown(&self.path)));
            }
            self.path.pop();
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), String> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let found = openat(from, name, flags, Mode::empty()).map_err(reason)?;
        let stat = stat_of(&found).map_err(reason)?;
        if let Some(why) = self.is_left_out(found.as_fd(), &stat)? {
            (self.warn)(format!("{}: left out: {why}", shown(&self.path)));
            return Ok(());
        }
        match kind(&stat) {
            SFlag::S_IFDIR => self.directory(found, &stat, to, name),
            SFlag::S_IFLNK => link(found.as_fd(), to, name),
            _ => self.file(found, &stat, to, name),
        }
    }

    /// Copies a regular file to a name.
    fn file(
        &mut self,
        from: OwnedFd,
        stat: &Stat,
        to: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), String> {
        // This very file, whatever has its name by now. Who has a lease on it does not hold this up.
        let path = format!("/proc/self/fd/{}", from.as_raw_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let flags = flags | OFlag::O_LARGEFILE;
        let content = open(path.as_str(), flags, Mode::empty());
        let content = content.map_err(|errno| format!("opening it: {}", reason(errno)))?;
        let (made, hidden) = self.make(to, permissions(stat))?;
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let copied = content::copy(&File::from(content), size, &made)
            .map_err(|error| format!("copying it: {error}"))
            .and_then(|()| put_in_place(to, &hidden, name));
        if copied.is_err() {
            // Under that name nobody looks for it.
            let _ = unlinkat(to, hidden.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
        copied
    }

    /// Makes a file under a name that nothing has.
    fn make(&mut self, to: BorrowedFd<'_>, mode: Mode) -> Result<(File, OsString), String> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let flags = flags | OFlag::O_LARGEFILE;
        loop {
            let name = OsString::from(format!(".jaula-cp-{}-{}", getpid(), self.names));
            match openat(to, name.as_os_str(), flags, mode) {
                Ok(file) => return Ok((file.into(), name)),
                Err(Errno::EEXIST) => self.names = self.names.wrapping_add(1),
                Err(errno) => return Err(format!("making the file: {}", reason(errno))),
            }
        }
    }

    /// Why something is not copied at all.
    fn is_left_out(
        &self,
        file: BorrowedFd<'_>,
        stat: &Stat,
    ) -> Result<Option<&'static str>, String> {
        match kind(stat) {
            // In the way of nothing: where it leads to is not looked at.
            SFlag::S_IFLNK => return Ok(None),
            SFlag::S_IFREG | SFlag::S_IFDIR => {}
            SFlag::S_IFIFO => return Ok(Some("is a FIFO")),
            SFlag::S_IFSOCK => return Ok(Some("is a socket")),
            _ => return Ok(Some("is a device")),
        }
        if !self.from_jail {
            return Ok(None);
        }
        let found = fstatfs(file).map_err(|error| reason(Errno::from_raw(error.raw_os_error())))?;
        // As it is in the header; here it has a sign on some architectures.
        let magic = found.f_type as u32;
        let is_made_up = MADE_UP.contains(&magic);
        Ok(is_made_up.then_some("is on a file system on which the kernel makes files up"))
    }
}

fn identity(stat: &Stat) -> Identity {
    Identity::new(stat.st_dev, stat.st_ino)
}

fn permissions(stat: &Stat) -> Mode {
    Mode::from_bits_truncate(stat.st_mode & KEPT)
}

/// Gives a file its name, in the place of a regular file at most.
fn put_in_place(to: BorrowedFd<'_>, hidden: &OsStr, name: &OsStr) -> Result<(), String> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    match openat2(to, name, how) {
        Err(Errno::ENOENT) => {}
        // From outside of the jail's mount namespace a rename would take the mount away.
        Err(Errno::EXDEV) => return Err("something is mounted in its place".into()),
        Err(errno) => return Err(format!("looking at its place: {}", reason(errno))),
        Ok(found) => match kind(&stat_of(found).map_err(reason)?) {
            SFlag::S_IFREG => {}
            SFlag::S_IFDIR => return Err("a directory is in its place".into()),
            SFlag::S_IFLNK => {
                return Err("a symbolic link is in its place; name what it leads to".into());
            }
            _ => return Err("something else than a file is in its place".into()),
        },
    }
    renameat(to, hidden, to, name)
        .map_err(|errno| format!("putting it in place: {}", reason(errno)))
}

/// Makes the same link, which is not followed by anybody here.
fn link(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &OsStr) -> Result<(), String> {
    let leads_to = readlinkat(from, "").map_err(reason)?;
    match symlinkat(Path::new(&leads_to), to, name) {
        Ok(()) => Ok(()),
        Err(Errno::EEXIST) if readlinkat(to, name).is_ok_and(|there| there == leads_to) => Ok(()),
        Err(errno) => Err(format!("making the link: {}", reason(errno))),
    }
}

fn os_string(name: &CStr) -> OsString {
    OsStr::from_bytes(name.to_bytes()).to_owned()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
