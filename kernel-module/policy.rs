// SPDX-License-Identifier: GPL-2.0-only

//! The policy: what a task in one jail may do to what belongs to another.
//!
//! Pure functions over plain values, with no dependency on the kernel: user space compiles and
//! tests this same file.

/// The number that stands for the host, which is the root of all jails.
pub(crate) const HOST: u32 = 0;

/// How the jail of a subject stands to the jail of the object that it wants to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Both are in one jail.
    Same,
    /// The subject is in an ancestor of the object's jail.
    Down,
    /// The subject is in a descendant of the object's jail, or neither descends from the other.
    UpOrAcross,
}

impl Relation {
    /// Tells how jail `subject` stands to jail `object`, whose ancestors are `ancestors`, in any
    /// order.
    pub(crate) fn between(
        subject: u32,
        object: u32,
        ancestors: impl IntoIterator<Item = u32>,
    ) -> Self {
        if subject == object {
            Relation::Same
        } else if ancestors.into_iter().any(|ancestor| ancestor == subject) {
            Relation::Down
        } else {
            Relation::UpOrAcross
        }
    }
}

/// What a subject wants of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Find, control, stat, operate on or remove a semaphore set, a shared memory segment or a
    /// message queue of System V.
    UseSysvIpc,
    /// See such an object in a listing.
    ListSysvIpc,
}

/// The error that a refused call returns.
///
/// The values are those of `include/uapi/asm-generic/errno-base.h`, the same on all architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Errno {
    /// `EACCES`
    Access = 13,
}

/// What becomes of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on as if there were no jails.
    Allow,
    /// It fails, and the failure is told to the subject and to the log.
    Refuse(Errno),
    /// The object is left out, and nobody is told.
    Hide,
}

/// Decides about an access.
///
/// System V IPC is symmetric: not even the host reaches into a jail's objects.
pub(crate) const fn decide(relation: Relation, access: Access) -> Verdict {
    match (relation, access) {
        (Relation::Same, _) => Verdict::Allow,
        (_, Access::UseSysvIpc) => Verdict::Refuse(Errno::Access),
        (_, Access::ListSysvIpc) => Verdict::Hide,
    }
}

/// Tells whether a jail may have jails within it: none may, but the host.
pub(crate) const fn may_have_children(jail: u32) -> bool {
    jail == HOST
}
