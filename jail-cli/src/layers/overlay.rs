// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mounting layers upon each other, by overlayfs.
//!
//! What layers are is decided by their owners, which may be jails. So what overlayfs can be told by
//! extended attributes of a layer is not listened to: that a directory is to be taken from elsewhere
//! (`redirect_dir`), that the content of a file is (`metacopy`). Without these two, and without `index`
//! and `xino`, a lower layer may also be changed while nobody uses it, and a layer may be moved and copied:
//! nothing depends on by which file of which disk it began. `xino` would besides give inode numbers
//! that programs with 32 bits for them cannot read.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::fcntl::{openat, openat2, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::sys::stat::{fchmod, mkdirat, Mode, SFlag};
use nix::unistd::{fchdir, fchownat, setfsgid, setfsuid, Gid, Uid};
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, FsMountFlags,
    FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags,
};

use super::apart::{alone, complaints};
use super::upper::{Upper, UPPER, WORK};
use super::{host, Layers, Mapping, Purpose};
use crate::isolation::Size;
use crate::stat::{fstat, Stat};
use crate::sys;
use crate::text::{reason, shown};
use crate::trusted_path::{self, Refusal};

/// What is told to the kernel besides the layers.
const OPTIONS: [(&str, &str); 5] = [
    // In the place of a device, for who reads /proc/mounts in the jail.
    ("source", "jaula"),
    ("redirect_dir", "nofollow"),
    ("metacopy", "off"),
    ("index", "off"),
    ("xino", "off"),
];

/// Whether the running kernel has overlayfs.
///
/// # Errors
///
/// Why not; with EPERM in it where the caller may not know.
pub fn knows_overlay() -> Result<(), String> {
    context().map(drop)
}

fn context() -> Result<OwnedFd, String> {
    fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| match error {
        rustix::io::Errno::NODEV => {
            "the running kernel has no overlayfs, which roots of layers are made by \
             (CONFIG_OVERLAY_FS)"
                .to_owned()
        }
        error => format!(
            "overlayfs: {}",
            reason(Errno::from_raw(error.raw_os_error()))
        ),
    })
}

/// Whose a layer is and what mode it has, at its top.
pub fn look_at(path: &Path) -> Result<Stat, String> {
    fstat(open(path)?).map_err(|errno| format!("{}: {}", shown(path), reason(errno)))
}

/// A layer that is open.
struct Lower {
    directory: OwnedFd,
    path: PathBuf,
    /// Whether its ids are those of the jail already.
    is_mapped: bool,
}

impl Lower {
    fn open(path: &Path) -> Result<Self, String> {
        Ok(Lower {
            directory: open(path)?,
            path: path.to_owned(),
            is_mapped: false,
        })
    }
}

/// Mounts them, nowhere yet, in a process with mounts of its own. `like` is whose the top of the root is.
pub fn mount(
    layers: &Layers,
    upper: Option<&Upper>,
    like: &Stat,
    purpose: Purpose<'_>,
) -> Result<OwnedFd, String> {
    let mapping = match purpose {
        Purpose::Run(mapping) => mapping,
        Purpose::Look => None,
    };
    let view = layers
        .upper
        .as_ref()
        .filter(|_| matches!(purpose, Purpose::Look));
    let mut written = None;
    if let Some(path) = view.map(|path| path.join(UPPER)) {
        // There is none before it is first needed.
        if !matches!(
            trusted_path::open(&path),
            Err(Refusal::Kernel(Errno::ENOENT))
        ) {
            written = Some(Lower::open(&path)?);
        }
    }
    let mut lower = Vec::new();
    let mut mounts = host::Mounts::default();
    for path in &layers.lower {
        let layer = Lower::open(path)?;
        if host::is_own_root(&layer.directory) {
            // What was written upon it lies in it as well.
            written = written.map(apart).transpose()?;
            mounts = host::Mounts::now()?;
            let top = Path::new("/");
            lower.push(covering(&layer.directory, top, &mounts.left, mapping)?);
        }
        lower.push(layer);
    }
    let lower = written.into_iter().chain(lower).collect();
    let memory = match upper {
        Some(_) => None,
        None => Some(Memory::new(layers.size.unwrap_or_default())?),
    };
    let mounted = &mounts.taken;
    let mut writable = Vec::new();
    for place in [Path::new("/")]
        .into_iter()
        .chain(mounted.iter().map(PathBuf::as_path))
    {
        let names = names_of(place);
        let like = match place == Path::new("/") {
            true => *like,
            false => look_at(place)?,
        };
        match (&memory, upper) {
            (Some(memory), _) => memory.make(&names, &like)?,
            (None, Some(upper)) => upper.fill((&names.0, &names.1), &like)?,
            (None, None) => {}
        }
        writable.push(names);
    }
    let directory = match (memory, upper) {
        (Some(memory), _) => memory.put(mapping)?,
        (None, Some(upper)) => entered(upper.open_again()?, upper.path(), mapping)?,
        (None, None) => return Err("there is nowhere to write to".into()),
    };
    let root = overlay(lower, Some((&directory, &writable[0])), mapping)?;
    if mounted.is_empty() {
        return Ok(root);
    }
    // What is mounted in the machine's own root belongs to it.
    let failed = |why: String| format!("what is mounted in the root: {why}");
    let to_root = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&root, c"", rustix::fs::CWD, c"/", to_root)
        .map_err(|error| failed(error.to_string()))?;
    for (place, names) in mounted.iter().zip(&writable[1..]) {
        let layer = Lower::open(place)?;
        let cover = covering(&layer.directory, place, &mounts.left, mapping)?;
        let lower = vec![cover, layer];
        let mount = overlay(lower, Some((&directory, names)), mapping)?;
        attach(&mount, &root, place).map_err(|why| format!("{}: {why}", shown(place)))?;
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(&root, c"", flags).map_err(|error| failed(error.to_string()))
}

/// What a place where something is written to is called, and where overlayfs works for it: no two places
/// have one name.
fn names_of(place: &Path) -> (String, String) {
    let place = place.strip_prefix("/").unwrap_or(place).as_os_str();
    if place.is_empty() {
        return (UPPER.into(), WORK.into());
    }
    let quoted: String = place
        .as_bytes()
        .iter()
        .map(|&byte| match byte {
            b'/' => "-".to_owned(),
            b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect();
    (format!("{UPPER}-{quoted}"), format!("{WORK}-{quoted}"))
}

/// Puts a mount on a place of the root, where there must be no link.
fn attach(mount: &OwnedFd, root: &OwnedFd, place: &Path) -> Result<(), String> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let below = place.strip_prefix("/").unwrap_or(place);
    let point = openat2(root, below, how).map_err(reason)?;
    let by_descriptors =
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", &point, c"", by_descriptors).map_err(|error| error.to_string())
}

/// A layer in memory that covers what is not to be seen of the machine's own root.
fn covering(
    layer: &OwnedFd,
    place: &Path,
    left: &[PathBuf],
    mapping: Option<Mapping<'_>>,
) -> Result<Lower, String> {
    let memory = Memory::new(COVERS)?;
    host::cover(&alone(layer, c"")?, place, left, &memory.0)?;
    Ok(Lower {
        directory: memory.put(mapping)?,
        path: place.to_owned(),
        is_mapped: true,
    })
}

/// As much as covers take: they have no content to speak of.
const COVERS: Size = Size::of_mebibytes(64);

/// What was written, to be looked at, as a file system of its own: overlayfs takes no layer that lies in
/// another. What it hides of those below it, it does not hide any more.
fn apart(layer: Lower) -> Result<Lower, String> {
    let path = layer.path.clone();
    let nothing = Lower {
        directory: Memory::new(COVERS)?.put(None)?,
        path: path.clone(),
        is_mapped: true,
    };
    let mount = overlay(vec![layer, nothing], None, None)?;
    Ok(Lower {
        directory: Memory(mount).put(None)?,
        path,
        is_mapped: true,
    })
}

/// Mounts layers upon each other, nowhere yet, with what is written in directories of these names, where
/// something may be.
fn overlay(
    lower: Vec<Lower>,
    written: Option<(&OwnedFd, &(String, String))>,
    mapping: Option<Mapping<'_>>,
) -> Result<OwnedFd, String> {
    let context = context()?;
    let set = |option: &str, value: &str| {
        fsconfig_set_string(&context, option, value).map_err(|error| {
            format!(
                "overlayfs with {option}={value}: {error}{}",
                complaints(&context)
            )
        })
    };
    for (option, value) in OPTIONS {
        set(option, value)?;
    }
    // By where the process is: a path could have to be quoted, and would be seen in the jail.
    for layer in lower {
        let mapping = mapping.filter(|_| !layer.is_mapped);
        entered(layer.directory, &layer.path, mapping)?;
        set("lowerdir+", ".").map_err(|why| format!("{}: {why}", shown(&layer.path)))?;
    }
    if let Some((directory, (upper, work))) = written {
        fchdir(directory).map_err(reason)?;
        set("upperdir", upper)?;
        set("workdir", work)?;
    }
    let create = || {
        fsconfig_create(&context).and_then(|()| {
            let flags = FsMountFlags::FSMOUNT_CLOEXEC;
            fsmount(&context, flags, MountAttrFlags::empty())
        })
    };
    let made = match mapping {
        None => create(),
        Some(mapping) => {
            work_as(mapping.base)?;
            let made = create();
            work_as(0)?;
            made
        }
    };
    made.map_err(|error| format!("{}{}", refused(error), complaints(&context)))
}

/// Has the process be in a directory, with ids of its disk as those of the jail.
fn entered(
    directory: OwnedFd,
    path: &Path,
    mapping: Option<Mapping<'_>>,
) -> Result<OwnedFd, String> {
    let about = |why: String| format!("{}: {why}", shown(path));
    let directory = match mapping {
        Some(mapping) => mapped(&directory, mapping).map_err(about)?,
        None => directory,
    };
    fchdir(&directory).map_err(|errno| about(reason(errno)))?;
    Ok(directory)
}

fn refused(error: rustix::io::Errno) -> String {
    match error {
        rustix::io::Errno::LOOP => {
            "one of the layers lies in another of them, or is one twice (ELOOP)".to_owned()
        }
        rustix::io::Errno::INVAL => {
            "the kernel does not take these layers (EINVAL): the upper must be on a file system such \
             as ext4, xfs, btrfs or tmpfs; the kernel's log (dmesg) says more"
                .to_owned()
        }
        error => format!("mounting the layers upon each other: {error}"),
    }
}

/// Opens a layer. Nothing that lies on the way is followed where others could have laid it.
fn open(path: &Path) -> Result<OwnedFd, String> {
    let about = |why: String| format!("{}: {why}", shown(path));
    let found = trusted_path::open(path).map_err(|refusal| match refusal {
        Refusal::Kernel(errno) => about(reason(errno)),
        refusal => about(refusal.describe()),
    })?;
    let mode = fstat(&found).map_err(|errno| about(reason(errno)))?.st_mode;
    match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Ok(found),
        _ => Err(about("is not a directory, and so no layer".into())),
    }
}

/// Mounts a directory once more, upon itself, with ids of its disk as those of the jail.
fn mapped(directory: &OwnedFd, mapping: Mapping<'_>) -> Result<OwnedFd, String> {
    let tree = alone(directory, c"")?;
    map(&tree, mapping)?;
    let by_descriptors =
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&tree, c"", directory, c"", by_descriptors).map_err(|error| error.to_string())?;
    Ok(tree)
}

fn map(tree: &OwnedFd, mapping: Mapping<'_>) -> Result<(), String> {
    sys::map_mounts(tree.as_fd(), mapping.namespace, false).map_err(|errno| match errno {
        Errno::EINVAL => {
            "its file system does not map ids, as ext4, xfs, btrfs and tmpfs do and an \
                          initramfs or overlayfs does not; have the layer on another, or leave out \
                          --ids"
                .to_owned()
        }
        Errno::EPERM => "its ids are mapped already, or it is not the host's".to_owned(),
        errno => format!("mapping its ids: {}", reason(errno)),
    })
}

/// A file system in memory, which goes with what is made of it.
struct Memory(OwnedFd);

impl Memory {
    fn new(size: Size) -> Result<Self, String> {
        let failed = |why: String| format!("memory for what is thrown away: {why}");
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)
            .map_err(|error| failed(error.to_string()))?;
        let (bytes, files) = (size.bytes().to_string(), size.files().to_string());
        for (option, value) in [("mode", "0700"), ("size", &bytes), ("nr_inodes", &files)] {
            fsconfig_set_string(&context, option, value)
                .map_err(|error| failed(format!("{option}={value}: {error}")))?;
        }
        fsconfig_create(&context)
            .and_then(|()| {
                let flags = FsMountFlags::FSMOUNT_CLOEXEC;
                fsmount(&context, flags, MountAttrFlags::empty())
            })
            .map(Memory)
            .map_err(|error| failed(error.to_string()))
    }

    /// Makes where something is written, and where overlayfs works for it.
    fn make(&self, (upper, work): &(String, String), like: &Stat) -> Result<(), String> {
        make_below(&self.0, upper, Some(like))
            .and_then(|()| make_below(&self.0, work, None))
            .map_err(|errno| format!("memory for what is thrown away: {}", reason(errno)))
    }

    /// Mounts it upon the root of the mounts of the process, where nothing is looked up any more.
    fn put(self, mapping: Option<Mapping<'_>>) -> Result<OwnedFd, String> {
        let failed = |why: String| format!("memory for what is thrown away: {why}");
        let Memory(mount) = self;
        if let Some(mapping) = mapping {
            map(&mount, mapping).map_err(failed)?;
        }
        let to_root = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&mount, c"", rustix::fs::CWD, c"/", to_root)
            .map_err(|error| failed(error.to_string()))?;
        Ok(mount)
    }
}

/// Makes a directory that is root's alone, or as another is.
pub(super) fn make_below(
    directory: impl AsFd,
    name: &str,
    like: Option<&Stat>,
) -> Result<(), Errno> {
    mkdirat(&directory, name, Mode::S_IRWXU)?;
    let Some(like) = like else { return Ok(()) };
    let (user, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
    fchownat(&directory, name, Some(user), Some(group), flags)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let made = openat(&directory, name, flags, Mode::empty())?;
    fchmod(made, Mode::from_bits_truncate(like.st_mode & 0o7777))
}

/// Has what overlayfs makes by itself belong to the jail's root: the host's has no number on a disk whose
/// ids are mapped. It does that with the rights of who mounts it, which stay.
fn work_as(base: u32) -> Result<(), String> {
    let (user, group) = (Uid::from_raw(base), Gid::from_raw(base));
    setfsgid(group);
    setfsuid(user);
    // They return what it was before, and no error.
    if setfsuid(user) != user || setfsgid(group) != group {
        return Err(format!("working as user {base} is not permitted"));
    }
    let held = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    if !held.contains(&Capability::CAP_DAC_OVERRIDE) {
        return Err("working as another user takes CAP_DAC_OVERRIDE".into());
    }
    caps::set(None, CapSet::Effective, &held).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_places_are_written_to_under_one_name() {
        let name = |place: &str| names_of(Path::new(place)).0;
        assert_eq!(name("/"), "upper");
        assert_eq!(name("/var/lib"), "upper-var-lib");
        let places = [
            "/a-/b", "/a/-b", "/a--b", "/a-b", "/a/b", "/a%2db", "/a b", "/a\\040b",
        ];
        let names: std::collections::BTreeSet<String> = places.into_iter().map(name).collect();
        assert_eq!(names.len(), places.len(), "{names:?}");
        assert!(names.iter().all(|name| !name.contains([' ', '\\', '/'])));
    }
}
