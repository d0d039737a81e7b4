// SPDX-License-Identifier: GPL-2.0-only

//! Which jail something belongs to, without a reference to the jail.
//!
//! Keys are marked with it: they go without a word to this module, so that what is in their blobs must
//! be a plain value.

use crate::{jail::Jail, policy, tag::in_blob};
use core::{cell::UnsafeCell, ffi::c_void, mem::size_of};
use kernel::bindings;

/// A jail of all that there have ever been: a number comes back, and then at another time.
///
/// Zeroed memory is the host.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    number: u32,
    /// When the jail was made, in two halves, since blobs are aligned to the size of a pointer.
    created: [u32; 2],
}

impl Identity {
    /// The host.
    pub(crate) const HOST: Self = Self {
        number: policy::HOST,
        created: [0; 2],
    };

    /// What the kernel itself has made, for all to find.
    pub(crate) const KERNEL: Self = Self {
        number: u32::MAX,
        created: [0; 2],
    };

    /// Returns the identity of a jail, [`None`] for the host.
    pub(crate) fn of(jail: Option<&Jail>) -> Self {
        jail.map_or(Self::HOST, |jail| Self {
            number: jail.number(),
            created: [jail.created as u32, (jail.created >> 32) as u32],
        })
    }

    /// Returns the number that the jail has, or had.
    pub(crate) fn number(self) -> u32 {
        self.number
    }
}

/// What this module keeps in the blob of a key.
#[repr(transparent)]
pub(crate) struct Mark(UnsafeCell<Identity>);

const _: () = assert!(size_of::<Mark>() == size_of::<bindings::jaula_mark>());

impl Mark {
    /// Finds the mark in a blob.
    ///
    /// # Safety
    ///
    /// As for [`in_blob`].
    #[inline(always)]
    pub(crate) unsafe fn in_blob<'a>(blob: *mut c_void, offset: i32) -> &'a Self {
        // SAFETY: By the requirements of this function. Any bytes are a valid value.
        unsafe { in_blob(blob, offset) }
    }

    /// Returns what it says.
    ///
    /// # Safety
    ///
    /// Nobody may set it at the same time.
    #[inline(always)]
    pub(crate) unsafe fn get(&self) -> Identity {
        // SAFETY: By the requirements of this function.
        unsafe { *self.0.get() }
    }

    /// Has it say something else.
    ///
    /// # Safety
    ///
    /// Nobody else may use it at the same time.
    #[inline(always)]
    pub(crate) unsafe fn set(&self, identity: Identity) {
        // SAFETY: By the requirements of this function.
        unsafe { *self.0.get() = identity };
    }
}
