// SPDX-License-Identifier: GPL-2.0-only

//! The names of the calls of System V IPC.

use crate::policy::Resource;
use core::fmt;
use kernel::bindings;

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
    pub(crate) fn object_kind(self) -> &'static str {
        match self.call {
            bindings::SEMOP | bindings::SEMTIMEDOP | bindings::SEMGET | bindings::SEMCTL => {
                "semaphore set"
            }
            bindings::MSGSND | bindings::MSGRCV | bindings::MSGGET | bindings::MSGCTL => {
                "message queue"
            }
            _ => "shared memory segment",
        }
    }

    fn name(self) -> &'static str {
        match self.call {
            bindings::SEMOP => "semop",
            bindings::SEMTIMEDOP => "semtimedop",
            bindings::SEMGET => "semget",
            bindings::SEMCTL => "semctl",
            bindings::MSGSND => "msgsnd",
            bindings::MSGRCV => "msgrcv",
            bindings::MSGGET => "msgget",
            bindings::MSGCTL => "msgctl",
            bindings::SHMAT => "shmat",
            bindings::SHMGET => "shmget",
            bindings::SHMCTL => "shmctl",
            _ => "unknown call",
        }
    }

    /// Names the command, [`None`] for a call that has none.
    fn command_name(self) -> Option<&'static str> {
        let common = match self.command {
            bindings::IPC_RMID => Some("IPC_RMID"),
            bindings::IPC_SET => Some("IPC_SET"),
            bindings::IPC_STAT => Some("IPC_STAT"),
            _ => None,
        };
        match (self.call, self.command) {
            (bindings::SEMCTL, bindings::GETPID) => Some("GETPID"),
            (bindings::SEMCTL, bindings::GETVAL) => Some("GETVAL"),
            (bindings::SEMCTL, bindings::GETALL) => Some("GETALL"),
            (bindings::SEMCTL, bindings::GETNCNT) => Some("GETNCNT"),
            (bindings::SEMCTL, bindings::GETZCNT) => Some("GETZCNT"),
            (bindings::SEMCTL, bindings::SETVAL) => Some("SETVAL"),
            (bindings::SEMCTL, bindings::SETALL) => Some("SETALL"),
            (bindings::SEMCTL, bindings::SEM_STAT) => Some("SEM_STAT"),
            (bindings::SEMCTL, bindings::SEM_STAT_ANY) => Some("SEM_STAT_ANY"),
            (bindings::MSGCTL, bindings::MSG_STAT) => Some("MSG_STAT"),
            (bindings::MSGCTL, bindings::MSG_STAT_ANY) => Some("MSG_STAT_ANY"),
            (bindings::SHMCTL, bindings::SHM_LOCK) => Some("SHM_LOCK"),
            (bindings::SHMCTL, bindings::SHM_UNLOCK) => Some("SHM_UNLOCK"),
            (bindings::SHMCTL, bindings::SHM_STAT) => Some("SHM_STAT"),
            (bindings::SHMCTL, bindings::SHM_STAT_ANY) => Some("SHM_STAT_ANY"),
            (bindings::SEMCTL | bindings::MSGCTL | bindings::SHMCTL, _) => {
                common.or(Some("unknown command"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for SysvCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command_name() {
            Some(command) => write!(f, "{}({})", self.name(), command),
            None => f.write_str(self.name()),
        }
    }
}
