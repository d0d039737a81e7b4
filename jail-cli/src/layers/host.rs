// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine's own root as a layer.
//!
//! Root of a jail sees of it what every user of the machine may read: what is closed to them is covered
//! by a layer above it, made anew each time. Where users of the machine keep what is theirs, and what
//! is made when it starts, is empty there. Programs and what they come with are as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    fsetxattr, mkdirat, mknodat, openat, statat, statx, AtFlags, FileType, Mode, OFlags,
    StatxFlags, XattrFlags, CWD,
};
use rustix::io::Errno;

use super::copy::{give, names, path, why};
use crate::mountinfo::unescaped;
use crate::root::Identity;
use crate::stat::{fstat, stat};
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
const LOOKED_THROUGH: [&str; 4] = ["etc", "opt", "usr/local", "var"];

/// What is empty although everybody may read it.
const EMPTY_BELOW: &str = "var/tmp";

/// Where passwords are, also while they are being changed: what is made after a jail has been started is
/// not covered otherwise.
const SECRET: [&str; 12] = [
    "etc/gshadow",
    "etc/gshadow+",
    "etc/gshadow-",
    "etc/gshadow.edit",
    "etc/nshadow",
    "etc/security/nopasswd",
    "etc/security/opasswd",
    "etc/shadow",
    "etc/shadow+",
    "etc/shadow-",
    "etc/shadow.edit",
    "etc/shadow.orig",
];

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

/// What is mounted in it, where it is shown.
#[derive(Debug, Default)]
pub struct Mounts {
    /// What belongs to it, the outermost first.
    pub taken: Vec<PathBuf>,
    /// What does not, or is closed to the users of the machine. What lies below it nobody sees.
    pub left: Vec<PathBuf>,
}

impl Mounts {
    /// Those that there are now.
    ///
    /// # Errors
    ///
    /// Where it cannot be told.
    pub fn now() -> Result<Self, String> {
        const FILE: &str = "/proc/self/mountinfo";
        let text = fs::read(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        let mut found: Vec<Line> = text
            .split(|&byte| byte == b'\n')
            .filter_map(parse)
            .collect();
        found.sort_by(|one, other| one.point.cmp(&other.point));
        let (taken, left): (Vec<Line>, Vec<Line>) = found
            .into_iter()
            .partition(|line| line.of_machine && is_seen(line.id, &line.point));
        let points = |lines: Vec<Line>| lines.into_iter().map(|line| line.point).collect();
        let mut mounts = Mounts {
            taken: points(taken),
            left: points(left),
        };
        mounts.left.dedup();
        // One can lie upon another of the same place.
        mounts.left.retain(|left| !mounts.taken.contains(left));
        let is_below_left =
            |point: &PathBuf| mounts.left.iter().any(|left| point.starts_with(left));
        mounts.taken.retain(|point| !is_below_left(point));
        Ok(mounts)
    }
}

/// A mount that is shown.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    id: u64,
    point: PathBuf,
    of_machine: bool,
}

/// What a line says (proc_pid_mountinfo(5)), where it is one of these.
fn parse(line: &[u8]) -> Option<Line> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let kind = std::str::from_utf8(fields.get(dash + 1)?).ok()?;
    let id = std::str::from_utf8(fields.first()?).ok()?.parse().ok()?;
    let point = PathBuf::from(unescaped(fields.get(4)?));
    let first = point.strip_prefix("/").ok()?.components().next()?;
    let is_shown = SHOWN.iter().any(|name| first.as_os_str() == *name);
    let of_machine = OF_MACHINE.contains(&kind);
    is_shown.then_some(Line {
        id,
        point,
        of_machine,
    })
}

/// Whether a mount is a directory that every user of the machine sees, and no other mount lies on it. Where
/// everybody writes nothing is shown.
fn is_seen(id: u64, point: &Path) -> bool {
    let is_shown = |path: &Path| {
        path.symlink_metadata().is_ok_and(|found| {
            let mode = Mode::from_raw_mode(found.mode());
            found.is_dir() && is_open(FileType::Directory, mode) && !mode.contains(Mode::WOTH)
        })
    };
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = statx(CWD, point, flags, StatxFlags::MNT_ID);
    found.is_ok_and(|found| found.stx_mnt_id == id)
        && !point.starts_with(Path::new("/").join(EMPTY_BELOW))
        && point.ancestors().all(is_shown)
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
/// at `place`, and of which `top` is the top without what is mounted in it; and what lies below mounts
/// that are left out.
///
/// # Errors
///
/// What cannot be looked at, or made.
pub fn cover(top: &OwnedFd, place: &Path, left: &[PathBuf], into: &OwnedFd) -> Result<(), String> {
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
    for below in &looked_through(Path::new("/")) {
        let below = match (below.strip_prefix(inside), inside.starts_with(below)) {
            (Ok(below), _) => below,
            (_, true) => Path::new(""),
            _ => continue,
        };
        match looking.at(top, below) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(about(&place.join(below))(error)),
        }
    }
    if let Ok(empty) = Path::new(EMPTY_BELOW).strip_prefix(inside) {
        if !empty.as_os_str().is_empty() && open(top, empty).is_ok() {
            looking.covers.insert(empty.to_owned(), Cover::Empty);
        }
    }
    if let (Ok(resolv), Some(text)) = (Path::new(RESOLV).strip_prefix(inside), resolv(top, inside))
    {
        looking.covers.insert(resolv.to_owned(), Cover::File(text));
    }
    for secret in SECRET.map(Path::new) {
        let Ok(secret) = secret.strip_prefix(inside) else {
            continue;
        };
        if open(top, secret.parent().unwrap_or(Path::new(""))).is_ok() {
            looking.covers.insert(secret.to_owned(), Cover::Gone);
        }
    }
    for left in left {
        let Ok(below) = left.strip_prefix(place) else {
            continue;
        };
        if let (false, Some(cover)) = (below.as_os_str().is_empty(), under(top, below, left)) {
            looking.covers.insert(below.to_owned(), cover);
        }
    }
    // Nothing is left to be covered below what is covered.
    let is_below = |path: &Path| {
        let mut above = path.ancestors().skip(1);
        above.any(|above| looking.covers.contains_key(above))
    };
    for (path, cover) in looking.covers.iter().filter(|(path, _)| !is_below(path)) {
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
            let found = statat(top, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            let kind = FileType::from_raw_mode(found.st_mode);
            let is_closed = !is_open(kind, Mode::from_raw_mode(found.st_mode));
            let cover = match kind {
                FileType::Directory if is_one(&EMPTY) => Cover::Empty,
                FileType::Directory if is_one(&SHOWN) && is_closed => Cover::Empty,
                _ if is_one(&SHOWN) => continue,
                _ => Cover::Gone,
            };
            self.covers.insert(path(&name).to_owned(), cover);
        }
        Ok(())
    }

    /// All that is in the directory at a path, where that is not closed.
    fn at(&mut self, top: &OwnedFd, below: &Path) -> rustix::io::Result<()> {
        let (mut at, mut way) = (open(top, Path::new(""))?, PathBuf::new());
        for name in below.components() {
            way.push(name);
            let found = statat(&at, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW)?;
            at = open(&at, Path::new(name.as_os_str()))?;
            if !is_open(FileType::Directory, Mode::from_raw_mode(found.st_mode)) {
                self.covers.insert(way, Cover::Empty);
                return Ok(());
            }
        }
        self.through(&at, &way)
    }

    /// All that is in a directory, which lies at `way`.
    fn through(&mut self, directory: &OwnedFd, way: &Path) -> rustix::io::Result<()> {
        for name in names(directory)? {
            let found = match statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                found => found?,
            };
            let way = way.join(path(&name));
            let kind = FileType::from_raw_mode(found.st_mode);
            let mode = Mode::from_raw_mode(found.st_mode);
            let is_open = is_open(kind, mode);
            match kind {
                // Where everybody writes it is theirs what lies there, and how much that is.
                FileType::Directory
                    if is_open && !mode.contains(Mode::WOTH) && self.depth < DEEPEST =>
                {
                    // What is gone by now needs no cover.
                    if let Ok(below) = open(directory, path(&name)) {
                        self.depth += 1;
                        self.through(&below, &way)?;
                        self.depth -= 1;
                    }
                }
                FileType::Directory => drop(self.covers.insert(way, Cover::Empty)),
                FileType::RegularFile if !is_open => {
                    self.covers.insert(way, Cover::Gone);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether every user of the machine may read it; of a directory, also enter.
fn is_open(kind: FileType, mode: Mode) -> bool {
    match kind {
        FileType::Directory => mode.contains(Mode::ROTH | Mode::XOTH),
        _ => mode.contains(Mode::ROTH),
    }
}

/// Where there can be something that is not for everybody, also by links.
fn looked_through(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::from(LOOKED_THROUGH.map(PathBuf::from));
    for below in LOOKED_THROUGH {
        if let Ok(real) = fs::canonicalize(root.join(below)) {
            found.extend(real.strip_prefix(root).map(Path::to_owned));
        }
    }
    found
}

/// What is in the place of a mount that is left out: of a directory nothing, of a file what everybody can
/// read there.
fn under(top: &OwnedFd, below: &Path, place: &Path) -> Option<Cover> {
    if open(top, below).is_ok() {
        return Some(Cover::Empty);
    }
    // Where there is nothing, or a link on the way, nothing is seen by this path.
    let (above, name) = (below.parent()?, below.file_name()?);
    let found = statat(open(top, above).ok()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    (FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
        .then(|| read(place).map_or(Cover::Gone, Cover::File))
}

/// What everybody can read in a small file.
fn read(path: &Path) -> Option<Vec<u8>> {
    let file = fs::metadata(path).ok()?;
    let is_open = is_open(FileType::RegularFile, Mode::from_raw_mode(file.mode()));
    let is_plain = file.is_file() && is_open && file.len() <= LONGEST;
    is_plain.then(|| fs::read(path).ok())?
}

/// What says how servers of names are found, where that is a link to what is not there in a jail.
fn resolv(top: &OwnedFd, inside: &Path) -> Option<Vec<u8>> {
    let below = Path::new(RESOLV).strip_prefix(inside).ok()?;
    let found = statat(top, below, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
        return None;
    }
    read(&Path::new("/").join(RESOLV))
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
    fn mounts_that_are_shown_are_known() {
        let line = |point: &str, kind: &str| {
            parse(format!("36 35 98:0 / {point} rw,noatime shared:3 - {kind} /dev/x rw").as_bytes())
                .map(|line| (line.id, line.point, line.of_machine))
        };
        let usr = Some((36, PathBuf::from("/usr"), true));
        assert_eq!(line("/usr", "ext4"), usr);
        let memory = Some((36, PathBuf::from("/var/lib/x"), false));
        assert_eq!(line("/var/lib/x", "tmpfs"), memory);
        let blank = Some((36, PathBuf::from("/opt/a b\\"), true));
        assert_eq!(line("/opt/a\\040b\\134", "xfs"), blank);
        for (point, kind) in [("/", "ext4"), ("/home", "ext4"), ("/proc", "proc")] {
            assert_eq!(line(point, kind), None);
        }
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn what_is_looked_through_is_found_by_links() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = fs::canonicalize(dir.path()).expect("its path");
        fs::create_dir_all(root.join("usr/var")).expect("mkdir");
        symlink("usr/var", root.join("var")).expect("symlink");
        symlink("/", root.join("opt")).expect("symlink");
        let found = looked_through(&root);
        assert!(found.contains(Path::new("usr/var")), "{found:?}");
        assert_eq!(found.len(), LOOKED_THROUGH.len() + 1, "{found:?}");
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
            "opt/closed/below",
            "usr/bin",
            "var/lib/left",
            "var/crash/of-eve",
            "usr/local/sbin",
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
            ("usr/local/sbin/odd", 0o700),
            ("opt/closed/key", 0o644),
            ("var/lib/left/key", 0o644),
            ("opt/closed/below/key", 0o644),
        ];
        for (path, mode) in files {
            fs::write(at(path), "").expect("write");
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).expect("chmod");
        }
        let closed = fs::Permissions::from_mode(0o710);
        fs::set_permissions(at("etc/private"), closed.clone()).expect("chmod");
        fs::set_permissions(at("opt"), closed).expect("chmod");
        let everybodys = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(at("var/crash"), everybodys).expect("chmod");
        symlink("usr/bin", at("bin")).expect("symlink");
        let into = dir.path().join("into");
        fs::create_dir(&into).expect("mkdir");
        let open = |path: &Path| OwnedFd::from(fs::File::open(path).expect("open"));
        let left = ["/var/lib/left", "/var/none", "/opt/closed/below"].map(PathBuf::from);
        match cover(&open(&top), Path::new("/"), &left, &open(&into)) {
            // Where there are no such attributes it cannot be made.
            Err(why) if why.contains("EOPNOTSUPP") => return,
            made => made.expect("made"),
        }
        let is_gone = |path: &str| {
            let found = into.join(path).symlink_metadata();
            found.is_ok_and(|found| found.file_type().is_char_device())
        };
        for path in [
            "etc/shadow",
            "etc/shadow+",
            "etc/ssh/key",
            "usr/local/sbin/odd",
            "data",
        ] {
            assert!(is_gone(path), "{path}");
        }
        for path in [
            "home",
            "root",
            "etc/private",
            "opt",
            "var/crash",
            "var/lib/left",
        ] {
            let entries = fs::read_dir(into.join(path)).expect(path);
            assert_eq!(entries.count(), 0, "{path}");
        }
        let mode = |path: &str| into.join(path).metadata().expect(path).permissions().mode();
        assert_eq!(mode("etc/private") & 0o777, 0o710);
        for path in ["etc/passwd", "bin", "usr/bin", "var/none"] {
            assert!(into.join(path).symlink_metadata().is_err(), "{path}");
        }
    }
}
