// SPDX-License-Identifier: MIT OR Apache-2.0

//! The paths to a message queue. What Linux answers is read off ipc/msg.c and ipc/util.c.

use super::{Family, Object, Path};
use crate::sys::msg::{self, Stat, TEXT_MAX};
use crate::sys::{ids, Errno, Result};
use libc::{IPC_CREAT, IPC_EXCL};

const fn path(name: &'static str, attempt: fn(&Object) -> Result<()>) -> Path {
    Path::new(Family::Msg, name, attempt)
}

fn receive(queue: &Object, kind: i32, room: usize, flags: i32) -> Result<()> {
    msg::receive(queue.id, kind, room, flags).map(drop)
}

pub(super) const PATHS: [Path; 20] = [
    path("msgget(key)", |queue| msg::get(queue.key, 0).map(drop)).whatever_the_mode(),
    path("msgget(key, 0666)", |queue| {
        msg::get(queue.key, 0o666).map(drop)
    }),
    path("msgget(IPC_CREAT)", |queue| {
        msg::get(queue.key, IPC_CREAT | 0o666).map(drop)
    }),
    path("msgget(IPC_CREAT|IPC_EXCL)", |queue| {
        msg::get(queue.key, IPC_CREAT | IPC_EXCL | 0o666).map(drop)
    })
    .fails(Errno::EEXIST)
    .whatever_the_mode(),
    path("msgctl(IPC_STAT)", |queue| {
        msg::stat(queue.id, Stat::ById).map(drop)
    }),
    path("msgctl(MSG_STAT)", |queue| {
        msg::stat(queue.id, Stat::ByIndex).map(drop)
    }),
    path("msgctl(MSG_STAT_ANY)", |queue| {
        msg::stat(queue.id, Stat::Any).map(drop)
    })
    .whatever_the_mode(),
    path("msgctl(IPC_SET)", |queue| {
        let (user, group) = (ids::effective_user(), ids::effective_group());
        msg::set(queue.id, user, group, 0o666, 4096)
    })
    .unless_root(Errno::EPERM),
    path("msgctl(IPC_RMID)", |queue| msg::remove(queue.id)).unless_root(Errno::EPERM),
    path("msgsnd", |queue| msg::send(queue.id, 4, b"more", 0)),
    path("msgsnd(IPC_NOWAIT)", |queue| {
        msg::send(queue.id, 4, b"more", msg::NOWAIT)
    }),
    path("msgrcv(any)", |queue| receive(queue, 0, TEXT_MAX, 0)),
    path("msgrcv(by type)", |queue| receive(queue, 2, TEXT_MAX, 0)),
    path("msgrcv(negative type)", |queue| {
        receive(queue, -2, TEXT_MAX, 0)
    }),
    path("msgrcv(MSG_EXCEPT)", |queue| {
        receive(queue, 1, TEXT_MAX, msg::EXCEPT)
    }),
    path("msgrcv(MSG_NOERROR, small buffer)", |queue| {
        receive(queue, 0, 1, msg::NOERROR)
    }),
    path("msgrcv(small buffer)", |queue| receive(queue, 0, 1, 0)).fails(Errno::E2BIG),
    path("msgrcv(IPC_NOWAIT), would wait", |queue| {
        receive(queue, 9, TEXT_MAX, msg::NOWAIT)
    })
    .fails(Errno::ENOMSG),
    path("msgrcv(MSG_COPY)", |queue| {
        receive(queue, 0, TEXT_MAX, msg::COPY | msg::NOWAIT)
    }),
    path("msgrcv(MSG_COPY, no such message)", |queue| {
        receive(queue, 9, TEXT_MAX, msg::COPY | msg::NOWAIT)
    })
    .fails(Errno::ENOMSG),
];
