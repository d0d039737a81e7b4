// SPDX-License-Identifier: GPL-2.0-only

//! The jail itself.

use crate::{
    allowance::{Allowance, Permission},
    counter::Counter,
    destroy::{Gone, Work},
    keyring::UserKeyrings,
    members::Members,
    number::Number,
    policy::{self, Class, Relation},
    ratelimit::Ratelimit,
    tree::Branch,
};
use core::{
    mem::offset_of,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{
    bindings, new_spinlock,
    prelude::*,
    sync::SpinLock,
    types::{ARef, AlwaysRefCounted, Opaque},
};

/// A jail other than the host.
///
/// Its memory lives as long as a task, an IPC object or a child jail refers to it, and its number is
/// not given out again before that. The jail as such ends before: see [`crate::members::State`].
/// Until then there is one reference more, which [`crate::tree`] gives and takes.
#[pin_data]
pub(crate) struct Jail {
    #[pin]
    references: Opaque<bindings::refcount_t>,
    #[pin]
    rcu: Opaque<bindings::callback_head>,
    pub(crate) number: Number,
    /// [`None`] is the host. Dropping a jail drops its parent in turn: how deep jails may lie
    /// within each other is bounded.
    parent: Option<ARef<Jail>>,
    /// How many jails this one is in.
    depth: u32,
    /// Nanoseconds since boot.
    pub(crate) created: u64,
    #[pin]
    ratelimit: Ratelimit,
    #[pin]
    pub(crate) members: SpinLock<Members>,
    pub(crate) branch: Branch,
    /// The allowance, in two halves: 32-bit machines have no atomic integers of 64 bits. Bits are
    /// independent of each other, and so may be the halves.
    allowance: [AtomicU32; 2],
    refusals: [Counter; Class::COUNT],
    /// The register of the per-user keyrings, see [`crate::keyring`]. The keys' own lock guards it.
    pub(crate) user_keyrings: UserKeyrings,
    #[pin]
    pub(crate) work: Work,
    #[pin]
    pub(crate) gone: Gone,
}

// SAFETY: What can be changed through a shared reference has locks, and nothing of it belongs to a
// thread.
unsafe impl Send for Jail {}

// SAFETY: As above.
unsafe impl Sync for Jail {}

// SAFETY: The count is one of the kernel's, and the jail lives until it has come to zero.
unsafe impl AlwaysRefCounted for Jail {
    fn inc_ref(&self) {
        // SAFETY: The count is initialised, and above zero, since there is a reference.
        unsafe { bindings::refcount_inc(self.references.get()) };
    }

    /// May be called in any context.
    unsafe fn dec_ref(jail: NonNull<Self>) {
        let jail = jail.as_ptr();

        // SAFETY: By the requirements of this function the jail is valid.
        if unsafe {
            bindings::refcount_dec_and_test(Opaque::raw_get(&raw const (*jail).references))
        } {
            // SAFETY: This was the last reference, and nobody can get another: the number of a jail
            // without references names none. Who has found the jail before is under RCU.
            unsafe { bindings::call_rcu(Opaque::raw_get(&raw const (*jail).rcu), Some(free)) };
        }
    }
}

/// Frees a jail, its number with it. Called by RCU, in softirq context.
///
/// # Safety
///
/// `head` must be the field of a jail to which there are no references since a grace period.
unsafe extern "C" fn free(head: *mut bindings::callback_head) {
    // SAFETY: By the requirements of this function. `Opaque` is transparent.
    let jail = unsafe { head.byte_sub(offset_of!(Jail, rcu)).cast::<Jail>() };
    // SAFETY: The jail was made as a `KBox` by `Jail::new`, and is nobody's any more.
    drop(unsafe { KBox::from_raw(jail) });
}

impl Jail {
    /// Makes a jail within `parent`, and room in it for its first task; or one that is `owned`, for none.
    ///
    /// Nobody can find it before [`crate::tree::plant`]. May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Number::new`], `EAGAIN` where jails would lie too deep within each other, and
    /// `ENOMEM`.
    pub(crate) fn new(parent: Option<&Jail>, owned: bool) -> Result<ARef<Self>> {
        let depth = parent.map_or(0, |parent| parent.depth) + 1;
        if depth > policy::MAX_DEPTH {
            return Err(EAGAIN);
        }
        let number = Number::new()?;
        // SAFETY: May be called in any context.
        let created = unsafe { bindings::ktime_get_with_offset(bindings::tk_offsets_TK_OFFS_BOOT) };

        let inside = Members::new(parent, owned);

        let jail = KBox::pin_init(
            pin_init!(Self {
                // SAFETY: A plain function over a plain value.
                references: Opaque::new(unsafe { bindings::REFCOUNT_INIT(1) }),
                rcu: Opaque::uninit(),
                number,
                parent: parent.map(ARef::from),
                depth,
                created: created as u64,
                ratelimit <- Ratelimit::new(),
                members <- new_spinlock!(inside, "jaula_members"),
                branch: Branch::new(),
                allowance: Allowance::DEFAULT.halves().map(AtomicU32::new),
                refusals: core::array::from_fn(|_| Counter::new()),
                user_keyrings: UserKeyrings::new(),
                work <- Work::new(),
                gone <- Gone::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        // SAFETY: The value stays where it is until `free`.
        let jail = KBox::into_raw(unsafe { Pin::into_inner_unchecked(jail) });
        // SAFETY: It comes from a box, and with one reference.
        Ok(unsafe { ARef::from_raw(NonNull::new_unchecked(jail)) })
    }

    /// Takes a reference, unless the last one is gone.
    pub(crate) fn try_get(&self) -> Option<ARef<Self>> {
        // SAFETY: The count is initialised, and valid as the jail is.
        if !unsafe { bindings::jaula_refcount_inc_not_zero(self.references.get()) } {
            return None;
        }
        // SAFETY: The reference has just been taken.
        Some(unsafe { ARef::from_raw(NonNull::from(self)) })
    }

    /// Returns the jail's number, which is never [`policy::HOST`].
    pub(crate) fn number(&self) -> u32 {
        self.number.get()
    }

    /// Returns the jail that this one is in, [`None`] for the host.
    pub(crate) fn parent(&self) -> Option<&Jail> {
        self.parent.as_deref()
    }

    /// Returns how often something of this jail may be logged. Jails beside each other can't keep
    /// each other's refusals out of the log; those within one share its rate, so that a jail gets no
    /// more by making jails.
    pub(crate) fn ratelimit(&self) -> &Ratelimit {
        let mut outermost = self;
        while let Some(parent) = outermost.parent() {
            outermost = parent;
        }
        &outermost.ratelimit
    }

    /// Tells whether a task of this jail may do something: the jail and all that it is in must be
    /// allowed to.
    pub(crate) fn is_allowed(&self, permission: Permission) -> bool {
        self.lineage()
            .all(|jail| jail.own_allowance().has(permission))
    }

    /// Returns what tasks of this jail may do.
    pub(crate) fn allowance(&self) -> Allowance {
        self.lineage().fold(Allowance::ALL, |allowance, jail| {
            allowance.and(jail.own_allowance())
        })
    }

    /// Returns what this jail was allowed, whatever those that it is in have.
    pub(crate) fn own_allowance(&self) -> Allowance {
        // Nothing is published through these: the order of other accesses does not matter.
        let [low, high] = &self.allowance;
        Allowance::from_halves([low.load(Ordering::Relaxed), high.load(Ordering::Relaxed)])
    }

    /// Allows this jail something, and no longer anything else. The caller must see to it that nobody
    /// else does so at the same time.
    pub(crate) fn set_allowance(&self, allowance: Allowance) {
        for (place, half) in self.allowance.iter().zip(allowance.halves()) {
            place.store(half, Ordering::Relaxed);
        }
    }

    /// Counts something that was refused to a task of this jail. May be called in any context.
    pub(crate) fn count_refusal(&self, class: Class) {
        self.refusals[class as usize].increment();
    }

    /// Returns how often something was refused.
    pub(crate) fn refusals(&self, class: Class) -> u64 {
        self.refusals[class as usize].get()
    }

    /// Returns this jail and those that it is in, innermost first.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &Jail> {
        core::iter::successors(Some(self), |jail| jail.parent())
    }

    /// Tells whether this is another jail, or in it at any depth.
    pub(crate) fn is_within(&self, other: &Jail) -> bool {
        self.lineage().any(|jail| core::ptr::eq(jail, other))
    }

    /// Returns the numbers of the jails that this one is in, innermost first, the host last.
    fn ancestors(&self) -> impl Iterator<Item = u32> + '_ {
        core::iter::successors(Some(self.parent()), |jail| jail.map(Jail::parent)).map(number_of)
    }
}

/// Returns what tasks of a jail may do, where [`None`] is the host.
pub(crate) fn allowance_of(jail: Option<&Jail>) -> Allowance {
    jail.map_or(Allowance::ALL, Jail::allowance)
}

/// Returns the number of a jail, where [`None`] is the host.
pub(crate) fn number_of(jail: Option<&Jail>) -> u32 {
    jail.map_or(policy::HOST, Jail::number)
}

/// Tells how the jail `subject` stands to the jail `object`, where [`None`] is the host.
///
/// Out of line: it is asked in many places, and seldom, since what is within one jail is decided before.
#[inline(never)]
pub(crate) fn relation(subject: Option<&Jail>, object: Option<&Jail>) -> Relation {
    Relation::between(
        number_of(subject),
        number_of(object),
        object.into_iter().flat_map(Jail::ancestors),
    )
}
