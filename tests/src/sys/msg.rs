// SPDX-License-Identifier: MIT OR Apache-2.0

//! System V message queues.

// A C type that is wider than its value on one architecture is equal to it on another.
#![allow(clippy::useless_conversion)]

use super::{checked, Errno, Key, Result, IPC_SLOTS};
use libc::{c_int, c_long};

const MSG_STAT: c_int = 11;
const MSG_STAT_ANY: c_int = 13;

/// Fail with EAGAIN or ENOMSG rather than wait.
pub const NOWAIT: i32 = libc::IPC_NOWAIT;
/// Receive the first message that is not of the given type.
pub const EXCEPT: i32 = 0o20000;
/// Truncate a message that is longer than the buffer.
pub const NOERROR: i32 = 0o10000;
/// Copy the message at the given position and leave it in the queue.
pub const COPY: i32 = 0o40000;

/// The longest text that these tests send or receive, in bytes.
pub const TEXT_MAX: usize = 4096;

/// Whether the kernel has [`COPY`]: without support for checkpoints it has not.
pub fn can_copy() -> bool {
    let nothing = receive(i32::MAX, 0, TEXT_MAX, COPY | NOWAIT);
    nothing.err() != Some(Errno::ENOSYS)
}

#[repr(C)]
struct Message {
    kind: c_long,
    text: [u8; TEXT_MAX],
}

/// The queue named `key`, created where `flags` say so.
pub fn get(key: Key, flags: i32) -> Result<i32> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::msgget(key, flags) })
}

/// Which of the stat commands to use.
#[derive(Clone, Copy, Debug)]
pub enum Stat {
    /// `IPC_STAT`, by identifier.
    ById,
    /// `MSG_STAT`, by index.
    ByIndex,
    /// `MSG_STAT_ANY`, by index and without a permission check.
    Any,
}

/// What the kernel says about a queue.
pub fn stat(id: i32, how: Stat) -> Result<libc::msqid_ds> {
    let (target, command) = match how {
        Stat::ById => (id, libc::IPC_STAT),
        Stat::ByIndex => (id % IPC_SLOTS, MSG_STAT),
        Stat::Any => (id % IPC_SLOTS, MSG_STAT_ANY),
    };
    // SAFETY: an all-zero msqid_ds is a valid value of this plain C struct.
    let mut data: libc::msqid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a msqid_ds that outlives the call.
    checked(unsafe { libc::msgctl(target, command, &mut data) })?;
    Ok(data)
}

/// `IPC_SET`: gives the queue to `uid`:`gid` with the permissions `mode` and room for `bytes`.
pub fn set(id: i32, uid: u32, gid: u32, mode: u16, bytes: usize) -> Result<()> {
    // SAFETY: an all-zero msqid_ds is a valid value of this plain C struct.
    let mut data: libc::msqid_ds = unsafe { std::mem::zeroed() };
    data.msg_perm.uid = uid;
    data.msg_perm.gid = gid;
    data.msg_perm.mode = mode.into();
    data.msg_qbytes = bytes as libc::msglen_t;
    // SAFETY: the pointer is to a msqid_ds that outlives the call.
    checked(unsafe { libc::msgctl(id, libc::IPC_SET, &mut data) }).map(drop)
}

/// `IPC_RMID`: removes the queue.
pub fn remove(id: i32) -> Result<()> {
    // SAFETY: this command takes no buffer.
    checked(unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) }).map(drop)
}

/// `msgsnd`. What is longer than [`TEXT_MAX`] is cut off.
pub fn send(id: i32, kind: i32, text: &[u8], flags: i32) -> Result<()> {
    let length = text.len().min(TEXT_MAX);
    let mut message = Message {
        kind: kind.into(),
        text: [0; TEXT_MAX],
    };
    message.text[..length].copy_from_slice(&text[..length]);
    // SAFETY: the message has a type followed by at least `length` bytes of text.
    checked(unsafe { libc::msgsnd(id, (&raw const message).cast(), length, flags) }).map(drop)
}

/// `msgrcv` into a buffer of `room` bytes, at most [`TEXT_MAX`]; the type and the text.
pub fn receive(id: i32, kind: i32, room: usize, flags: i32) -> Result<(c_long, Vec<u8>)> {
    let room = room.min(TEXT_MAX);
    let mut message = Message {
        kind: 0,
        text: [0; TEXT_MAX],
    };
    // SAFETY: the buffer has room for a type and `room` bytes of text.
    let length =
        checked(unsafe { libc::msgrcv(id, (&raw mut message).cast(), room, kind.into(), flags) })?;
    Ok((message.kind, message.text[..length as usize].to_vec()))
}

/// A message of 64 bytes that is sent and received again, with nothing done beside.
#[repr(C)]
pub struct Small {
    kind: c_long,
    text: [u8; 64],
}

impl Small {
    /// A message of this type.
    pub fn new(kind: i32) -> Small {
        Small {
            kind: kind.into(),
            text: [0; 64],
        }
    }

    /// Sends it.
    pub fn send(&self, id: i32) -> Result<()> {
        // SAFETY: the message has a type followed by as many bytes as are given.
        checked(unsafe { libc::msgsnd(id, (&raw const *self).cast(), self.text.len(), 0) })
            .map(drop)
    }

    /// Receives any message of at most this size.
    pub fn receive(&mut self, id: i32) -> Result<()> {
        // SAFETY: the message has room for a type and for as many bytes as are given.
        checked(unsafe { libc::msgrcv(id, (&raw mut *self).cast(), self.text.len(), 0, 0) })
            .map(drop)
    }
}
