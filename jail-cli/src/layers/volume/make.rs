// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making an encrypted volume, and the root file that says how it is opened.
//!
//! The volume grows in a file without a name, opened and mounted as for a jail, and what is to be in it is
//! built into it: nothing of it is ever on a disk as it is. It gets its name when it is whole,
//! and the root file after that. Of one that is interrupted nothing is left.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{openat, renameat2, OFlag, RenameFlags};
use nix::sys::stat::{fchmod, Mode, SFlag};
use nix::unistd::{fchown, unlinkat, Gid, Uid, UnlinkatFlags};
use rustix::fs::{
    fallocate, fgetxattr, flistxattr, fsetxattr, ftruncate, futimens, statat, AtFlags,
    FallocateFlags, Timespec, Timestamps, XattrFlags,
};

use super::cryptsetup::{self, Cost};
use super::device::{self, Locked};
use super::filesystem;
use super::key::{self, Key};
use crate::isolation::Size;
use crate::layers::{Purpose, RootFile};
use crate::stat::fstat;
use crate::text::{reason, shown};
use crate::trusted_path;

/// The smallest that a volume may be: its header alone takes 16 MiB.
const LEAST: u64 = 32 << 20;

/// What makes the file system.
pub const MKFS: &str = "mkfs.ext4";

/// AES-256 in XTS mode takes two keys.
const VOLUME_KEY: usize = 64;

/// What is built is first called this, among what the file system has at its top.
const GROWING: &str = ".jaula-root";

/// What a new ext4 has at its top.
const FOUND: &str = "lost+found";

/// A volume that is to be made.
#[derive(Clone, Debug)]
pub struct New {
    /// The root file.
    pub target: PathBuf,
    /// Where the key comes from.
    pub key: Key,
    /// How large the volume is to be.
    pub size: Size,
    /// Whether its place on the disk is only taken when it is needed.
    pub is_sparse: bool,
    /// In place of what is there, which is kept beside it.
    pub replace: bool,
}

/// What was made.
#[derive(Debug)]
pub struct Made<T> {
    /// The file.
    pub volume: PathBuf,
    /// Whether its key was made with it.
    pub has_new_key: bool,
    /// What has filled it.
    pub filled: T,
}

/// Makes it, whole or not at all. `fill` is given the name of a directory that it has to make, and
/// the directory that this is to be in, open.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// A text that names what is in the way.
pub fn make<T>(
    new: &New,
    fill: impl FnOnce(&Path, OwnedFd) -> Result<T, String>,
) -> Result<Made<T>, String> {
    let about = |why: String| format!("{}: {why}", shown(&new.target));
    let place = Place::find(new).map_err(about)?;
    let about = |why: String| format!("{}: {why}", shown(&place.volume));
    if new.size.bytes() < LEAST {
        return Err(about(format!(
            "a volume takes at least {} MiB, 16 of them for its header",
            LEAST >> 20
        )));
    }
    super::require().map_err(|why| about(format!("{why}; it takes that to make it")))?;
    let has_new_key = new.key.make()?;
    let made = place.make(new, fill, &about);
    if made.is_err() && has_new_key {
        if let Key::File(path) = &new.key {
            // It opens nothing.
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(Made {
        filled: made?,
        has_new_key,
        volume: place.volume,
    })
}

/// Where it is made.
struct Place {
    above: OwnedFd,
    /// Of the root file.
    name: OsString,
    volume: PathBuf,
    volume_name: OsString,
}

impl Place {
    fn find(new: &New) -> Result<Self, String> {
        let volume = new.target.with_extension("luks");
        let (Some(name), Some(volume_name)) = (new.target.file_name(), volume.file_name()) else {
            return Err("is no name of a file to be made".into());
        };
        if name == volume_name {
            return Err(
                "is the name of the volume; give that of the root file beside it, NAME.root".into(),
            );
        }
        let parent = new.target.parent();
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        let above = trusted_path::open_firm(parent.unwrap_or(Path::new(".")))
            .map_err(|refusal| refusal.describe())?;
        let place = Place {
            above: trusted_path::readable(above).map_err(reason)?,
            name: name.to_owned(),
            volume_name: volume_name.to_owned(),
            volume,
        };
        for name in [&place.name, &place.volume_name] {
            let Some(kind) = place.kind(name)? else {
                continue;
            };
            if kind != SFlag::S_IFREG {
                return Err(format!("{} is there, and is no file", shown(name)));
            }
            if !new.replace {
                return Err(format!(
                    "{} is there already; give another name, or --force to replace it",
                    shown(name)
                ));
            }
            let former = former(name);
            if place.kind(&former)?.is_some() {
                return Err(format!(
                    "{} is there already, from a replacement before; remove it first",
                    shown(&former)
                ));
            }
        }
        Ok(place)
    }

    fn kind(&self, name: &OsStr) -> Result<Option<SFlag>, String> {
        match statat(&self.above, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(
                SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT,
            )),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(format!("{}: {error}", shown(name))),
        }
    }

    fn make<T>(
        &self,
        new: &New,
        fill: impl FnOnce(&Path, OwnedFd) -> Result<T, String>,
        about: &impl Fn(String) -> String,
    ) -> Result<T, String> {
        let file = self.unnamed(Mode::S_IRUSR | Mode::S_IWUSR).map_err(about)?;
        allocate(&file, new).map_err(about)?;
        let mount = super::in_child(&new.key, || mount_new(&file, &new.key)).map_err(about)?;
        let again = mount
            .try_clone()
            .map_err(|error| about(error.to_string()))?;
        let filled =
            fill(Path::new(GROWING), again).map_err(|why| about(format!("filling it: {why}")))?;
        spread(&mount).map_err(|errno| about(format!("writing it out: {}", reason(errno))))?;
        drop(mount);
        device::wait_until_gone(&file);
        let file = File::from(file);
        file.sync_all()
            .map_err(|error| about(format!("writing it out: {error}")))?;
        self.put(&file.into(), &self.volume_name).map_err(about)?;
        let root_file = self.root_file(new).map_err(about)?;
        self.put(&root_file, &self.name).map_err(about)?;
        File::from(
            self.above
                .try_clone()
                .map_err(|error| about(error.to_string()))?,
        )
        .sync_all()
        .map_err(|error| about(format!("writing its name out: {error}")))?;
        Ok(filled)
    }

    /// A file that is gone with the last who has it open, until it has a name.
    fn unnamed(&self, mode: Mode) -> Result<OwnedFd, String> {
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let file = openat(&self.above, ".", flags, mode).map_err(|errno| match errno {
            Errno::EOPNOTSUPP => {
                "the file system that it is to be on has no files without names (O_TMPFILE)"
                    .to_owned()
            }
            errno => reason(errno),
        })?;
        fchmod(&file, mode).map_err(reason)?;
        Ok(file)
    }

    fn root_file(&self, new: &New) -> Result<OwnedFd, String> {
        let text = RootFile::text_of_volume(Path::new(&self.volume_name), &new.key)?;
        let file = self.unnamed(Mode::from_bits_truncate(0o644))?;
        let mut file = File::from(file);
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| error.to_string())?;
        Ok(file.into())
    }

    fn put(&self, file: &OwnedFd, name: &OsStr) -> Result<(), String> {
        let failed = |errno| format!("giving it its name: {}", reason(errno));
        match key::link(file, &self.above, name) {
            Ok(()) => return Ok(()),
            // It was looked whether that is wanted.
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let (above, former) = (&self.above, former(name));
        renameat2(
            above,
            name,
            above,
            former.as_os_str(),
            RenameFlags::RENAME_NOREPLACE,
        )
        .map_err(|errno| format!("keeping what was there: {}", reason(errno)))?;
        key::link(file, above, name).map_err(failed)
    }
}

fn former(name: &OsStr) -> OsString {
    let mut former = name.to_owned();
    former.push(".old");
    former
}

fn allocate(file: &OwnedFd, new: &New) -> Result<(), String> {
    let size = new.size.bytes();
    if !new.is_sparse {
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            Ok(()) => return Ok(()),
            // Not every file system can.
            Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => {
                return Err(format!(
                "taking {size} bytes for it: {error}; --size takes less, and --sparse only what is used",))
            }
        }
    }
    ftruncate(file, size).map_err(|error| error.to_string())
}

/// Encrypts a file, and mounts the file system that is made in it.
fn mount_new(file: &OwnedFd, key: &Key) -> Result<OwnedFd, String> {
    let locked = Locked::new(file)?;
    let volume_key = key::random(VOLUME_KEY)?;
    // By a path that another process has: it has no other.
    let path = PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ));
    cryptsetup::format(&path, &volume_key, key.open()?, &cost(key))?;
    let device = locked.make(&cryptsetup::segment(&path)?, &volume_key)?;
    let node = device::Node::of(&device)?;
    let mut mkfs = cryptsetup::program(MKFS, "e2fsprogs")?;
    mkfs.args(["-q", "-F", "-b", "4096", "-I", "256", "-m", "0"])
        .args(["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"])
        .arg(node.path());
    let output = mkfs.output().map_err(|error| format!("{MKFS}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{MKFS}: {}", cryptsetup::said(&output)));
    }
    drop(node);
    filesystem::mount(&device, Purpose::Run(None))
}

/// A passphrase is to take some work to be found; a key that nobody could type takes little, so that jails
/// start soon. Neither takes more memory than a machine such as this can spare.
fn cost(key: &Key) -> Cost {
    const MOST: u64 = 1 << 20;
    const LEAST: u64 = 32 << 10;

    let total = rustix::system::sysinfo();
    // Narrower on some architectures.
    #[allow(clippy::useless_conversion)]
    let total = (u64::from(total.totalram) * u64::from(total.mem_unit)) >> 10;
    Cost {
        memory: match key {
            Key::Prompt => (total / 8).clamp(LEAST, MOST),
            _ => LEAST,
        },
        time: match key {
            Key::Prompt => 2000,
            _ => 250,
        },
    }
}

/// Has what was built be all that there is, and the top of the file system be as its top was; and writes
/// all of it out.
fn spread(mount: &OwnedFd) -> Result<(), Errno> {
    let top = trusted_path::readable(mount)?;
    match unlinkat(&top, FOUND, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let built = openat(&top, GROWING, flags, Mode::empty())?;
    let stat = fstat(&built)?;
    let listing = openat(&built, ".", flags, Mode::empty())?;
    let mut names: Vec<OsString> = Vec::new();
    for entry in nix::dir::Dir::from_fd(listing)?.iter() {
        use std::os::unix::ffi::OsStrExt;

        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    for name in &names {
        let name = name.as_os_str();
        renameat2(&built, name, &top, name, RenameFlags::RENAME_NOREPLACE)?;
    }
    copy_attributes(&built, &top)?;
    unlinkat(&top, GROWING, UnlinkatFlags::RemoveDir)?;
    fchown(
        &top,
        Some(Uid::from_raw(stat.st_uid)),
        Some(Gid::from_raw(stat.st_gid)),
    )?;
    fchmod(&top, Mode::from_bits_truncate(stat.st_mode & 0o7777))?;
    let errno = |error: rustix::io::Errno| Errno::from_raw(error.raw_os_error());
    let time = Timespec {
        tv_sec: stat.st_mtime as _,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    futimens(&top, &times).map_err(errno)?;
    rustix::fs::syncfs(&top).map_err(errno)
}

fn copy_attributes(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    let errno = |error: rustix::io::Errno| Errno::from_raw(error.raw_os_error());
    let (mut names, mut value) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let length = flistxattr(from.as_fd(), &mut names[..]).map_err(errno)?;
    for name in names[..length]
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
    {
        let length = fgetxattr(from.as_fd(), name, &mut value[..]).map_err(errno)?;
        fsetxattr(to.as_fd(), name, &value[..length], XattrFlags::empty()).map_err(errno)?;
    }
    Ok(())
}
