// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of jails, and how jails are found by them.

use crate::{jail::Jail, rcu};
use core::{
    ptr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};
use kernel::{bindings, error::to_result, prelude::*, types::ARef};

/// How many jails exist; at most `jaula_max_jails`. A number can be in use for longer.
static IN_USE: AtomicU32 = AtomicU32::new(0);

/// A number from 1 to 2³¹-1 that no other jail has.
///
/// # Invariants
///
/// The number is allocated in `jaula_numbers` until the value is dropped, and counted in [`IN_USE`]
/// while `counted` says so.
pub(crate) struct Number {
    number: u32,
    counted: AtomicBool,
}

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
        Ok(Self {
            number,
            counted: AtomicBool::new(true),
        })
    }

    /// Returns the number as a plain value.
    pub(crate) fn get(&self) -> u32 {
        self.number
    }

    /// Makes room for another jail, since the one that has this number has ended.
    fn stop_counting(&self) {
        if self.counted.swap(false, Ordering::Relaxed) {
            IN_USE.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Number {
    /// Gives the number back. May run in any context.
    fn drop(&mut self) {
        // SAFETY: By the type invariant the number is allocated, and it is ours to release.
        unsafe { bindings::jaula_number_release(self.number) };
        self.stop_counting();
    }
}

/// Has the jail found by its number.
///
/// May be called with locks held. The jail must be withdrawn before the last reference to it goes.
pub(crate) fn publish(jail: &Jail) {
    // SAFETY: The number is allocated; the pointer is valid until it is withdrawn.
    unsafe { bindings::jaula_number_set(jail.number(), ptr::from_ref(jail).cast_mut().cast()) };
}

/// Has the jail, which has ended, no longer found by its number, which it keeps.
pub(crate) fn withdraw(jail: &Jail) {
    jail.number.stop_counting();
    // SAFETY: The number is allocated.
    unsafe { bindings::jaula_number_set(jail.number(), ptr::null_mut()) };
}

/// Finds the jail that has a number.
pub(crate) fn find(number: u32) -> Option<ARef<Jail>> {
    let _rcu = rcu::Guard::new();
    // SAFETY: What is found can be used while under RCU.
    let jail = unsafe { bindings::jaula_number_find(number) };

    // SAFETY: It is null or a jail, whose memory is valid for a grace period after the last
    // reference is gone.
    unsafe { jail.cast::<Jail>().as_ref() }?.try_get()
}

/// Finds the jail that has the lowest number from `first` on.
pub(crate) fn find_from(first: u32) -> Option<ARef<Jail>> {
    let mut number = first;

    loop {
        let _rcu = rcu::Guard::new();
        // SAFETY: `number` is valid for writing; what is found can be used while under RCU.
        let jail = unsafe { bindings::jaula_number_next(&mut number) };
        // SAFETY: It is null or a jail, whose memory is valid for a grace period after the last
        // reference is gone.
        let jail = unsafe { jail.cast::<Jail>().as_ref() }?;
        if let Some(jail) = jail.try_get() {
            return Some(jail);
        }
        number += 1;
    }
}
