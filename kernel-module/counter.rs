// SPDX-License-Identifier: GPL-2.0-only

//! Counters of 64 bits that any context may increment.

use core::cell::UnsafeCell;
use kernel::bindings;

/// A counter that begins at 0.
#[repr(transparent)]
pub(crate) struct Counter(UnsafeCell<bindings::atomic64_t>);

// SAFETY: The value is only reached by the kernel's atomic functions.
unsafe impl Sync for Counter {}

impl Counter {
    /// Makes a counter.
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(bindings::atomic64_t { counter: 0 }))
    }

    /// Counts one more. May be called in any context.
    pub(crate) fn increment(&self) {
        // SAFETY: The value is initialised and valid as `self` is.
        unsafe { bindings::jaula_counter_increment(self.0.get()) };
    }

    /// Returns how many have been counted.
    pub(crate) fn get(&self) -> u64 {
        // SAFETY: As above.
        unsafe { bindings::jaula_counter_get(self.0.get()) }
    }
}
