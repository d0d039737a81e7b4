// SPDX-License-Identifier: GPL-2.0-only

//! Tasks: the subjects of the policy, and the members of jails.

use crate::{
    jail::Jail,
    list::Node,
    tag::{in_blob, Tag},
};
use core::{cell::UnsafeCell, fmt, marker::PhantomData, mem::size_of, ptr};
use kernel::{bindings, prelude::*, types::ARef};

/// What this module keeps in the blob of a task. Zeroed memory is a valid value.
#[repr(C)]
struct Blob {
    tag: Tag,
    /// On the list of the task's jail until the task has exited. Guarded by the lock of the jail's
    /// members, but for whether it is linked, which only the task's maker and the task itself
    /// change.
    node: UnsafeCell<Node<bindings::task_struct>>,
}

const _: () = assert!(size_of::<Blob>() == size_of::<bindings::jaula_task_blob>());

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
    pub(crate) fn jail(&self) -> Option<&Jail> {
        self.tag().jail()
    }

    /// Makes the task a member of `jail`, in which there is room for it, for good. The reference to
    /// the jail that it was in is dropped.
    ///
    /// The task must not hold anything more of its old jail: see [`Self::leave_sysv_ipc`].
    pub(crate) fn enter(self, jail: ARef<Jail>) {
        // SAFETY: The current task is valid.
        let blob = unsafe { blob_of(self.task) };
        let old = blob.tag.jail().map(ARef::from);

        if let Some(old) = &old {
            // SAFETY: A task that runs is on the list of its jail.
            unsafe { old.remove_task(blob.node.get()) };
        }
        // SAFETY: It is the task's node, is on no list now, and is removed when the task exits.
        unsafe { jail.link_task(blob.node.get(), self.task) };
        // SAFETY: Borrows of the old jail are made from a `Subject`; there is no other than this
        // one, which is consumed here, so that none is left. Only the task itself writes.
        unsafe { blob.tag.set(Some(jail)) };
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
    /// it and still stands for the process. The first process of all counts as none: it stays on the
    /// host.
    pub(crate) fn is_whole_process(&self) -> bool {
        // SAFETY: Both functions are given, or ask about, the current task, which `self` is.
        unsafe {
            bindings::jaula_leads_process(self.task) && bindings::current_is_single_threaded()
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
    // SAFETY: By the requirements of this function.
    unsafe { &blob_of(task).tag }
}

/// # Safety
///
/// `task` must be valid for `'a`, and have a blob.
#[inline(always)]
unsafe fn blob_of<'a>(task: *mut bindings::task_struct) -> &'a Blob {
    // SAFETY: By the requirements of this function for the task. The place was given to this
    // module before the first hook was called and is constant since, and of the size of a `Blob`.
    unsafe { in_blob((*task).security, bindings::jaula_blob_sizes.lbs_task) }
}

/// Takes a task that is being made into the jail of its maker.
///
/// # Errors
///
/// `EAGAIN`, see [`Jail::admit_task`].
///
/// # Safety
///
/// `task` must be a task in the making, with a blob, and `maker` the current one.
#[inline(always)]
pub(crate) unsafe fn admit(task: *mut bindings::task_struct, maker: &Subject) -> Result {
    let Some(jail) = maker.jail() else {
        return Ok(());
    };
    // SAFETY: By the requirements of this function.
    unsafe { admit_to(jail, task, maker.tag()) }
}

/// # Safety
///
/// As for [`admit`]; `jail` must be the one that `tag` names.
#[inline(never)]
unsafe fn admit_to(jail: &Jail, task: *mut bindings::task_struct, tag: &Tag) -> Result {
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(task) };

    // SAFETY: It is the task's node, and is removed when the task exits or its making fails.
    unsafe { jail.admit_task(blob.node.get(), task)? };
    // SAFETY: Nobody looks at the tag of a task that is being made.
    unsafe { blob.tag.inherit(tag) };
    Ok(())
}

/// Takes a task that has exited, or that could not be made, from its jail, which its tag goes on
/// naming. Does nothing the second time.
///
/// # Safety
///
/// `task` must be the current one, or one that nobody else knows of, and have a blob.
#[inline(always)]
pub(crate) unsafe fn remove(task: *mut bindings::task_struct) {
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(task) };
    let Some(jail) = blob.tag.jail() else {
        return;
    };

    // SAFETY: Whether it is linked is up to the caller, by the requirements of this function.
    if unsafe { Node::is_linked(blob.node.get()) } {
        // SAFETY: It is on the list of the task's jail, to which the tag is a reference.
        unsafe { jail.remove_task(blob.node.get()) };
    }
}

/// A task that is going to be killed.
///
/// # Invariants
///
/// The value has a reference to the task, which has been woken for the first time.
pub(crate) struct Victim(*mut bindings::task_struct);

impl Victim {
    /// Takes a task to be killed. [`None`] when it is still being made.
    ///
    /// # Safety
    ///
    /// `task` must be on the list of its jail, and the caller must hold the lock of that jail's
    /// members.
    pub(crate) unsafe fn new(task: *mut bindings::task_struct) -> Option<Self> {
        // SAFETY: By the requirements of this function the task has not been freed; its state may
        // be changing: hence the volatile read.
        let state = unsafe { ptr::read_volatile(ptr::addr_of!((*task).__state)) };
        if state & bindings::TASK_NEW != 0 {
            return None;
        }
        // SAFETY: A task that has been woken has references until it has exited, when it has left
        // the list.
        unsafe { bindings::get_task_struct(task) };
        // INVARIANT: The reference has just been taken.
        Some(Self(task))
    }

    /// Kills the task, and the process that it is a thread of. It may be dead already.
    pub(crate) fn kill(&self) {
        // SAFETY: By the type invariant. No lock is held.
        unsafe { bindings::jaula_kill(self.0) };
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::put_task_struct(self.0) };
    }
}

/// Lets other tasks run, in the middle of something long. May sleep.
pub(crate) fn breathe() {
    // SAFETY: Called in process context with no lock held.
    unsafe { bindings::jaula_cond_resched() };
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
