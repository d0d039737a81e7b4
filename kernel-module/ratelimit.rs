// SPDX-License-Identifier: GPL-2.0-only

//! How often something may be logged.

use kernel::{bindings, c_str, prelude::*, types::Opaque};

/// The state of one rate limit, of the kernel's usual 10 messages in 5 seconds.
#[repr(transparent)]
pub(crate) struct Ratelimit(Opaque<bindings::ratelimit_state>);

// SAFETY: The state has a lock of its own and belongs to no task.
unsafe impl Send for Ratelimit {}

// SAFETY: All that can be done with a shared reference is done under the state's lock.
unsafe impl Sync for Ratelimit {}

impl Ratelimit {
    /// Makes a rate limit that has let nothing pass yet.
    pub(crate) fn new() -> impl PinInit<Self> {
        // SAFETY: The function initialises the whole structure at the place it is given.
        unsafe {
            kernel::init::pin_init_from_closure(|slot: *mut Self| {
                bindings::jaula_ratelimit_init(slot.cast());
                Ok::<(), core::convert::Infallible>(())
            })
        }
    }

    /// Returns the rate limit of the host.
    pub(crate) fn of_host() -> &'static Self {
        // SAFETY: A static with an initialiser in C, of which `Self` is a transparent wrapper.
        unsafe { &*core::ptr::addr_of!(bindings::jaula_host_ratelimit).cast() }
    }

    /// Tells whether a message may pass now, and counts it. May be called in any context.
    pub(crate) fn allows(&self) -> bool {
        // SAFETY: The state is initialised; the name is a string with an end.
        unsafe { bindings::___ratelimit(self.0.get(), c_str!("jaula").as_char_ptr()) != 0 }
    }
}
