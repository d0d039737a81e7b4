// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a worker can be asked to do, and how it is told.

use super::reach::Jail;
use crate::sys::Errno;
use crate::sysv::Family;

/// How a signal is sent.
pub const SIGNALLING: [&str; 4] = ["kill", "tgkill", "sigqueue", "pidfd"];

/// What is done to a System V object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnObject {
    /// Its state is asked for.
    Stat,
    /// It is looked up by its key.
    Find,
    /// It is removed.
    Remove,
}

/// What is done to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSocket {
    /// It is connected to.
    Connect,
    /// It is sent a message, without a connection.
    Send,
}

/// One step of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Tells the number of its jail.
    Number,
    /// Has a child enter a new jail, and a child of that serve this slot.
    Create(usize),
    /// Has a child enter a jail, and a child of that serve this slot.
    Attach(usize, Jail),
    /// Ends a jail.
    Destroy(Jail),
    /// Creates an object with a key.
    NewObject(Family, i32),
    /// Does something to an object.
    UseObject(OnObject, Family, i32, i32),
    /// Sends a signal to a process, in one of the ways.
    Signal(usize, libc::pid_t),
    /// Makes a socket with an abstract name, of this type.
    NewSocket(i32, String),
    /// Does something to a socket.
    UseSocket(OnSocket, i32, String),
    /// Takes one connection or message that waits at the socket of this name.
    Drain(String),
    /// Creates a message queue.
    NewQueue(String),
    /// Opens a message queue.
    OpenQueue(String),
    /// Removes a message queue.
    UnlinkQueue(String),
    /// Ends.
    Exit,
}

/// What a worker answers: a value, or the error of the call.
pub type Answer = Result<i64, Errno>;

impl Step {
    /// One line for a worker, see [`worker`](super::worker).
    pub fn line(&self) -> String {
        match self {
            Step::Number => "number".to_owned(),
            Step::Create(slot) => format!("create {slot}"),
            Step::Attach(slot, jail) => format!("attach {slot} {jail}"),
            Step::Destroy(jail) => format!("destroy {jail}"),
            Step::NewObject(family, key) => format!("new-object {} {key}", family.number()),
            Step::UseObject(how, family, id, key) => {
                let how = match how {
                    OnObject::Stat => "stat",
                    OnObject::Find => "find",
                    OnObject::Remove => "remove",
                };
                format!("{how} {} {id} {key}", family.number())
            }
            Step::Signal(way, pid) => format!("signal {way} {pid}"),
            Step::NewSocket(kind, name) => format!("new-socket {kind} {name}"),
            Step::UseSocket(OnSocket::Connect, kind, name) => format!("connect {kind} {name}"),
            Step::UseSocket(OnSocket::Send, kind, name) => format!("send {kind} {name}"),
            Step::Drain(name) => format!("drain {name}"),
            Step::NewQueue(name) => format!("new-queue {name}"),
            Step::OpenQueue(name) => format!("open-queue {name}"),
            Step::UnlinkQueue(name) => format!("unlink-queue {name}"),
            Step::Exit => "exit".to_owned(),
        }
    }
}
