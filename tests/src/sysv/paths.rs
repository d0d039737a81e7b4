// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every path by which a process reaches a System V object, and what the kernel answers.

use super::{listed, paths_msg, paths_sem, paths_shm, Family, Object};
use crate::sys::{msg, Errno, Result};
use std::sync::LazyLock;

/// A way to reach a System V object that another process has created.
#[derive(Clone, Copy)]
pub struct Path {
    /// The call, as it is shown to people.
    pub name: &'static str,
    /// What it is a path to.
    pub family: Family,
    /// Takes the path to an object. [`Errno::ENOENT`] from a listing: the object is not in it.
    pub attempt: fn(&Object) -> Result<()>,
    /// What Linux answers to root.
    pub root: Result<()>,
    /// What Linux answers to an unprivileged user who does not own the object, at mode 0666.
    pub other: Result<()>,
    /// The same at mode 0600.
    pub stranger: Result<()>,
    /// What must be answered from another jail, whoever asks.
    pub crossing: Errno,
}

/// All paths that the kernel has, by family.
pub static PATHS: LazyLock<Vec<Path>> = LazyLock::new(|| {
    let mut all = Vec::new();
    all.extend(paths_sem::PATHS);
    all.push(listing(Family::Sem, "/proc/sysvipc/sem"));
    all.extend(paths_shm::PATHS);
    all.push(listing(Family::Shm, "/proc/sysvipc/shm"));
    let copies = msg::can_copy();
    let is_there = |path: &Path| copies || !path.name.contains("MSG_COPY");
    all.extend(paths_msg::PATHS.into_iter().filter(is_there));
    all.push(listing(Family::Msg, "/proc/sysvipc/msg"));
    all
});

impl Path {
    /// A path that succeeds for everybody whom the mode of the object allows it.
    pub(super) const fn new(
        family: Family,
        name: &'static str,
        attempt: fn(&Object) -> Result<()>,
    ) -> Path {
        Path {
            name,
            family,
            attempt,
            root: Ok(()),
            other: Ok(()),
            stranger: Err(Errno::EACCES),
            crossing: Errno::EACCES,
        }
    }

    /// Linux fails this way, where it looks at the permissions first.
    pub(super) const fn fails(mut self, errno: Errno) -> Path {
        self.root = Err(errno);
        self.other = Err(errno);
        self
    }

    /// Linux gives an unprivileged user this error, at any mode.
    pub(super) const fn unless_root(mut self, errno: Errno) -> Path {
        self.other = Err(errno);
        self.stranger = Err(errno);
        self
    }

    /// Linux does not look at the permissions here.
    pub(super) const fn whatever_the_mode(mut self) -> Path {
        self.stranger = self.other;
        self
    }

    /// Whether it is a listing rather than a call on the object.
    pub fn is_listing(&self) -> bool {
        self.name.starts_with('/')
    }

    /// The call and its command as they are to be reported: `semctl(GETVAL, bad semnum)` is a
    /// `semctl` with `GETVAL`.
    pub fn call(&self) -> (&'static str, Option<&'static str>) {
        let end = self.name.find(['(', ',']).unwrap_or(self.name.len());
        let (call, rest) = self.name.split_at(end);
        let command = call
            .ends_with("ctl")
            .then(|| rest.trim_start_matches('(').split([')', ',']).next())
            .flatten();
        (call, command)
    }

    /// The position in [`PATHS`], by which processes name a path to each other.
    pub(crate) fn index(&self) -> usize {
        PATHS
            .iter()
            .position(|path| path.name == self.name)
            .unwrap_or(usize::MAX)
    }
}

fn listing(family: Family, name: &'static str) -> Path {
    let mut path = Path::new(family, name, |object| {
        if listed(object.family)?.contains(&object.id) {
            Ok(())
        } else {
            Err(Errno::ENOENT)
        }
    });
    path.crossing = Errno::ENOENT;
    path.whatever_the_mode()
}

#[cfg(test)]
mod tests {
    use super::PATHS;
    use std::collections::BTreeSet;

    #[test]
    fn names_identify_paths() {
        let names: BTreeSet<_> = PATHS.iter().map(|path| path.name).collect();
        assert_eq!(names.len(), PATHS.len());
        for (at, path) in PATHS.iter().enumerate() {
            assert_eq!(path.index(), at);
        }
    }

    #[test]
    fn every_call_that_names_an_object_is_there() {
        let calls = [
            "semget",
            "semctl(IPC_STAT)",
            "semctl(SEM_STAT)",
            "semctl(SEM_STAT_ANY)",
            "semctl(IPC_SET)",
            "semctl(IPC_RMID)",
            "semctl(GETALL)",
            "semctl(GETVAL)",
            "semctl(GETPID)",
            "semctl(GETNCNT)",
            "semctl(GETZCNT)",
            "semctl(SETVAL)",
            "semctl(SETALL)",
            "semop",
            "semtimedop",
            "shmget",
            "shmctl(IPC_STAT)",
            "shmctl(SHM_STAT)",
            "shmctl(SHM_STAT_ANY)",
            "shmctl(IPC_SET)",
            "shmctl(IPC_RMID)",
            "shmctl(SHM_LOCK)",
            "shmctl(SHM_UNLOCK)",
            "shmat",
            "msgget",
            "msgctl(IPC_STAT)",
            "msgctl(MSG_STAT)",
            "msgctl(MSG_STAT_ANY)",
            "msgctl(IPC_SET)",
            "msgctl(IPC_RMID)",
            "msgsnd",
            "msgrcv",
        ];
        for call in calls {
            assert!(
                PATHS.iter().any(|path| path.name.starts_with(call)),
                "no path for {call}"
            );
        }
    }
}
