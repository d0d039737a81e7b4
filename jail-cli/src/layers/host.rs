// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine's own root as a layer.
//!
//! Root of a jail sees of it what every user of the machine may read: what is closed to them is covered
//! by a layer above it, made anew each time. Where users of the machine keep what is theirs, and what
//! is made when it starts, is empty there. Programs and what they come with are as they are.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{fstat, stat};
use rustix::fs::{
    fsetxattr, mkdirat, mknodat, openat, statat, AtFlags, FileType, Mode, OFlags, Stat, XattrFlags,
};
use rustix::io::Errno;

use super::copy::{give, names, path, why};
use crate::root::Identity;
use crate::text::shown;

/// What is seen of it, at the top. Whatever else is there belongs to somebody.
const SHOWN: [&str; 12] = [
    "bin", "etc", "gnu", "lib", "lib32", "lib64", "libx32", "nix", "opt", "sbin", "usr", "var",
];

/// What is there, and empty.
const EMPTY: [&str; 11] = [
    "boot", "dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "tmp",
];

/// Where there can be something that is not for everybody.
const LOOKED_THROUGH: [&str; 4] = ["etc", "opt", "usr/local/etc", "var"];

/// What is empty although everybody may read it.
const EMPTY_BELOW: &str = "var/tmp";

/// File systems that are of the machine and no others: those that the kernel makes up, and those of who
/// uses it, are not.
const OF_MACHINE: [&str; 12] = [
    "bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "jfs", "squashfs", "ubifs",
    "xfs", "zfs",
];

/// How deep directories may lie in one another.
const DEEPEST: usize = 60;

/// How servers of names are found, which is made when a machine starts.
const RESOLV: &str = "etc/resolv.conf";
const LONGEST: u64 = 64 << 10;

/// Says of a directory that it has nothing of what is below it.
const OPAQUE: &str = "trusted.overlay.opaque";

/// Whether a layer is the machine's own root.
pub fn is_own_root(layer: &OwnedFd) -> bool {
    let own = stat("/").map(Identity::from);
    fstat(layer).is_ok_and(|layer| own == Ok(layer.into()))
}

/// What else is mounted that belongs to it, the outermost first.
///
/// # Errors
///
/// Where it cannot be told.
pub fn mounts() -> Result<Vec<PathBuf>, String> {
    const FILE: &str = "/proc/self/mountinfo";
    let text = fs::read(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    let mut found: Vec<PathBuf> = text
        .split(|&byte| byte == b'\n')
        .filter_map(parse)
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// The mount point of a line, where that is one (proc_pid_mountinfo(5)).
fn parse(line: &[u8]) -> Option<PathBuf> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let kind = std::str::from_utf8(fields.get(dash + 1)?).ok()?;
    // One with blanks and the like in its name, written otherwise, is none of these.
    let point = Path::new(OsStr::from_bytes(fields.get(4)?));
    let first = point.strip_prefix("/").ok()?.components().next()?;
    let is_shown = SHOWN.iter().any(|name| first.as_os_str() == *name);
    (is_shown && OF_MACHINE.contains(&kind)).then(|| point.to_owned())
}

/// What covers something.
enum Cover {
    /// It is not there.
    Gone,
    /// It is there, and empty.
    Empty,
    /// This is there.
    File(Vec<u8>),
}

/// Covers, in an empty directory, what is not to be seen of a file system of the machine that is mounted
/// at `place`, and of which `top` is the top without what is mounted in it.
///
/// # Errors
///
/// What cannot be looked at, or made.
pub fn cover(top: &OwnedFd, place: &Path, into: &OwnedFd) -> Result<(), String> {
    let mut looking = Looking {
        covers: BTreeMap::new(),
        depth: 0,
    };
    let about = |at: &Path| {
        let at = at.to_owned();
        move |error| format!("{}: {}", shown(&at), why(error))
    };
    let inside = place.strip_prefix("/").unwrap_or(place);
    if inside.as_os_str().is_empty() {
        looking.top(top).map_err(about(place))?;
    }
    for below in LOOKED_THROUGH.map(Path::new) {
        let below = match (below.strip_prefix(inside), inside.starts_with(below)) {
            (Ok(below), _) => below,
            (_, true) => Path::new(""),
            _ => continue,
        };
        match open(top, below) {
            Ok(directory) => looking
                .through(&directory, below)
                .map_err(about(&place.join(below)))?,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(about(&place.join(below))(error)),
        }
    }
    if let Ok(empty) = Path::new(EMPTY_BELOW).strip_prefix(inside) {
        if open(top, empty).is_ok() {
            looking.covers.insert(empty.to_owned(), Cover::Empty);
        }
    }
    if let (Ok(resolv), Some(text)) = (Path::new(RESOLV).strip_prefix(inside), resolv(top, inside))
    {
        looking.covers.insert(resolv.to_owned(), Cover::File(text));
    }
    for (path, cover) in &looking.covers {
        make(top, path, cover, into).map_err(about(&place.join(path)))?;
    }
    give(top, into, None).map_err(about(place))
}

struct Looking {
    covers: BTreeMap<PathBuf, Cover>,
    depth: usize,
}

impl Looking {
    fn top(&mut self, top: &OwnedFd) -> rustix::io::Result<()> {
        for name in names(&open(top, Path::new(""))?)? {
            let is_one = |list: &[&str]| list.iter().any(|one| one.as_bytes() == name.to_bytes());
            let is_directory = kind(top, &name)? == FileType::Directory;
            let cover = match is_directory {
                true if is_one(&EMPTY) => Cover::Empty,
                _ if is_one(&SHOWN) => continue,
                _ => Cover::Gone,
            };
            self.covers.insert(path(&name).to_owned(), cover);
        }
        Ok(())
    }

    /// All that is in a directory, which lies at `way`.
    fn through(&mut self, directory: &OwnedFd, way: &Path) -> rustix::io::Result<()> {
        for name in names(directory)? {
            let found = match statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                found => found?,
            };
            let way = way.join(path(&name));
            match FileType::from_raw_mode(found.st_mode) {
                FileType::Directory if is_open(&found) && self.depth < DEEPEST => {
                    // What is gone by now needs no cover.
                    if let Ok(below) = open(directory, path(&name)) {
                        self.depth += 1;
                        self.through(&below, &way)?;
                        self.depth -= 1;
                    }
                }
                FileType::Directory => drop(self.covers.insert(way, Cover::Empty)),
                FileType::RegularFile if !is_open(&found) => {
                    self.covers.insert(way, Cover::Gone);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether every user of the machine may read it; of a directory, also enter.
fn is_open(found: &Stat) -> bool {
    let mode = Mode::from_raw_mode(found.st_mode);
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Directory => mode.contains(Mode::ROTH | Mode::XOTH),
        _ => mode.contains(Mode::ROTH),
    }
}

fn kind(directory: &OwnedFd, name: &CStr) -> rustix::io::Result<FileType> {
    let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode))
}

/// What says how servers of names are found, where that is a link to what is not there in a jail.
fn resolv(top: &OwnedFd, inside: &Path) -> Option<Vec<u8>> {
    let below = Path::new(RESOLV).strip_prefix(inside).ok()?;
    let found = statat(top, below, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
        return None;
    }
    let file = fs::metadata(Path::new("/").join(RESOLV)).ok()?;
    let is_plain = file.is_file() && file.len() <= LONGEST;
    is_plain.then(|| fs::read(Path::new("/").join(RESOLV)).ok())?
}

/// The directory at a path below `top`, on which there is no link.
fn open(top: &OwnedFd, below: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(top, c".", flags, Mode::empty())?;
    for name in below.components() {
        at = openat(&at, name.as_os_str(), flags, Mode::empty())?;
    }
    Ok(at)
}

/// Makes a cover, and the directories above it as they are below.
fn make(top: &OwnedFd, path: &Path, cover: &Cover, into: &OwnedFd) -> rustix::io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let (mut from, mut to) = (open(top, Path::new(""))?, open(into, Path::new(""))?);
    for name in above.components() {
        let next = open(&from, Path::new(name.as_os_str()))?;
        match mkdirat(&to, name.as_os_str(), Mode::RWXU) {
            Err(Errno::EXIST) => to = open(&to, Path::new(name.as_os_str()))?,
            made => {
                made?;
                to = open(&to, Path::new(name.as_os_str()))?;
                give(&next, &to, None)?;
            }
        }
        from = next;
    }
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    match cover {
        Cover::Gone => mknodat(&to, &name, FileType::CharacterDevice, Mode::empty(), 0),
        Cover::Empty => {
            mkdirat(&to, &name, Mode::RWXU)?;
            let made = open(&to, self::path(&name))?;
            fsetxattr(&made, OPAQUE, b"y", XattrFlags::empty())?;
            give(open(&from, self::path(&name))?, made.as_fd(), None)
        }
        Cover::File(text) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(0o644);
            let file = openat(&to, &name, flags, mode)?;
            rustix::io::write(&file, text).map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{symlink, FileTypeExt, PermissionsExt};

    #[test]
    fn mounts_of_the_machine_are_known() {
        let line = b"36 35 98:0 / /usr rw,noatime shared:3 - ext4 /dev/sda2 rw";
        assert_eq!(parse(line), Some("/usr".into()));
        for other in [
            &b"36 35 98:0 / / rw - ext4 /dev/sda1 rw"[..],
            b"36 35 98:0 / /home rw - ext4 /dev/sda3 rw",
            b"36 35 98:0 / /var/lib/x rw - tmpfs none rw",
            b"36 35 98:0 / /proc rw - proc proc rw",
            b"",
        ] {
            assert_eq!(parse(other), None);
        }
    }

    #[test]
    fn what_is_not_for_everybody_is_covered() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().expect("temporary directory");
        let top = dir.path().join("top");
        let at = |path: &str| top.join(path);
        for path in [
            "etc/ssh",
            "etc/private",
            "home/eve",
            "data",
            "usr/bin",
            "var/lib",
            "root",
        ] {
            fs::create_dir_all(at(path)).expect("mkdir");
        }
        let files = [
            ("etc/passwd", 0o644),
            ("etc/shadow", 0o640),
            ("etc/ssh/key", 0o600),
            ("etc/private/key", 0o644),
            ("home/eve/x", 0o644),
            ("usr/bin/odd", 0o700),
        ];
        for (path, mode) in files {
            fs::write(at(path), "").expect("write");
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).expect("chmod");
        }
        let closed = fs::Permissions::from_mode(0o710);
        fs::set_permissions(at("etc/private"), closed).expect("chmod");
        symlink("usr/bin", at("bin")).expect("symlink");
        let into = dir.path().join("into");
        fs::create_dir(&into).expect("mkdir");
        let open = |path: &Path| OwnedFd::from(fs::File::open(path).expect("open"));
        match cover(&open(&top), Path::new("/"), &open(&into)) {
            // Where there are no such attributes it cannot be made.
            Err(why) if why.contains("EOPNOTSUPP") => return,
            made => made.expect("made"),
        }
        let is_gone = |path: &str| {
            let found = into.join(path).symlink_metadata();
            found.is_ok_and(|found| found.file_type().is_char_device())
        };
        for path in ["etc/shadow", "etc/ssh/key", "data"] {
            assert!(is_gone(path), "{path}");
        }
        for path in ["home", "root", "etc/private"] {
            let entries = fs::read_dir(into.join(path)).expect(path);
            assert_eq!(entries.count(), 0, "{path}");
        }
        let mode = |path: &str| into.join(path).metadata().expect(path).permissions().mode();
        assert_eq!(mode("etc/private") & 0o777, 0o710);
        for path in ["etc/passwd", "bin", "usr", "var"] {
            assert!(into.join(path).symlink_metadata().is_err(), "{path}");
        }
    }
}
