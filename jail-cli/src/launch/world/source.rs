// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is mounted in a jail by option: what the host has for it, and how that is put there.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::sys::stat::{mknodat, Mode, SFlag};
use nix::unistd::{fchownat, Gid, Uid};
use rustix::mount::MountAttrFlags;

use super::mounts::{attach, clone_tree, memory, restrict, why, CLOSED};
use super::target::{Kind, Targets};
use super::UserNamespace;
use crate::isolation::{Bind, Device, Mount, Tmpfs};
use crate::stat::{fstat, Stat};
use crate::text::{reason, shown};
use crate::trusted_path::{self, Refusal};

/// What is found at the path that something is to be taken from; nothing, for what is new.
pub struct Found<'a> {
    mount: &'a Mount,
    file: Option<OwnedFd>,
}

/// The same, mounted once more with what is forbidden there, and nowhere yet.
pub struct Taken<'a> {
    mount: &'a Mount,
    tree: Option<OwnedFd>,
}

impl<'a> Found<'a> {
    /// Looks for it. Nothing that lies on the way is followed where others could have laid it.
    pub fn at(mount: &'a Mount) -> Result<Self, String> {
        let file = match mount {
            Mount::Bind(bind) => Some(open(&bind.source)),
            Mount::Device(device) => Some(open(&device.source)),
            Mount::Tmpfs(_) => None,
        };
        let file = file.transpose().map_err(about(mount))?;
        Ok(Found { mount, file })
    }

    /// Takes it.
    pub fn take(self, users: Option<&UserNamespace>) -> Result<Taken<'a>, String> {
        let Found { mount, file } = self;
        let tree = file.map(|file| match mount {
            Mount::Bind(bind) => tree(bind, &file, users),
            Mount::Device(_) | Mount::Tmpfs(_) => node(&file),
        });
        let tree = tree.transpose().map_err(about(mount))?;
        Ok(Taken { mount, tree })
    }
}

impl Taken<'_> {
    /// Puts it over a file, where the root has such.
    pub fn put_where_there_is(self, targets: &mut Targets<'_>) -> Result<(), String> {
        let place = targets.file(self.mount.target());
        match (place.map_err(about(self.mount))?, &self.tree) {
            (Some(place), Some(tree)) => attach(tree, &place).map_err(about(self.mount)),
            _ => Ok(()),
        }
    }

    /// Puts it where it belongs.
    pub fn put(
        self,
        targets: &mut Targets<'_>,
        users: Option<&UserNamespace>,
    ) -> Result<(), String> {
        let put = match (self.mount, &self.tree) {
            (Mount::Tmpfs(tmpfs), _) => put_memory(tmpfs, targets, users),
            (Mount::Bind(bind), Some(tree)) => put_tree(bind, tree, targets),
            (Mount::Device(device), Some(node)) => put_node(device, node, targets, users),
            (_, None) => Ok(()),
        };
        put.map_err(about(self.mount))
    }
}

/// A message about something that is to be mounted.
fn about(mount: &Mount) -> impl Fn(String) -> String + '_ {
    move |why| format!("{}: {why}", shown(&mount.to_text()))
}

fn open(path: &Path) -> Result<OwnedFd, String> {
    trusted_path::open(path).map_err(|refusal| match refusal {
        Refusal::Kernel(errno) => format!("{}: {}", shown(path), reason(errno)),
        refusal => refusal.describe(),
    })
}

fn tree(bind: &Bind, file: &OwnedFd, users: Option<&UserNamespace>) -> Result<OwnedFd, String> {
    if !bind.read_only && Kind::of(file)? == Kind::Directory {
        trusted_path::mark_as_given(file);
    }
    let tree = clone_tree(file, c"").map_err(why)?;
    if let Some(users) = users {
        let source = shown(&bind.source);
        users
            .map(tree.as_fd())
            .map_err(|why| format!("{source}: {why}"))?;
    }
    let read_only = match bind.read_only {
        true => MountAttrFlags::MOUNT_ATTR_RDONLY,
        false => MountAttrFlags::empty(),
    };
    restrict(&tree, CLOSED | read_only)?;
    Ok(tree)
}

fn node(file: &OwnedFd) -> Result<OwnedFd, String> {
    let kind = SFlag::from_bits_truncate(fstat(file).map_err(reason)?.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFCHR && kind != SFlag::S_IFBLK {
        return Err("it is no device; --bind shows what is none".into());
    }
    let node = clone_tree(file, c"").map_err(why)?;
    // It stays the host's: its owner and mode cannot be changed there. A device is written to on a
    // read-only mount as well.
    let closed = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    restrict(&node, closed)?;
    Ok(node)
}

fn put_tree(bind: &Bind, tree: &OwnedFd, targets: &mut Targets<'_>) -> Result<(), String> {
    attach(tree, &targets.open(&bind.target, Kind::of(tree)?)?)?;
    targets.add_shown(tree)
}

fn put_memory(
    tmpfs: &Tmpfs,
    targets: &mut Targets<'_>,
    users: Option<&UserNamespace>,
) -> Result<(), String> {
    let place = targets.open(&tmpfs.target, Kind::Directory)?;
    let mode = tmpfs.mode.unwrap_or_default().to_string();
    let mount = memory(&mode, tmpfs.size.unwrap_or_default(), CLOSED)?;
    if let Some(users) = users {
        users.give(mount.as_fd())?;
    }
    attach(&mount, &place)?;
    targets.add(&mount)
}

fn put_node(
    device: &Device,
    node: &OwnedFd,
    targets: &Targets<'_>,
    users: Option<&UserNamespace>,
) -> Result<(), String> {
    match targets.node(&device.target)? {
        Some(place) => {
            let like = fstat(node).map_err(reason)?;
            make_node(place.directory(), place.name().as_ref(), &like, users)
        }
        None => attach(node, &targets.open(&device.target, Kind::File)?),
    }
}

/// A node of the jail's own for a device of the host, with its owner and mode.
fn make_node(
    directory: &OwnedFd,
    name: &Path,
    like: &Stat,
    users: Option<&UserNamespace>,
) -> Result<(), String> {
    let kind = SFlag::from_bits_truncate(like.st_mode) & SFlag::S_IFMT;
    let mode = Mode::from_bits_truncate(like.st_mode & 0o777);
    // The jail's users and groups have the numbers that the host's have. Root stands for those that
    // it does not have.
    let in_jail = |id| match users {
        None => Ok(id),
        Some(users) => users.on_host(id).or_else(|_| users.on_host(0)),
    };
    let owner = Uid::from_raw(in_jail(like.st_uid)?);
    let group = Gid::from_raw(in_jail(like.st_gid)?);
    mknodat(directory, name, kind, mode, like.st_rdev)
        .map_err(|errno| format!("making the node: {}", reason(errno)))?;
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
    fchownat(directory, name, Some(owner), Some(group), flags)
        .map_err(|errno| format!("setting the owner of the node: {}", reason(errno)))
}
