// SPDX-License-Identifier: GPL-2.0-only

//! The names of the calls of System V IPC.

use crate::policy::Resource;
use kernel::{bindings, c_str, str::CStr};

/// Tells what an object that `call` makes is counted as.
pub(crate) fn resource_of(call: u32) -> Resource {
    match call {
        bindings::SEMGET => Resource::Sem,
        bindings::MSGGET => Resource::Msg,
        _ => Resource::Shm,
    }
}

/// A call that names an object, in the numbers of `include/uapi/linux/ipc.h`, and the command of
/// those calls that have one.
#[derive(Clone, Copy)]
pub(crate) struct SysvCall {
    call: u32,
    command: u32,
}

impl SysvCall {
    /// Takes the numbers that the `ipc_lookup` hook is given.
    pub(crate) fn new(call: i32, command: i32) -> Self {
        Self {
            call: call as u32,
            command: command as u32,
        }
    }

    /// Tells whether no call is made on the object: it is about to be listed.
    pub(crate) fn is_listing(self) -> bool {
        self.call == bindings::SECURITY_IPC_LIST
    }

    /// Names the kind of object that the call is about.
    pub(crate) fn object_kind(self) -> &'static CStr {
        match self.call {
            bindings::SEMOP | bindings::SEMTIMEDOP | bindings::SEMGET | bindings::SEMCTL => {
                c_str!("semaphore set")
            }
            bindings::MSGSND | bindings::MSGRCV | bindings::MSGGET | bindings::MSGCTL => {
                c_str!("message queue")
            }
            _ => c_str!("shared memory segment"),
        }
    }

    /// Names the call.
    pub(crate) fn name(self) -> &'static CStr {
        match self.call {
            bindings::SEMOP => c_str!("semop"),
            bindings::SEMTIMEDOP => c_str!("semtimedop"),
            bindings::SEMGET => c_str!("semget"),
            bindings::SEMCTL => c_str!("semctl"),
            bindings::MSGSND => c_str!("msgsnd"),
            bindings::MSGRCV => c_str!("msgrcv"),
            bindings::MSGGET => c_str!("msgget"),
            bindings::MSGCTL => c_str!("msgctl"),
            bindings::SHMAT => c_str!("shmat"),
            bindings::SHMGET => c_str!("shmget"),
            bindings::SHMCTL => c_str!("shmctl"),
            _ => c_str!("unknown call"),
        }
    }

    /// Names the command, [`None`] for a call that has none.
    pub(crate) fn command_name(self) -> Option<&'static CStr> {
        let common = match self.command {
            bindings::IPC_RMID => Some(c_str!("IPC_RMID")),
            bindings::IPC_SET => Some(c_str!("IPC_SET")),
            bindings::IPC_STAT => Some(c_str!("IPC_STAT")),
            _ => None,
        };
        match (self.call, self.command) {
            (bindings::SEMCTL, bindings::GETPID) => Some(c_str!("GETPID")),
            (bindings::SEMCTL, bindings::GETVAL) => Some(c_str!("GETVAL")),
            (bindings::SEMCTL, bindings::GETALL) => Some(c_str!("GETALL")),
            (bindings::SEMCTL, bindings::GETNCNT) => Some(c_str!("GETNCNT")),
            (bindings::SEMCTL, bindings::GETZCNT) => Some(c_str!("GETZCNT")),
            (bindings::SEMCTL, bindings::SETVAL) => Some(c_str!("SETVAL")),
            (bindings::SEMCTL, bindings::SETALL) => Some(c_str!("SETALL")),
            (bindings::SEMCTL, bindings::SEM_STAT) => Some(c_str!("SEM_STAT")),
            (bindings::SEMCTL, bindings::SEM_STAT_ANY) => Some(c_str!("SEM_STAT_ANY")),
            (bindings::MSGCTL, bindings::MSG_STAT) => Some(c_str!("MSG_STAT")),
            (bindings::MSGCTL, bindings::MSG_STAT_ANY) => Some(c_str!("MSG_STAT_ANY")),
            (bindings::SHMCTL, bindings::SHM_LOCK) => Some(c_str!("SHM_LOCK")),
            (bindings::SHMCTL, bindings::SHM_UNLOCK) => Some(c_str!("SHM_UNLOCK")),
            (bindings::SHMCTL, bindings::SHM_STAT) => Some(c_str!("SHM_STAT")),
            (bindings::SHMCTL, bindings::SHM_STAT_ANY) => Some(c_str!("SHM_STAT_ANY")),
            (bindings::SEMCTL | bindings::MSGCTL | bindings::SHMCTL, _) => {
                common.or(Some(c_str!("unknown command")))
            }
            _ => None,
        }
    }
}
