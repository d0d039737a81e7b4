// SPDX-License-Identifier: GPL-2.0-only

//! Objects of System V IPC: semaphore sets, shared memory segments and message queues.

use crate::{jail::Jail, tag::Tag};
use core::{marker::PhantomData, ptr};
use kernel::{bindings, sync::ArcBorrow};

/// An object of System V IPC that the kernel has found.
///
/// A plain pointer to those who pass it on. It is no reference: others write to the object at the
/// same time.
///
/// # Invariants
///
/// The object stays valid, and its tag as it is, for `'a`.
#[repr(transparent)]
pub(crate) struct Object<'a>(*mut bindings::kern_ipc_perm, PhantomData<&'a ()>);

impl Object<'_> {
    /// Makes an object of what a hook was given.
    ///
    /// # Safety
    ///
    /// `ipcp` must be valid for the lifetime of the value, which a caller that found it under RCU
    /// has to see to, and must have been tagged.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(ipcp: *mut bindings::kern_ipc_perm) -> Self {
        // INVARIANT: By the requirements of this function; the tag changes only when the last
        // reference to the object is gone.
        Self(ipcp, PhantomData)
    }

    /// Returns the object's tag.
    #[inline(always)]
    pub(crate) fn tag(&self) -> &Tag {
        // SAFETY: By the type invariant; the tag is only read.
        unsafe { tag_of(self.0) }
    }

    /// Returns the object's jail, [`None`] for the host.
    pub(crate) fn jail(&self) -> Option<ArcBorrow<'_, Jail>> {
        self.tag().jail()
    }

    /// Returns the object's identifier in its IPC namespace. One that is just being made may not
    /// have got its own yet.
    pub(crate) fn id(&self) -> i32 {
        // SAFETY: By the type invariant the object is valid. Its maker may be writing the field:
        // hence the volatile read.
        unsafe { ptr::read_volatile(ptr::addr_of!((*self.0).id)) }
    }

    /// Returns the object's key. One that is just being removed may have lost it.
    pub(crate) fn key(&self) -> i32 {
        // SAFETY: By the type invariant the object is valid. Whoever removes it may be writing the
        // field: hence the volatile read.
        unsafe { ptr::read_volatile(ptr::addr_of!((*self.0).key)) }
    }
}

/// Finds the tag of an object.
///
/// # Safety
///
/// `ipcp` must be valid for `'a`, and have a blob. Accesses must follow the table in [`crate::tag`].
#[inline(always)]
pub(crate) unsafe fn tag_of<'a>(ipcp: *mut bindings::kern_ipc_perm) -> &'a Tag {
    // SAFETY: By the requirements of this function for the object. The place was given to this
    // module before the first hook was called and is constant since.
    unsafe { Tag::at((*ipcp).security, bindings::jaula_blob_sizes.lbs_ipc) }
}
