// SPDX-License-Identifier: MIT OR Apache-2.0

//! A tree below a layer that takes what is written, where nobody else sees it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use jaula_rootfs::template::JailPath;
use nix::errno::Errno;
use nix::fcntl::{open, openat, openat2, AtFlags, OFlag, OpenHow, ResolveFlag};
use nix::sched::{unshare, CloneFlags};
use nix::sys::stat::{mkdirat, Mode};
use nix::unistd::{fchdir, fchownat, Gid, Uid};
use rustix::fs::CWD;
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, unmount,
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags,
};
use tempfile::TempDir;

use crate::text::{reason, shown};
use crate::trusted_path;
use crate::user::User;

/// What is told to overlayfs besides the layers: nothing that a layer says about itself counts.
const OPTIONS: [(&str, &str); 5] = [
    ("source", "jaula"),
    ("redirect_dir", "nofollow"),
    ("metacopy", "off"),
    ("index", "off"),
    ("xino", "off"),
];

const UPPER: &str = "upper";
const WORK: &str = "work";
const ROOT: &str = "root";

/// Both, mounted among mounts of the process's own. Gone with the process, and when dropped.
#[derive(Debug)]
pub struct Layer {
    lower: OwnedFd,
    directory: TempDir,
    root: PathBuf,
}

impl Layer {
    /// Puts one upon a tree.
    ///
    /// The calling process must have one thread, and has mounts of its own from then on.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way.
    pub fn upon(tree: &Path) -> Result<Self, String> {
        let about = |why: String| format!("{}: {why}", shown(tree));
        let found = trusted_path::open(tree).map_err(|refusal| about(refusal.describe()))?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        unshare(CloneFlags::CLONE_NEWNS)
            .map_err(|errno| format!("mounts of its own: {}", reason(errno)))?;
        let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", alone).map_err(|error| format!("mounts of its own: {error}"))?;
        // What was opened lies in the mounts that there were before.
        let lower = open(tree, flags, Mode::empty()).map_err(|errno| about(reason(errno)))?;
        let same = |fd: &OwnedFd| crate::stat::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
        if same(&lower).ok() != same(&found).ok() {
            return Err(about("is another directory now".into()));
        }
        let above = match Path::new("/run").is_dir() {
            true => PathBuf::from("/run"),
            false => std::env::temp_dir(),
        };
        let directory = tempfile::Builder::new()
            .prefix("jaula-trace-")
            .tempdir_in(above);
        let directory =
            directory.map_err(|error| format!("a directory to mount it at: {error}"))?;
        let layer = Layer {
            lower,
            root: directory.path().join(ROOT),
            directory,
        };
        layer
            .memory()
            .map_err(|error| format!("memory for what is written: {error}"))?;
        layer.mount().map_err(about)?;
        Ok(layer)
    }

    /// Where both are seen.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The tree alone.
    pub fn lower(&self) -> io::Result<OwnedFd> {
        self.lower.try_clone()
    }

    /// The layer alone.
    pub fn upper(&self) -> io::Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(open(
            &self.directory.path().join(UPPER),
            flags,
            Mode::empty(),
        )?)
    }

    /// Half of the machine's memory at most, as a tmpfs has it.
    fn memory(&self) -> io::Result<()> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "mode", "0700")?;
        fsconfig_create(&context)?;
        attach(&context, self.directory.path())?;
        for name in [UPPER, WORK, ROOT] {
            fs::create_dir(self.directory.path().join(name))?;
        }
        let upper = self.directory.path().join(UPPER);
        fs::set_permissions(
            upper,
            fs::File::from(self.lower()?).metadata()?.permissions(),
        )
    }

    fn mount(&self) -> Result<(), String> {
        let before = open(".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(reason)?;
        let mounted = self.overlay();
        let back = fchdir(&before).map_err(reason);
        mounted.and(back)
    }

    fn overlay(&self) -> Result<(), String> {
        let failed = |error: io::Error| {
            match error.raw_os_error() {
            Some(libc::ENODEV) => {
                "the running kernel has no overlayfs (CONFIG_OVERLAY_FS), by which what is written is \
                 thrown away"
                    .to_owned()
            }
            _ => format!("putting a layer upon it: {error}"),
        }
        };
        let mount = || -> io::Result<()> {
            let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
            for (option, value) in OPTIONS {
                fsconfig_set_string(&context, option, value)?;
            }
            // By where the process is: a path could have to be quoted.
            fchdir(&self.lower)?;
            fsconfig_set_string(&context, "lowerdir+", ".")?;
            std::env::set_current_dir(self.directory.path())?;
            fsconfig_set_string(&context, "upperdir", UPPER)?;
            fsconfig_set_string(&context, "workdir", WORK)?;
            fsconfig_create(&context)?;
            attach(&context, &self.root)
        };
        mount().map_err(failed)
    }

    /// Makes a directory that belongs to a user, and what is missing above it, as seen from within.
    ///
    /// # Errors
    ///
    /// A text that names it.
    pub fn make(&self, path: &JailPath, user: &User) -> Result<(), String> {
        let make = || -> Result<(), Errno> {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let root = open(&self.root, flags, Mode::empty())?;
            let how = OpenHow::new()
                .flags(flags)
                .resolve(ResolveFlag::RESOLVE_IN_ROOT);
            let mut above = PathBuf::from("/");
            for name in path.inside().components() {
                let Component::Normal(name) = name else {
                    continue;
                };
                let directory = openat2(&root, &above, how)?;
                let mode = Mode::from_bits_truncate(0o755);
                match mkdirat(&directory, name, mode) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
                above.push(name);
                if above == Path::new(path.as_str()) {
                    let flags =
                        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                    let made = openat(&directory, name, flags, Mode::empty())?;
                    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
                    fchownat(&made, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH)?;
                }
            }
            Ok(())
        };
        make().map_err(|errno| format!("making the directory {path}: {}", reason(errno)))
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        // Else the directory could not be removed. It is gone with the process in any case.
        let _ = unmount(self.directory.path(), UnmountFlags::DETACH);
    }
}

fn attach(context: &OwnedFd, path: &Path) -> io::Result<()> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(move_mount(&mount, c"", CWD, path, by_descriptor)?)
}
