// SPDX-License-Identifier: MIT OR Apache-2.0

//! The paths to a shared-memory segment. What Linux answers is read off ipc/shm.c and
//! ipc/util.c.

use super::object::SIZE;
use super::{Family, Object, Path};
use crate::sys::shm::{self, Stat};
use crate::sys::{ids, Errno, Result};
use libc::{IPC_CREAT, IPC_EXCL};

const TOO_LARGE: usize = SIZE + 1;

const fn path(name: &'static str, attempt: fn(&Object) -> Result<()>) -> Path {
    Path::new(Family::Shm, name, attempt)
}

fn get(segment: &Object, size: usize, flags: i32) -> Result<()> {
    shm::get(segment.key, size, flags).map(drop)
}

fn attach(segment: &Object, flags: i32) -> Result<()> {
    shm::attach(segment.id, flags, SIZE).map(drop)
}

pub(super) const PATHS: [Path; 18] = [
    path("shmget(key)", |segment| get(segment, 0, 0)).whatever_the_mode(),
    path("shmget(key, size, 0666)", |segment| {
        get(segment, SIZE, 0o666)
    }),
    path("shmget(key, too large)", |segment| {
        get(segment, TOO_LARGE, 0)
    })
    .fails(Errno::EINVAL)
    .whatever_the_mode(),
    path("shmget(IPC_CREAT)", |segment| {
        get(segment, SIZE, IPC_CREAT | 0o666)
    }),
    path("shmget(IPC_CREAT, too large)", |segment| {
        get(segment, TOO_LARGE, IPC_CREAT | 0o666)
    })
    .fails(Errno::EINVAL)
    .whatever_the_mode(),
    path("shmget(IPC_CREAT|IPC_EXCL)", |segment| {
        get(segment, SIZE, IPC_CREAT | IPC_EXCL | 0o666)
    })
    .fails(Errno::EEXIST)
    .whatever_the_mode(),
    path("shmget(IPC_CREAT|IPC_EXCL, too large)", |segment| {
        get(segment, TOO_LARGE, IPC_CREAT | IPC_EXCL | 0o666)
    })
    .fails(Errno::EEXIST)
    .whatever_the_mode(),
    path("shmctl(IPC_STAT)", |segment| {
        shm::stat(segment.id, Stat::ById).map(drop)
    }),
    path("shmctl(SHM_STAT)", |segment| {
        shm::stat(segment.id, Stat::ByIndex).map(drop)
    }),
    path("shmctl(SHM_STAT_ANY)", |segment| {
        shm::stat(segment.id, Stat::Any).map(drop)
    })
    .whatever_the_mode(),
    path("shmctl(IPC_SET)", |segment| {
        let (user, group) = (ids::effective_user(), ids::effective_group());
        shm::set(segment.id, user, group, 0o666)
    })
    .unless_root(Errno::EPERM),
    path("shmctl(IPC_RMID)", |segment| shm::remove(segment.id)).unless_root(Errno::EPERM),
    path("shmctl(SHM_LOCK)", |segment| shm::lock(segment.id)).unless_root(Errno::EPERM),
    path("shmctl(SHM_UNLOCK)", |segment| shm::unlock(segment.id)).unless_root(Errno::EPERM),
    path("shmat", |segment| attach(segment, 0)),
    path("shmat(SHM_RDONLY)", |segment| {
        attach(segment, shm::READ_ONLY)
    }),
    // No mode of these tests grants execution: root alone may.
    path("shmat(SHM_EXEC)", |segment| attach(segment, shm::EXECUTE)).unless_root(Errno::EACCES),
    path("shmat(SHM_RDONLY|SHM_EXEC)", |segment| {
        attach(segment, shm::READ_ONLY | shm::EXECUTE)
    })
    .unless_root(Errno::EACCES),
];
