// SPDX-License-Identifier: MIT OR Apache-2.0

//! The paths to a semaphore set. What Linux answers is read off ipc/sem.c and ipc/util.c.

use super::object::VALUES;
use super::{Family, Object, Path};
use crate::sys::sem::{self, Stat};
use crate::sys::{ids, Errno, Result};
use crate::wait::PATIENCE;
use libc::{IPC_CREAT, IPC_EXCL};
use std::time::Duration;

const NSEMS: i32 = VALUES.len() as i32;
const BEYOND: i32 = NSEMS;
const ZERO: u16 = VALUES.len() as u16 - 1;

const fn path(name: &'static str, attempt: fn(&Object) -> Result<()>) -> Path {
    Path::new(Family::Sem, name, attempt)
}

fn get(set: &Object, nsems: i32, flags: i32) -> Result<()> {
    sem::get(set.key, nsems, flags).map(drop)
}

pub(super) const PATHS: [Path; 35] = [
    path("semget(key)", |set| get(set, 0, 0)).whatever_the_mode(),
    path("semget(key, nsems, 0666)", |set| get(set, NSEMS, 0o666)),
    path("semget(key, too many)", |set| get(set, NSEMS + 1, 0))
        .fails(Errno::EINVAL)
        .whatever_the_mode(),
    path("semget(IPC_CREAT)", |set| {
        get(set, NSEMS, IPC_CREAT | 0o666)
    }),
    path("semget(IPC_CREAT, too many)", |set| {
        get(set, NSEMS + 1, IPC_CREAT | 0o666)
    })
    .fails(Errno::EINVAL)
    .whatever_the_mode(),
    path("semget(IPC_CREAT|IPC_EXCL)", |set| {
        get(set, NSEMS, IPC_CREAT | IPC_EXCL | 0o666)
    })
    .fails(Errno::EEXIST)
    .whatever_the_mode(),
    path("semget(IPC_CREAT|IPC_EXCL, too many)", |set| {
        get(set, NSEMS + 1, IPC_CREAT | IPC_EXCL | 0o666)
    })
    .fails(Errno::EEXIST)
    .whatever_the_mode(),
    path("semctl(IPC_STAT)", |set| {
        sem::stat(set.id, Stat::ById).map(drop)
    }),
    path("semctl(SEM_STAT)", |set| {
        sem::stat(set.id, Stat::ByIndex).map(drop)
    }),
    path("semctl(SEM_STAT_ANY)", |set| {
        sem::stat(set.id, Stat::Any).map(drop)
    })
    .whatever_the_mode(),
    path("semctl(IPC_SET)", |set| {
        sem::set(set.id, ids::effective_user(), ids::effective_group(), 0o666)
    })
    .unless_root(Errno::EPERM),
    path("semctl(IPC_RMID)", |set| sem::remove(set.id)).unless_root(Errno::EPERM),
    path("semctl(GETALL)", |set| {
        sem::get_all(set.id, VALUES.len()).map(drop)
    }),
    path("semctl(GETVAL)", |set| sem::get_value(set.id, 0).map(drop)),
    path("semctl(GETVAL, bad semnum)", |set| {
        sem::get_value(set.id, BEYOND).map(drop)
    })
    .fails(Errno::EINVAL),
    path("semctl(GETPID)", |set| sem::get_pid(set.id, 0).map(drop)),
    path("semctl(GETNCNT)", |set| sem::get_ncnt(set.id, 0).map(drop)),
    path("semctl(GETZCNT)", |set| sem::get_zcnt(set.id, 0).map(drop)),
    path("semctl(SETVAL)", |set| sem::set_value(set.id, 0, 5)),
    path("semctl(SETVAL, bad semnum)", |set| {
        sem::set_value(set.id, BEYOND, 5)
    })
    .fails(Errno::EINVAL)
    .whatever_the_mode(),
    path("semctl(SETALL)", |set| sem::set_all(set.id, &[4, 4, 4, 4])),
    path("semctl(SETALL, out of range)", |set| {
        sem::set_all(set.id, &[u16::MAX, 4, 4, 4])
    })
    .fails(Errno::ERANGE),
    path("semop(up)", |set| sem::op(set.id, 0, 1, 0)),
    path("semop(down)", |set| sem::op(set.id, 0, -1, 0)),
    path("semop(wait for zero)", |set| sem::op(set.id, ZERO, 0, 0)),
    path("semop(SEM_UNDO)", |set| {
        sem::op(set.id, 0, -1, sem::SEM_UNDO)
    }),
    path("semop(IPC_NOWAIT)", |set| {
        sem::op(set.id, 0, -1, sem::NOWAIT)
    }),
    path("semop(IPC_NOWAIT), would wait", |set| {
        sem::op(set.id, ZERO, -1, sem::NOWAIT)
    })
    .fails(Errno::EAGAIN),
    path("semop(bad semnum)", |set| {
        sem::op(set.id, BEYOND as u16, 1, 0)
    })
    .fails(Errno::EFBIG)
    .whatever_the_mode(),
    path("semop(SEM_UNDO, bad semnum)", |set| {
        sem::op(set.id, BEYOND as u16, 1, sem::SEM_UNDO)
    })
    .fails(Errno::EFBIG)
    .whatever_the_mode(),
    path("semop(up), out of range", |set| {
        sem::op(set.id, 0, i16::MAX, 0)
    })
    .fails(Errno::ERANGE),
    path("semtimedop(up)", |set| {
        sem::timed_op(set.id, 0, 1, 0, PATIENCE)
    }),
    path("semtimedop(down)", |set| {
        sem::timed_op(set.id, 0, -1, 0, PATIENCE)
    }),
    path("semtimedop, would time out", |set| {
        sem::timed_op(set.id, ZERO, -1, 0, Duration::from_millis(1))
    })
    .fails(Errno::EAGAIN),
    path("semtimedop(bad semnum)", |set| {
        sem::timed_op(set.id, BEYOND as u16, 1, 0, PATIENCE)
    })
    .fails(Errno::EFBIG)
    .whatever_the_mode(),
];
