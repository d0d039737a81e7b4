// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of jails.

use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{bindings, error::to_result, prelude::*};

/// How many numbers are in use; at most `jaula_max_jails`.
static IN_USE: AtomicU32 = AtomicU32::new(0);

/// A number from 1 to 2³¹-1 that no other jail has.
///
/// # Invariants
///
/// The number is allocated in `jaula_numbers` and counted in [`IN_USE`]. Both end when the value
/// is dropped, not before.
pub(crate) struct Number(u32);

impl Number {
    /// Allocates the next free number, going round at the end of the range.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when as many jails exist as there may, `ENOSPC` when no number is free, `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The parameter is written while the kernel boots and only read afterwards.
        let max = unsafe { bindings::jaula_max_jails };

        // Nothing is published through this counter: the order of other accesses does not matter.
        IN_USE
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |in_use| {
                (in_use < max).then_some(in_use + 1)
            })
            .map_err(|_| EAGAIN)?;

        Self::allocate().inspect_err(|_| {
            IN_USE.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn allocate() -> Result<Self> {
        let mut number = 0;
        // SAFETY: `number` is valid for writing; we are in process context and may sleep.
        let ret = unsafe { bindings::jaula_number_alloc(&mut number) };

        if ret == EBUSY.to_errno() {
            return Err(ENOSPC);
        }
        // 1 says that the allocation went round the end of the range.
        to_result(ret)?;
        // INVARIANT: The number has just been allocated, and the caller has counted it.
        Ok(Self(number))
    }

    /// Returns the number as a plain value.
    pub(crate) fn get(&self) -> u32 {
        self.0
    }
}

impl Drop for Number {
    /// Gives the number back. May run in any context.
    fn drop(&mut self) {
        // SAFETY: By the type invariant the number is allocated, and it is ours to release.
        unsafe { bindings::jaula_number_release(self.0) };
        IN_USE.fetch_sub(1, Ordering::Relaxed);
    }
}
