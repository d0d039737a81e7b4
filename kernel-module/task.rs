// SPDX-License-Identifier: GPL-2.0-only

//! Tasks: the subjects of the policy.

use crate::{jail::Jail, tag::Tag};
use core::{fmt, marker::PhantomData, ptr};
use kernel::{
    bindings,
    sync::{Arc, ArcBorrow},
};

/// The task that runs, as the one that wants something.
///
/// A plain pointer to those who pass it on.
///
/// # Invariants
///
/// `task` is the current task, and no other `Subject` of it is in use.
#[repr(transparent)]
pub(crate) struct Subject {
    task: *mut bindings::task_struct,
    _not_send: PhantomData<*mut ()>,
}

impl Subject {
    /// Makes a subject of the current task.
    ///
    /// # Safety
    ///
    /// `task` must be the current task. The caller must make no second `Subject` while it has this
    /// one, and not keep it beyond the call into this module in which it was made.
    #[inline(always)]
    pub(crate) unsafe fn from_current(task: *mut bindings::task_struct) -> Self {
        // INVARIANT: By the requirements of this function.
        Self {
            task,
            _not_send: PhantomData,
        }
    }

    /// Returns the task's tag.
    #[inline(always)]
    pub(crate) fn tag(&self) -> &Tag {
        // SAFETY: The current task is valid as long as it runs, and so is its blob. It reads and
        // writes its own tag only. `tag_of` is the place of the tag in that kind of blob.
        unsafe { tag_of(self.task) }
    }

    /// Returns the task's jail, [`None`] for the host.
    pub(crate) fn jail(&self) -> Option<ArcBorrow<'_, Jail>> {
        self.tag().jail()
    }

    /// Makes the task a member of `jail`, for good. The reference to the jail that it was in is
    /// dropped.
    ///
    /// The task must not hold anything more of its old jail: see [`Self::leave_sysv_ipc`].
    pub(crate) fn enter(self, jail: Arc<Jail>) {
        // SAFETY: Borrows of the old jail are made from a `Subject`; there is no other than this
        // one, which is consumed here, so that none is left.
        unsafe { self.tag().set(Some(jail)) };
    }

    /// Settles what the task holds of System V IPC, as `unshare(CLONE_NEWIPC)` does: its list of
    /// semaphore adjustments is applied and dropped, and it stops being the creator of shared
    /// memory segments, which destroys them where `kernel.shm_rmid_forced` says so.
    ///
    /// May sleep.
    pub(crate) fn leave_sysv_ipc(&self) {
        // SAFETY: The task is the current one and holds none of the locks of System V IPC, as
        // `exit_sem` and `exit_shm` want it; after `exit_shm` its list may be made new.
        unsafe {
            bindings::exit_sem(self.task);
            bindings::exit_shm(self.task);
            bindings::jaula_shm_init_task(self.task);
        }
    }

    /// Tells whether the task has a capability over the initial user namespace.
    pub(crate) fn is_capable(&self, capability: u32) -> bool {
        // SAFETY: The function asks about the current task, which `self` is; any number will do.
        unsafe { bindings::capable(capability as _) }
    }

    /// Tells whether the task is all there is of its process: no other thread, no other process
    /// that shares its memory (`CLONE_VM`), and no leader of its thread group that has ended before
    /// it and still stands for the process.
    pub(crate) fn is_whole_process(&self) -> bool {
        // SAFETY: Both functions are given, or ask about, the current task, which `self` is.
        unsafe {
            bindings::jaula_thread_group_leader(self.task) && bindings::current_is_single_threaded()
        }
    }

    /// Returns the task's identifier in the initial PID namespace.
    pub(crate) fn pid(&self) -> i32 {
        // SAFETY: The current task is valid; its identifier is not written while it runs.
        unsafe { (*self.task).pid }
    }

    /// Returns the task's name.
    pub(crate) fn comm(&self) -> Comm {
        // SAFETY: The current task is valid. Another thread may be writing the name, which then
        // comes out mixed, as it does everywhere in the kernel: hence the volatile read.
        Comm(unsafe { ptr::read_volatile(ptr::addr_of!((*self.task).comm).cast()) })
    }
}

/// Finds the tag of a task.
///
/// # Safety
///
/// `task` must be valid for `'a`, and have a blob. Accesses must follow the table in [`crate::tag`].
#[inline(always)]
pub(crate) unsafe fn tag_of<'a>(task: *mut bindings::task_struct) -> &'a Tag {
    // SAFETY: By the requirements of this function for the task. The place was given to this
    // module before the first hook was called and is constant since.
    unsafe { Tag::at((*task).security, bindings::jaula_blob_sizes.lbs_task) }
}

/// The name of a task. It is what the task wants it to be: printing it escapes what could pass for
/// something else in a log.
pub(crate) struct Comm([u8; bindings::TASK_COMM_LEN as usize]);

impl fmt::Display for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take_while(|byte| **byte != 0)
            .try_for_each(|byte| write!(f, "{}", byte.escape_ascii()))
    }
}
