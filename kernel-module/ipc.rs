// SPDX-License-Identifier: GPL-2.0-only

//! Objects of System V IPC: semaphore sets, shared memory segments and message queues.

use crate::{jail::Jail, tag::Tag};
use kernel::{bindings, sync::ArcBorrow};

/// An object of System V IPC that the kernel has found.
///
/// # Invariants
///
/// The object stays valid, and its tag as it is, for `'a`.
#[repr(transparent)]
pub(crate) struct Object<'a>(&'a bindings::kern_ipc_perm);

impl<'a> Object<'a> {
    /// Makes an object of what a hook was given.
    ///
    /// # Safety
    ///
    /// `ipcp` must be valid for `'a`, which a caller that found it under RCU has to see to, and must
    /// have been tagged.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(ipcp: *mut bindings::kern_ipc_perm) -> Self {
        // SAFETY: By the requirements of this function. Fields that change at the same time
        // (the lock, the owner) are not looked at.
        // INVARIANT: The tag changes only when the last reference to the object is gone.
        Self(unsafe { &*ipcp })
    }

    /// Returns the object's tag.
    #[inline(always)]
    pub(crate) fn tag(&self) -> &Tag {
        // SAFETY: By the type invariant; `tag_of` is the place of the tag in that kind of blob.
        unsafe { tag_of(self.0) }
    }

    /// Returns the object's jail, [`None`] for the host.
    pub(crate) fn jail(&self) -> Option<ArcBorrow<'_, Jail>> {
        self.tag().jail()
    }

    /// Returns the object's identifier in its IPC namespace.
    pub(crate) fn id(&self) -> i32 {
        self.0.id
    }

    /// Returns the object's key.
    pub(crate) fn key(&self) -> i32 {
        self.0.key
    }
}

/// Finds the tag of an object.
///
/// # Safety
///
/// `ipcp` must be valid for `'a`, and have a blob. Accesses must follow the table in [`crate::tag`].
#[inline(always)]
pub(crate) unsafe fn tag_of<'a>(ipcp: *const bindings::kern_ipc_perm) -> &'a Tag {
    // SAFETY: By the requirements of this function for the object. The place was given to this
    // module before the first hook was called and is constant since.
    unsafe { Tag::at((*ipcp).security, bindings::jaula_blob_sizes.lbs_ipc) }
}
