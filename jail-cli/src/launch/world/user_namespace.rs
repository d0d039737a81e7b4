// SPDX-License-Identifier: MIT OR Apache-2.0

//! The user namespace of a jail that has ids of its own.
//!
//! It says what an id of the jail is on the host. It is made by a short-lived child, so that the
//! launcher stays in its own: what is mounted belongs to the host, and nothing in the jail can change
//! it. The mounts of the jail are mapped by it, and its processes join it when they are in the jail.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use caps::CapSet;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::prctl;
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use nix::sys::signal::{kill, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{
    getresgid, getresuid, getuid, pipe2, setegid, seteuid, setgroups, setresgid, setresuid, Gid,
    Pid, Uid,
};
use procfs::process::{all_processes, Process};
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};

use super::mounts::why;
use crate::isolation::{Block, Isolation};
use crate::jail::JailNumber;
use crate::process::jailed;
use crate::sys;
use crate::text::reason;

/// More than a map ever is: 340 lines of three numbers (user_namespaces(7)).
const MAP_LIMIT: u64 = 16 << 10;

/// What the ids of a user namespace are on the host: of users, and of groups.
const MAPS: [&str; 2] = ["uid_map", "gid_map"];

/// What the child says when it has made all of them; anything else is the beginning of an error.
const READY: u8 = 0;

/// What the kernel counts for a namespace as a whole, by the limits of who makes it.
const COUNTED: [Resource; 3] = [
    Resource::RLIMIT_MEMLOCK,
    Resource::RLIMIT_MSGQUEUE,
    Resource::RLIMIT_SIGPENDING,
];

/// The user namespace of a jail, open, so that it stays whoever is in it.
pub struct UserNamespace {
    file: File,
    block: Block,
    /// Those that it owns, so that capabilities of the jail count over them.
    owned: Vec<(CloneFlags, File)>,
}

impl UserNamespace {
    /// A new one, which owns what namespaces the jail has of its own, but for those of its mounts and
    /// processes.
    ///
    /// # Errors
    ///
    /// Why there can be none.
    pub fn new(block: Block, isolation: &Isolation) -> Result<Self, String> {
        let wanted = owned_kinds(isolation);
        let (mut ready, told) = pipe2(OFlag::O_CLOEXEC)
            .map(|(read, write)| (File::from(read), File::from(write)))
            .map_err(|errno| format!("pipe: {}", reason(errno)))?;
        let child = match sys::fork().map_err(|errno| format!("fork: {}", reason(errno)))? {
            sys::Fork::Parent(child) => child,
            sys::Fork::Child => {
                drop(ready);
                be_in_it(block, &wanted, told)
            }
        };
        drop(told);
        let mut first = [0];
        let heard = ready.read_exact(&mut first);
        let made = match (heard, first) {
            (Ok(()), [READY]) => open_all(child, block, &wanted),
            (Ok(()), [first]) => {
                let mut said = vec![first];
                // What is missing of it is missing in the message.
                let _ = ready.read_to_end(&mut said);
                Err(String::from_utf8_lossy(&said).into_owned())
            }
            (Err(error), _) => Err(format!("waiting for a child to make it: {error}")),
        };
        // It waits for nothing else.
        kill(child, Signal::SIGKILL)
            .and_then(|()| waitpid(child, None))
            .map_err(|errno| format!("ending the child that made it: {}", reason(errno)))?;
        made
    }

    /// That of a jail: the one that has this inode, where a process of the jail is left in it.
    pub fn of_jail(number: JailNumber, inode: u64, block: Block) -> Result<Option<Self>, String> {
        let inside = jailed()?.into_iter();
        let mut found = inside
            .filter(|process| process.jail == number)
            .filter_map(|process| File::open(format!("/proc/{}/ns/user", process.pid)).ok());
        // What is open is looked at, and not the process, which may end at any moment. An inode that the
        // jail was given is no other's as long as anybody is in a namespace within it.
        let found = found.find(|file| file.metadata().is_ok_and(|found| found.ino() == inode));
        Ok(found.map(|file| UserNamespace {
            file,
            block,
            owned: Vec::new(),
        }))
    }

    /// The inode by which the kernel knows it.
    pub fn inode(&self) -> Result<u64, String> {
        let found = self.file.metadata();
        found
            .map(|found| found.ino())
            .map_err(|error| format!("its user namespace: {error}"))
    }

    /// The namespace of a kind that it owns, where it was made with one.
    pub(super) fn owned(&self, kind: CloneFlags) -> Option<&File> {
        let mut owned = self.owned.iter();
        owned.find(|(flag, _)| *flag == kind).map(|(_, file)| file)
    }

    /// The network namespace that it owns, where it was made with one.
    pub fn network(&self) -> Option<BorrowedFd<'_>> {
        self.owned(CloneFlags::CLONE_NEWNET).map(AsFd::as_fd)
    }

    /// What an id of the jail is on the host.
    pub fn on_host(&self, id: u32) -> Result<u32, String> {
        let count = self.block.count();
        let found = self.block.on_host(id);
        found.ok_or_else(|| format!("there is no user or group {id} among {count} ids"))
    }

    /// Has a tree of mounts, which is nowhere yet, show ids of its disk as those of the jail.
    pub(super) fn map(&self, tree: BorrowedFd<'_>) -> Result<(), String> {
        let namespace = self.file.as_fd();
        match sys::map_mounts(tree, namespace, true) {
            Ok(()) => Ok(()),
            Err(Errno::EINVAL) => Err(match sys::map_mounts(tree, namespace, false) {
                Ok(()) => "something that is mounted below it is of a file system that does not \
                           map ids, such as /proc; unmount it, or leave out --ids"
                    .to_owned(),
                Err(_) => "its file system does not map ids, as ext4, xfs, btrfs and tmpfs do \
                           and an initramfs or overlayfs does not; have it on another, or leave \
                           out --ids"
                    .to_owned(),
            }),
            Err(Errno::EPERM) => {
                Err("its ids are mapped already, or it is not the host's".to_owned())
            }
            Err(errno) => Err(format!("mapping its ids: {}", reason(errno))),
        }
    }

    /// Gives all that is in a new file system to the jail's root. What is mounted upon it is left
    /// alone.
    pub(super) fn give(&self, tree: BorrowedFd<'_>) -> Result<(), String> {
        give(tree, self.block.base())
            .map_err(|error| format!("giving it to the jail: {}", why(error)))
    }

    /// Joins it as its root; from then on the process has nothing of the host's.
    pub fn join(&self) -> Result<(), String> {
        let step = |step: &'static str| move |errno| format!("{step}: {}", reason(errno));
        setns(&self.file, CloneFlags::CLONE_NEWUSER).map_err(step("setns"))?;
        // The host's root has no number there.
        if getuid().is_root() {
            return Err("the kernel has let it stay the host's root".into());
        }
        let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
        setgroups(&[]).map_err(step("setgroups to none"))?;
        setresgid(group, group, group).map_err(step("setresgid"))?;
        setresuid(user, user, user).map_err(step("setresuid"))?;
        let users = getresuid().map_err(step("getresuid"))?;
        let groups = getresgid().map_err(step("getresgid"))?;
        let is_root = [users.real, users.effective, users.saved] == [user; 3]
            && [groups.real, groups.effective, groups.saved] == [group; 3];
        match is_root {
            true => Ok(()),
            false => Err("the ids are not those of its root".into()),
        }
    }
}

impl AsFd for UserNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The namespaces that are to be owned by it: the names in /proc/PID/ns, and what makes them.
fn owned_kinds(isolation: &Isolation) -> Vec<(&'static str, CloneFlags)> {
    let new = &isolation.new;
    let kinds = [
        (new.new_ipc, "ipc", CloneFlags::CLONE_NEWIPC),
        (
            new.new_net && isolation.network.path().is_none(),
            "net",
            CloneFlags::CLONE_NEWNET,
        ),
        (new.new_uts, "uts", CloneFlags::CLONE_NEWUTS),
    ];
    let wanted = kinds.into_iter().filter(|(is_new, ..)| *is_new);
    wanted.map(|(_, name, flag)| (name, flag)).collect()
}

/// Makes the namespaces, says so, and waits to be killed; never returns.
fn be_in_it(block: Block, wanted: &[(&str, CloneFlags)], mut told: File) -> ! {
    let said = match enter(block, wanted) {
        Ok(()) => told.write_all(&[READY]),
        Err(why) => told.write_all(why.as_bytes()),
    };
    drop(told);
    if said.is_err() {
        // Nobody is left to hear it.
        sys::exit_now(1);
    }
    loop {
        std::thread::park();
    }
}

fn enter(block: Block, wanted: &[(&str, CloneFlags)]) -> Result<(), String> {
    // Whose the namespace is, what is in it is counted for as a whole. If that were the host's root, the
    // jail could use up what root may have.
    for resource in COUNTED {
        let (_, hard) = getrlimit(resource).map_err(reason)?;
        let infinite = nix::libc::RLIM_INFINITY;
        // Without the right to, as much as there may be.
        setrlimit(resource, infinite, infinite)
            .or_else(|_| setrlimit(resource, hard, hard))
            .map_err(|errno| format!("setrlimit: {}", reason(errno)))?;
    }
    let held = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    setegid(Gid::from_raw(block.base())).map_err(|errno| format!("setegid: {}", reason(errno)))?;
    seteuid(Uid::from_raw(block.base())).map_err(|errno| format!("seteuid: {}", reason(errno)))?;
    caps::set(None, CapSet::Effective, &held).map_err(|error| error.to_string())?;
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| match errno {
        Errno::EINVAL => "the running kernel has no user namespaces".to_owned(),
        Errno::EPERM => "no user namespace may be made here: by root in a chroot, or in a jail \
                         that is not allowed userns"
            .to_owned(),
        Errno::ENOSPC => "there are too many user namespaces (user.max_user_namespaces)".to_owned(),
        errno => format!("making a user namespace: {}", reason(errno)),
    })?;
    for (name, flag) in wanted {
        unshare(*flag).map_err(|errno| {
            let why = reason(errno);
            format!(
                "making a new {name} namespace: {why}; leave out --new-{name} where the kernel \
                 has none"
            )
        })?;
    }
    // A change of user has cleared it. Who has lost its parent before cannot tell that it is ready.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(reason)
}

/// Says what the ids are of the namespace that a child is in, and opens all that it has made.
fn open_all(
    child: Pid,
    block: Block,
    wanted: &[(&str, CloneFlags)],
) -> Result<UserNamespace, String> {
    let map = format!("0 {} {}\n", block.base(), block.count());
    for name in MAPS {
        let path = format!("/proc/{child}/{name}");
        std::fs::write(&path, &map).map_err(|error| format!("writing {path}: {error}"))?;
    }
    let open = |name: &str| {
        let path = format!("/proc/{child}/ns/{name}");
        File::open(&path).map_err(|error| format!("{path}: {error}"))
    };
    let owned = wanted.iter().map(|(name, flag)| Ok((*flag, open(name)?)));
    Ok(UserNamespace {
        file: open("user")?,
        block,
        owned: owned.collect::<Result<_, String>>()?,
    })
}

fn give(tree: BorrowedFd<'_>, id: u32) -> rustix::io::Result<()> {
    let owner = (Some(fs::Uid::from_raw(id)), Some(fs::Gid::from_raw(id)));
    let device = fs::fstat(tree)?.st_dev;
    fs::chownat(tree, c"", owner.0, owner.1, AtFlags::EMPTY_PATH)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = fs::openat(tree, c".", flags, Mode::empty())?;
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        let found = fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if found.st_dev != device {
            continue;
        }
        if FileType::from_raw_mode(found.st_mode).is_dir() {
            give(
                fs::openat(&directory, name, flags, Mode::empty())?.as_fd(),
                id,
            )?;
        } else {
            fs::chownat(
                &directory,
                name,
                owner.0,
                owner.1,
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
    }
    Ok(())
}

/// The blocks that somebody on this machine has in a user namespace, whoever has made it.
pub fn mapped_ids() -> Result<Vec<Block>, String> {
    let processes = all_processes().map_err(|error| format!("/proc: {error}"))?;
    // What ends while it is looked at has none.
    let processes = processes.filter_map(|process| process.ok());
    // Those of users and those of groups can be others.
    let maps = processes.flat_map(|process| MAPS.map(|name| map_of(&process, name)));
    let mut blocks: Vec<Block> = maps.flatten().flat_map(|map| parse(&map)).collect();
    blocks.sort_by_key(|block| (block.base(), block.count()));
    blocks.dedup();
    Ok(blocks)
}

fn map_of(process: &Process, name: &str) -> Option<String> {
    let mut map = String::new();
    let file = process.open_relative(name).ok()?;
    file.take(MAP_LIMIT).read_to_string(&mut map).ok()?;
    Some(map)
}

/// The blocks in a map, as far as a jail could be given them. Where ids are what they are on the host, as
/// in its own namespace, they are nobody's in particular.
fn parse(map: &str) -> Vec<Block> {
    let parse = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next()?.ok();
        let (inside, base, count) = (next()?, next()?, next()?);
        let block = Block::new(base, count).filter(|_| inside != base);
        block?.for_jails()
    };
    map.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read() {
        assert_eq!(parse("         0          0 4294967295\n"), []);
        let found = parse("         0       1000          1\n         1     100000      65536\n");
        assert_eq!(found, ["100000:65536".parse().expect("a block")]);
        let found = parse("         0          1     100000\n");
        assert_eq!(found, ["65536:34465".parse().expect("a block")]);
    }
}
