// SPDX-License-Identifier: MIT OR Apache-2.0

//! Namespaces: making those of a jail, knowing them again, and joining them.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::stat::stat;
use nix::unistd::sethostname;
use serde::{Deserialize, Serialize};

use super::UserNamespace;
use crate::isolation::{Isolation, Part};
use crate::jail::JailNumber;
use crate::process::jailed;
use crate::sys;
use crate::text::reason;

/// The kinds that a jail can have of its own: the names in /proc/PID/ns, and what makes them.
const KINDS: [(&str, CloneFlags); Inodes::COUNT] = [
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("uts", CloneFlags::CLONE_NEWUTS),
    // One joins this with what is forked, and so that is looked for in another file.
    ("pid", CloneFlags::CLONE_NEWPID),
    // The last that can be joined: from within it the others' files are not seen.
    ("mnt", CloneFlags::CLONE_NEWNS),
];

/// Which of them a jail has.
fn own_kinds(isolation: &Isolation) -> CloneFlags {
    let new = &isolation.new;
    let kinds = [
        (isolation.has(Part::Mounts), CloneFlags::CLONE_NEWNS),
        (new.new_ipc, CloneFlags::CLONE_NEWIPC),
        (new.new_net, CloneFlags::CLONE_NEWNET),
        (new.new_uts, CloneFlags::CLONE_NEWUTS),
        (new.new_pid, CloneFlags::CLONE_NEWPID),
    ];
    let there = kinds.into_iter().filter(|(is_own, _)| *is_own);
    there.map(|(_, flag)| flag).collect()
}

/// Whether a jail has any.
pub fn has_own(isolation: &Isolation) -> bool {
    !own_kinds(isolation).is_empty()
}

/// Leaves the namespaces of the caller for new ones, of which `users` has some already, and sets these
/// up.
///
/// That of process ids is entered by being forked, before.
pub fn separate(isolation: &Isolation, users: Option<&UserNamespace>) -> Result<(), String> {
    let kinds = own_kinds(isolation) - CloneFlags::CLONE_NEWPID;
    for (name, flag) in KINDS.into_iter().filter(|(_, flag)| kinds.contains(*flag)) {
        let made = match users.and_then(|users| users.owned(flag)) {
            Some(own) => setns(own, flag),
            None => unshare(flag),
        };
        made.map_err(|errno| {
            let why = format!("making a new {name} namespace: {}", reason(errno));
            match flag {
                CloneFlags::CLONE_NEWNS => Part::Mounts.missing(why),
                _ => format!("{why}; leave out --new-{name} where the kernel has none"),
            }
        })?;
    }
    if isolation.new.new_net {
        let up = sys::loopback_up();
        up.map_err(|errno| format!("switching the loopback interface on: {}", reason(errno)))?;
    }
    if let Some(name) = &isolation.new.hostname {
        sethostname(name).map_err(|errno| format!("setting the hostname: {}", reason(errno)))?;
    }
    Ok(())
}

/// Which namespaces a process is in: the inode of each kind, by which the kernel knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inodes([u64; Inodes::COUNT]);

impl Inodes {
    /// How many kinds there are.
    pub const COUNT: usize = 5;

    /// Those of the calling process.
    pub fn own() -> Result<Self, String> {
        let mut inodes = [0; Inodes::COUNT];
        for ((name, _), inode) in KINDS.iter().zip(&mut inodes) {
            let path = format!("/proc/self/ns/{name}");
            match stat(path.as_str()) {
                // Narrower on some architectures.
                #[allow(clippy::useless_conversion)]
                Ok(found) => *inode = u64::from(found.st_ino),
                // Of this kind the kernel has but one, and so it is everybody's.
                Err(nix::errno::Errno::ENOENT) if stat("/proc/self/ns").is_ok() => {}
                Err(errno) => return Err(format!("{path}: {}", reason(errno))),
            }
        }
        Ok(Inodes(inodes))
    }

    /// As they are sent through a pipe.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|inode| inode.to_ne_bytes())
            .collect()
    }

    /// As [`Inodes::to_bytes`] has written them.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut inodes = Inodes::default();
        for (inode, bytes) in inodes.0.iter_mut().zip(bytes.chunks_exact(8)) {
            *inode = bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte));
        }
        inodes
    }
}

/// The namespaces of a jail, open, so that they stay whatever becomes of those that are in them.
pub struct Joined(Vec<(&'static str, CloneFlags, File)>);

impl Joined {
    /// Those that a jail was given, by a process of it that is still in all of them. Whoever may
    /// mount in a jail may have gone elsewhere, and is passed over.
    pub fn find(
        number: JailNumber,
        isolation: &Isolation,
        inodes: &Inodes,
    ) -> Result<Option<Joined>, String> {
        let inside = jailed()?
            .into_iter()
            .filter(|process| process.jail == number);
        let mut found = inside.map(|process| Joined::of(process.pid, isolation, inodes));
        Ok(found.find_map(|joined| joined))
    }

    fn of(pid: i32, isolation: &Isolation, inodes: &Inodes) -> Option<Joined> {
        let kinds = own_kinds(isolation);
        let mut joined = Vec::new();
        for ((name, flag), inode) in KINDS.into_iter().zip(inodes.0) {
            if !kinds.contains(flag) {
                continue;
            }
            // It may end at any moment; what is open is looked at and not the process.
            let file = File::open(format!("/proc/{pid}/ns/{name}")).ok()?;
            if file.metadata().ok()?.ino() != inode {
                return None;
            }
            joined.push((name, flag, file));
        }
        Some(Joined(joined))
    }

    /// Has what is forked from now on be in the jail's namespace of process ids, where it has one.
    pub fn lead_children(&self) -> Result<(), String> {
        self.join(|flag| flag == CloneFlags::CLONE_NEWPID)
    }

    /// Joins all others.
    pub fn enter(&self) -> Result<(), String> {
        self.join(|flag| flag != CloneFlags::CLONE_NEWPID)
    }

    fn join(&self, which: impl Fn(CloneFlags) -> bool) -> Result<(), String> {
        for (name, flag, file) in self.0.iter().filter(|(_, flag, _)| which(*flag)) {
            setns(file, *flag)
                .map_err(|errno| format!("joining its {name} namespace: {}", reason(errno)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let inodes = Inodes([1, 2, u64::MAX, 4_026_531_840, 5]);
        assert_eq!(Inodes::from_bytes(&inodes.to_bytes()), inodes);
    }

    #[test]
    fn each_kind_is_asked_for_by_its_own_option() {
        let mut isolation = Isolation::plain();
        assert!(!has_own(&isolation));
        isolation.new.new_uts = true;
        assert_eq!(own_kinds(&isolation), CloneFlags::CLONE_NEWUTS);
        isolation = Isolation::default();
        assert_eq!(own_kinds(&isolation), CloneFlags::CLONE_NEWNS);
    }

    #[test]
    fn a_process_is_in_namespaces() {
        let own = Inodes::own().expect("/proc");
        assert!(own.0.iter().any(|inode| *inode != 0), "{own:?}");
        let isolation = Isolation::default();
        let pid = std::process::id() as i32;
        assert!(Joined::of(pid, &isolation, &own).is_some());
        assert!(Joined::of(pid, &isolation, &Inodes::default()).is_none());
    }
}
