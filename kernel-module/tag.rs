// SPDX-License-Identifier: GPL-2.0-only

//! The tags: which jail a task or an IPC object belongs to.
//!
//! A tag is one pointer in the LSM blob of its owner, and counts as a reference to the jail. No
//! pointer is the host. A blob comes zeroed, so that whatever has never been tagged is the host's.
//!
//! | tag of | written | read |
//! | --- | --- | --- |
//! | a task | by its maker before anybody else can see it; later by the task itself alone, and not on its way out | by the task itself, by others under RCU, and by whoever releases it |
//! | an IPC object | by its creator before it has an identifier | by whoever has found it, under RCU |
//!
//! Both are emptied when the last reference to the owner is gone. A jail outlives the last
//! reference to it by a grace period, so that a reader of another's tag finds one that is valid.

use crate::{jail::Jail, rcu};
use core::{
    ffi::c_void,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::types::ARef;

/// The place of a tag in a blob.
///
/// # Invariants
///
/// The pointer is null or comes from [`ARef<Jail>::into_raw`], and the tag owns that reference.
#[repr(transparent)]
pub(crate) struct Tag(AtomicPtr<Jail>);

/// Finds what this module has in a blob.
///
/// # Safety
///
/// `blob` must be the blob of a structure that is valid for `'a`, `offset` the place in it that the
/// LSM framework gave to this module, and `T` what the module keeps there, which zeroed memory is a
/// valid value of.
#[inline(always)]
pub(crate) unsafe fn in_blob<'a, T>(blob: *mut c_void, offset: i32) -> &'a T {
    // SAFETY: By the requirements of this function the place is inside of the blob and ours. The
    // framework aligns the places of modules to the size of a pointer, and allocates them zeroed.
    unsafe { &*blob.byte_offset(offset as isize).cast() }
}

impl Tag {
    #[inline(always)]
    fn as_ptr(&self) -> *mut Jail {
        // Enough for a task's own tag, and for one that is never written after its owner could be
        // found.
        self.0.load(Ordering::Relaxed)
    }

    /// Tells whether two tags name one jail.
    #[inline(always)]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.as_ptr() == other.as_ptr()
    }

    /// Returns the jail, [`None`] for the host: that of an IPC object, of the current task, or of one that
    /// is on its way out and being released.
    #[inline(always)]
    pub(crate) fn jail(&self) -> Option<&Jail> {
        // SAFETY: By the type invariant the pointer is null or a jail, and the tag keeps its
        // reference for as long as the borrow lasts: see `set`.
        unsafe { self.as_ptr().as_ref() }
    }

    /// Returns the jail of the current task, [`None`] for the host, for longer than its subject lasts.
    ///
    /// # Safety
    ///
    /// The tag must be that of the current task, and not be written for as long as `'a`.
    pub(crate) unsafe fn jail_of_current<'a>(&self) -> Option<&'a Jail> {
        // SAFETY: By the type invariant the pointer is null or a jail, and by the requirements of this
        // function the tag keeps its reference.
        unsafe { self.as_ptr().as_ref() }
    }

    /// Returns the jail of another task, as it is at this moment.
    pub(crate) fn jail_of_other<'rcu>(&self, _rcu: &'rcu rcu::Guard) -> Option<&'rcu Jail> {
        // Pairs with the release in `set`.
        let jail = self.0.load(Ordering::Acquire);

        // SAFETY: By the type invariant the pointer is null or a jail to which the tag had a
        // reference when it was read. Its memory is freed a grace period after the last reference
        // is gone, which can't end before the guard is dropped.
        unsafe { jail.as_ref() }
    }

    /// Fills the tag of something in the making with the jail of its maker.
    ///
    /// # Safety
    ///
    /// The tag must be that of something that only the caller can see yet, and empty.
    #[inline(always)]
    pub(crate) unsafe fn inherit(&self, maker: &Self) {
        let Some(jail) = maker.jail() else {
            return;
        };
        // SAFETY: By the requirements of this function nobody has seen the tag, let alone borrowed
        // from it.
        unsafe { self.set(Some(jail.into())) };
    }

    /// Empties the tag of something that is gone. May be called in any context.
    ///
    /// # Safety
    ///
    /// Only the caller may refer to what the tag belongs to.
    #[inline(always)]
    pub(crate) unsafe fn clear(&self) {
        if self.as_ptr().is_null() {
            return;
        }
        // SAFETY: By the requirements of this function.
        unsafe { self.set(None) };
    }

    /// Puts a jail into the tag. The reference to the one that was there is dropped.
    ///
    /// Out of line, to keep the common case short, which is the host's and has no reference.
    ///
    /// # Safety
    ///
    /// Nobody may hold a borrow from [`Self::jail`], and nobody else may write at the same time.
    #[inline(never)]
    pub(crate) unsafe fn set(&self, jail: Option<ARef<Jail>>) {
        let new = jail.map_or(ptr::null_mut(), |jail| ARef::into_raw(jail).as_ptr());
        let old = self.as_ptr();

        // INVARIANT: The new pointer has come with its reference, the old one leaves with its own.
        self.0.store(new, Ordering::Release);
        if let Some(old) = NonNull::new(old) {
            // SAFETY: By the type invariant the old pointer came with a reference, which nobody
            // else takes, and by the requirements of this function nobody has borrowed from it.
            drop(unsafe { ARef::from_raw(old) });
        }
    }
}
