// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an attacker finds.

use super::attack::Role;
use crate::sys::key::Serial;
use crate::sys::tree::Handle;
use crate::sys::unix::Kind;
use std::fs::File;
use std::sync::atomic::AtomicU32;

/// What the target's copy of the program has here, and any other as well.
pub static MEMORY: AtomicU32 = AtomicU32::new(0x6a61_756c);

/// The target's keys; 0 where the kernel has none.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Everybody may do anything with these: one that stays, and three that attacks may spoil.
    pub spare: [Serial; 4],
    /// The target's session keyring, in which they are.
    pub session: Serial,
}

/// What is attacked: a process beyond the wall, and what it has made.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The process, which leads a group of its own and lets all signals wait.
    pub pid: libc::pid_t,
    /// A descriptor of it.
    pub descriptor: i32,
    /// Its keys.
    pub keys: Keys,
    /// Whether it has message queues.
    pub queues: bool,
}

impl Target {
    /// The abstract address of its socket of this kind.
    pub fn socket(&self, kind: Kind) -> String {
        format!("jaula-escape-{kind:?}-{}", self.pid)
    }

    /// The name of one of its message queues.
    pub fn queue(&self, which: &str) -> String {
        format!("jaula-escape-{which}-{}", self.pid)
    }

    /// The name of its session keyring.
    pub fn session(&self) -> String {
        format!("jaula-escape-session-{}", self.pid)
    }

    /// The description of its key in the keyring of this name.
    pub fn key(&self, ring: &str) -> String {
        format!("jaula-escape-{ring}-{}", self.pid)
    }

    /// The path of a file about it, in /proc.
    pub fn path(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid)
    }
}

/// What the attacker's launcher had opened outside, and kept.
pub struct Kept {
    /// The mount namespace of the host.
    pub namespace: Option<File>,
    /// The handle of a file outside of the root, where the kernel gives handles.
    pub handle: Option<Handle>,
}

/// All that an attempt is told.
pub struct Scene {
    /// Who attacks.
    pub role: Role,
    /// What is attacked.
    pub target: Target,
    /// What was kept.
    pub kept: Kept,
    /// The attacker's jail; `None` on a kernel without jaula, or on the host.
    pub jail: Option<i64>,
    /// Whether jaula is enabled.
    pub jaula: bool,
}
