// SPDX-License-Identifier: GPL-2.0-only

//! Read-side critical sections of RCU.

use core::marker::PhantomData;
use kernel::bindings;

/// Proof that the current task is in a read-side critical section.
pub(crate) struct Guard(PhantomData<*mut ()>);

impl Guard {
    /// Begins a critical section, which ends when the value is dropped.
    pub(crate) fn new() -> Self {
        // SAFETY: May be called anywhere; ended in `drop`.
        unsafe { bindings::jaula_rcu_read_lock() };
        Self(PhantomData)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: Begun in `new`, by the same task, since the type isn't `Send`.
        unsafe { bindings::jaula_rcu_read_unlock() };
    }
}
