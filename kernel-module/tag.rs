// SPDX-License-Identifier: GPL-2.0-only

//! The tags: which jail a task or an IPC object belongs to.
//!
//! A tag is one pointer in the LSM blob of its owner, and counts as a reference to the jail. No
//! pointer is the host. A blob comes zeroed, so that whatever has never been tagged is the host's.
//!
//! | tag of | written | read |
//! | --- | --- | --- |
//! | a task | by its parent before anybody else can see it; later by the task itself alone | by the task itself |
//! | an IPC object | by its creator before it has an identifier | by whoever has found it, under RCU |
//!
//! Both are emptied when the last reference to the owner is gone. Nobody reads the tag of another
//! task, which is what makes plain loads and stores enough here.

use crate::jail::Jail;
use core::{cell::UnsafeCell, ffi::c_void, ptr};
use kernel::{
    sync::{Arc, ArcBorrow},
    types::ForeignOwnable,
};

/// The place of a tag in a blob.
///
/// # Invariants
///
/// The pointer is null or comes from [`Arc<Jail>::into_foreign`], and the tag owns that reference.
#[repr(transparent)]
pub(crate) struct Tag(UnsafeCell<*const c_void>);

impl Tag {
    /// Finds the tag in a blob.
    ///
    /// # Safety
    ///
    /// `blob` must be the blob of a structure that is valid for `'a`, and `offset` the place in it
    /// that the LSM framework gave to this module. Accesses must follow the table above.
    #[inline(always)]
    pub(crate) unsafe fn at<'a>(blob: *mut c_void, offset: i32) -> &'a Self {
        // SAFETY: By the requirements of this function the place is inside of the blob and ours.
        // The framework aligns the places of modules to the size of a pointer. The type invariant
        // holds because blobs are allocated zeroed and only this type writes there.
        unsafe { &*blob.byte_offset(offset as isize).cast() }
    }

    #[inline(always)]
    fn as_ptr(&self) -> *const c_void {
        // SAFETY: Nobody writes at the same time, as the table above says.
        unsafe { *self.0.get() }
    }

    /// Tells whether two tags name one jail.
    #[inline(always)]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.as_ptr() == other.as_ptr()
    }

    /// Returns the jail, [`None`] for the host.
    pub(crate) fn jail(&self) -> Option<ArcBorrow<'_, Jail>> {
        let jail = self.as_ptr();

        if jail.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the pointer comes from `into_foreign`, and the tag keeps
        // its reference for as long as the borrow lasts: see `set`.
        Some(unsafe { Arc::borrow(jail) })
    }

    /// Fills the tag of something in the making with the jail of its maker.
    ///
    /// # Safety
    ///
    /// The tag must be that of something that only the caller can see yet, and empty.
    #[inline(always)]
    pub(crate) unsafe fn inherit(&self, maker: &Self) {
        if maker.as_ptr().is_null() {
            return;
        }
        // SAFETY: By the requirements of this function nobody has seen the tag, let alone borrowed
        // from it.
        unsafe { self.set(maker.jail().map(Arc::from)) };
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
    /// Nobody may hold a borrow of the jail that was there.
    #[inline(never)]
    pub(crate) unsafe fn set(&self, jail: Option<Arc<Jail>>) {
        let new = jail.map_or(ptr::null(), Arc::into_foreign);
        let place = self.0.get();

        // SAFETY: Nobody reads or writes at the same time, as the table above says.
        let old = unsafe { place.replace(new) };

        // INVARIANT: The new pointer has come with its reference, the old one leaves with its own.
        // SAFETY: By the type invariant the old pointer is null or comes from `into_foreign`, and
        // by the requirements of this function nobody has borrowed from it.
        drop(unsafe { Arc::<Jail>::try_from_foreign(old) });
    }
}
