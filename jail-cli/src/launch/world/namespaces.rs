// SPDX-License-Identifier: MIT OR Apache-2.0

//! Namespaces: making those of a jail, knowing them again, and joining them.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use nix::sched::{setns, unshare, CloneFlags};
use nix::unistd::sethostname;
use serde::{Deserialize, Serialize};

use super::UserNamespace;
use crate::isolation::{Isolation, Part};
use crate::jail::JailNumber;
use crate::network::Attached;
use crate::process::members;
use crate::stat::stat;
use crate::sys;
use crate::text::reason;

/// The kinds of namespaces but that of users: the names in /proc/PID/ns, and what makes or joins
/// them.
const KINDS: [(&str, CloneFlags); Inodes::COUNT] = [
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("uts", CloneFlags::CLONE_NEWUTS),
    // One joins this with what is forked, and so that is looked for in another file.
    ("pid", CloneFlags::CLONE_NEWPID),
    // The last that can be joined: from within it the others' files are not seen.
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("time", CLONE_NEWTIME),
];

/// For setns(2).
const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);

/// Which of them a jail has of its own.
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
/// up. That of its network may have been made before.
///
/// That of process ids is entered by being forked, before.
pub fn separate(
    isolation: &Isolation,
    users: Option<&UserNamespace>,
    network: Option<&Attached>,
) -> Result<(), String> {
    let kinds = own_kinds(isolation) - CloneFlags::CLONE_NEWPID;
    for (name, flag) in KINDS.into_iter().filter(|(_, flag)| kinds.contains(*flag)) {
        let given = network.filter(|_| flag == CloneFlags::CLONE_NEWNET);
        let made = match (given, users.and_then(|users| users.owned(flag))) {
            (Some(given), _) => setns(&given.namespace, flag),
            (None, Some(own)) => setns(own, flag),
            (None, None) => unshare(flag),
        };
        made.map_err(|errno| {
            let why = format!("making a new {name} namespace: {}", reason(errno));
            match flag {
                CloneFlags::CLONE_NEWNS => Part::Mounts.missing(why),
                _ => format!("{why}; leave out --new-{name} where the kernel has none"),
            }
        })?;
    }
    if isolation.new.new_net && network.is_none() {
        let up = sys::loopback_up();
        up.map_err(|errno| format!("switching the loopback interface on: {}", reason(errno)))?;
    }
    if let Some(name) = &isolation.new.hostname {
        sethostname(name).map_err(|errno| format!("setting the hostname: {}", reason(errno)))?;
    }
    Ok(())
}

/// Which namespaces a process is in: the inode of each kind, by which the kernel knows it; 0 where
/// the kernel has but one, or it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct Inodes([u64; Inodes::COUNT]);

impl From<Vec<u64>> for Inodes {
    /// What was noted by a jaula that knew fewer kinds is shorter.
    fn from(noted: Vec<u64>) -> Self {
        let mut inodes = Inodes::default();
        for (inode, noted) in inodes.0.iter_mut().zip(noted) {
            *inode = noted;
        }
        inodes
    }
}

impl From<Inodes> for Vec<u64> {
    fn from(inodes: Inodes) -> Self {
        inodes.0.to_vec()
    }
}

impl Inodes {
    /// How many kinds there are.
    pub const COUNT: usize = 7;

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

    /// The one of this kind, by its name in /proc/PID/ns; `None` where the kernel has but one.
    pub fn of(&self, kind: &str) -> Option<u64> {
        let index = KINDS.iter().position(|(name, _)| *name == kind)?;
        Some(self.0[index]).filter(|inode| *inode != 0)
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

/// Those namespaces of a jail that the caller is not in, open, so that they stay whatever becomes of
/// those that are in them.
pub struct Joined(Vec<(&'static str, CloneFlags, File)>);

/// Which namespaces of a jail are to be joined.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// All that its first process was in.
    pub noted: &'a Inodes,
    /// Those of the caller, which need no joining.
    pub own: &'a Inodes,
    /// Whether the mounts are to stay the caller's.
    pub without_mounts: bool,
}

impl Wanted<'_> {
    /// The kinds that are looked at, with the inodes of the jail's and of the caller's.
    fn kinds(&self) -> impl Iterator<Item = (&'static str, CloneFlags, u64, u64)> + '_ {
        let both = self.noted.0.into_iter().zip(self.own.0);
        let kinds = KINDS.into_iter().zip(both);
        kinds
            .map(|((name, flag), (noted, own))| (name, flag, noted, own))
            .filter(|(_, flag, noted, _)| {
                *noted != 0 && !(self.without_mounts && *flag == CloneFlags::CLONE_NEWNS)
            })
    }
}

impl Joined {
    /// Those of a jail, by a process of it that is still in all of them. Whoever may mount in a
    /// jail may have gone elsewhere, and is passed over.
    pub fn find(number: JailNumber, wanted: Wanted<'_>) -> Result<Option<Joined>, String> {
        let inside = members(number)?.into_iter();
        let mut found = inside.map(|pid| Joined::of(pid, wanted));
        Ok(found.find_map(|joined| joined))
    }

    fn of(pid: i32, wanted: Wanted<'_>) -> Option<Joined> {
        let mut joined = Vec::new();
        for (name, flag, inode, own) in wanted.kinds() {
            // It may end at any moment; what is open is looked at and not the process.
            let file = File::open(format!("/proc/{pid}/ns/{name}")).ok()?;
            if file.metadata().ok()?.ino() != inode {
                return None;
            }
            if inode != own {
                joined.push((name, flag, file));
            }
        }
        // From within its mounts nothing is looked up any more.
        joined.sort_by_key(|(_, flag, _)| *flag == CloneFlags::CLONE_NEWNS);
        Some(Joined(joined))
    }

    /// Whether one of them is a namespace of process ids, which is joined by being forked.
    pub fn has_processes(&self) -> bool {
        self.has(CloneFlags::CLONE_NEWPID)
    }

    /// Whether one of them is a mount namespace: whoever joins it has its root for one.
    pub fn has_mounts(&self) -> bool {
        self.has(CloneFlags::CLONE_NEWNS)
    }

    fn has(&self, kind: CloneFlags) -> bool {
        self.0.iter().any(|(_, flag, _)| *flag == kind)
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

/// Checks that a jail of which there is no process to be followed can be given what it had once
/// more: what jaula has made can be made again, and what its caller was in has to be what the caller
/// now is in.
///
/// # Errors
///
/// Which namespace cannot be had.
pub fn check_lost(isolation: &Isolation, wanted: Wanted<'_>) -> Result<(), String> {
    let own = own_kinds(isolation);
    let mut lost = wanted.kinds().filter(|(_, flag, ..)| !own.contains(*flag));
    match lost.find(|(_, _, noted, here)| noted != here) {
        None => Ok(()),
        Some((name, _, noted, _)) => Err(format!(
            "the jail was started in another {name} namespace ({name}:[{noted}]), which jaula did \
             not make, and there is no process with the jail's root by which to follow it there; \
             run this from within that namespace"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let inodes = Inodes([1, 2, u64::MAX, 4_026_531_840, 5, 6, 7]);
        assert_eq!(Inodes::from_bytes(&inodes.to_bytes()), inodes);
    }

    #[test]
    fn what_an_earlier_jaula_has_noted_is_read() {
        let read: Inodes = serde_json::from_str("[1,2,3,4,5]").expect("five kinds");
        assert_eq!(read, Inodes([1, 2, 3, 4, 5, 0, 0]));
        let text = serde_json::to_string(&read).expect("JSON");
        assert_eq!(text, "[1,2,3,4,5,0,0]");
    }

    #[test]
    fn each_kind_is_asked_for_by_its_own_option() {
        let mut isolation = Isolation::plain();
        assert!(own_kinds(&isolation).is_empty());
        isolation.new.new_uts = true;
        assert_eq!(own_kinds(&isolation), CloneFlags::CLONE_NEWUTS);
        isolation = Isolation::default();
        assert_eq!(own_kinds(&isolation), CloneFlags::CLONE_NEWNS);
    }

    fn wanted<'a>(noted: &'a Inodes, own: &'a Inodes) -> Wanted<'a> {
        Wanted {
            noted,
            own,
            without_mounts: false,
        }
    }

    #[test]
    fn a_process_is_in_namespaces() {
        let own = Inodes::own().expect("/proc");
        assert!(own.0.iter().any(|inode| *inode != 0), "{own:?}");
        let pid = std::process::id() as i32;
        let joined = Joined::of(pid, wanted(&own, &own)).expect("all of them");
        assert!(joined.0.is_empty());
        let other = Inodes([1; Inodes::COUNT]);
        let joined = Joined::of(pid, wanted(&own, &other)).expect("all of them");
        assert!(joined.has_mounts() && joined.has_processes());
        assert_eq!(joined.0.last().map(|(name, ..)| *name), Some("mnt"));
        assert!(Joined::of(pid, wanted(&other, &own)).is_none());
    }

    #[test]
    fn what_jaula_has_not_made_cannot_be_made_again() {
        let here = Inodes([1; Inodes::COUNT]);
        let mut isolation = Isolation::default();
        let there = Inodes([1, 2, 1, 1, 3, 0, 0]);
        let error = check_lost(&isolation, wanted(&there, &here)).expect_err("the network");
        assert!(error.contains("net:[2]"), "{error}");
        isolation.new.new_net = true;
        assert_eq!(check_lost(&isolation, wanted(&there, &here)), Ok(()));
        isolation.without.push(Part::Mounts);
        let mut wanted = wanted(&there, &here);
        assert!(check_lost(&isolation, wanted).is_err());
        wanted.without_mounts = true;
        assert_eq!(check_lost(&isolation, wanted), Ok(()));
    }
}
