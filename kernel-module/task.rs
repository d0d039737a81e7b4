// SPDX-License-Identifier: GPL-2.0-only

//! Tasks: the subjects of the policy, and the members of jails.

use crate::{
    allowance::Permission,
    capability, credentials,
    identity::Identity,
    jail::{relation, Jail},
    list::Node,
    policy::{self, Access, Class},
    rcu,
    refusal::{self, Target},
    tag::{in_blob, Tag},
};
use core::{cell::UnsafeCell, marker::PhantomData, mem::size_of, ptr};
use kernel::{bindings, c_str, prelude::*, types::ARef};

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

    /// Makes the task a member of `jail`, in which there is room for it, for good. The reference to the
    /// jail that it was in is dropped.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` when a child has made the task its tracer since it was looked at: then the task stays
    /// where it is, and the room is given back.
    pub(crate) fn enter(self, jail: ARef<Jail>) -> Result {
        // SAFETY: The current task is valid.
        let blob = unsafe { blob_of(self.task) };
        let old = blob.tag.jail().map(ARef::from);

        if let Err(error) = self.change_tag(&jail) {
            jail.cancel_task();
            return Err(error);
        }
        self.leave_sysv_ipc();
        if let Some(old) = &old {
            // SAFETY: A task that runs is on the list of the jail that it was in.
            unsafe { old.forget_task(blob.node.get()) };
        }
        // SAFETY: It is the task's node, is on no list now, and is removed when the task exits.
        unsafe { jail.link_task(blob.node.get(), self.task) };
        Ok(())
    }

    /// Has the task's tag name `jail`, unless the task traces somebody. Whoever wants to be traced by it
    /// asks with the list of all tasks locked, and finds the new tag or is found here.
    fn change_tag(&self, jail: &ARef<Jail>) -> Result {
        // SAFETY: No lock is held.
        unsafe { bindings::jaula_lock_tasks() };
        // SAFETY: The current task is valid, and the list is locked.
        let is_tracer = unsafe { bindings::jaula_is_tracer(self.task) };
        if !is_tracer {
            // SAFETY: Only the task itself writes, and nobody has borrowed from the old tag: `self` is
            // the only one to borrow from, and did not.
            unsafe { self.tag().set(Some(jail.clone())) };
        }
        // SAFETY: It was locked above.
        unsafe { bindings::jaula_unlock_tasks() };

        if is_tracer {
            Err(EINVAL)
        } else {
            Ok(())
        }
    }

    /// Settles what the task holds of System V IPC, as `unshare(CLONE_NEWIPC)` does: its list of
    /// semaphore adjustments is applied and dropped, and it stops being the creator of shared
    /// memory segments, which destroys them where `kernel.shm_rmid_forced` says so.
    ///
    /// May sleep.
    fn leave_sysv_ipc(&self) {
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

    /// Tells whether the task is all there is of its process, and reaches into no other: no other
    /// thread, no other process that shares its memory (`CLONE_VM`) or its root (`CLONE_FS`), none
    /// that it traces, and no leader of its thread group that has ended before it and still stands for
    /// the process. The first process of all counts as none: it stays on the host.
    pub(crate) fn is_whole_process(&self) -> bool {
        // SAFETY: Both functions are given, or ask about, the current task, which `self` is.
        unsafe {
            bindings::jaula_is_whole_process(self.task) && bindings::current_is_single_threaded()
        }
    }

    /// Returns the task's parent.
    pub(crate) fn parent<'a>(&self, rcu: &'a rcu::Guard) -> OtherTask<'a> {
        // SAFETY: The current task is valid, and its parent for as long as the guard is there.
        unsafe { OtherTask::from_raw(bindings::jaula_parent_of(self.task), rcu) }
    }
}

/// Another task than the current one, perhaps, that may go away any time.
///
/// # Invariants
///
/// The task is valid for `'a`.
pub(crate) struct OtherTask<'a>(*mut bindings::task_struct, &'a rcu::Guard);

impl<'a> OtherTask<'a> {
    /// # Safety
    ///
    /// `task` must be valid for as long as the guard is there.
    pub(crate) unsafe fn from_raw(task: *mut bindings::task_struct, rcu: &'a rcu::Guard) -> Self {
        // INVARIANT: By the requirements of this function.
        Self(task, rcu)
    }

    /// Returns the task's jail as it is at this moment, [`None`] for the host.
    pub(crate) fn jail(&self) -> Option<&'a Jail> {
        // SAFETY: By the type invariant. The tag is read as that of another task.
        unsafe { tag_of(self.0) }.jail_of_other(self.1)
    }

    /// Returns the task's own credentials, not null, as they are at this moment.
    pub(crate) fn cred(&self) -> *const bindings::cred {
        // SAFETY: By the type invariant. The credentials stay for as long as the guard does.
        unsafe { bindings::jaula_task_cred(self.0) }
    }

    /// Tells whether the task is in the session of the current one, or has been waited for.
    pub(crate) fn is_in_session_of_current(&self) -> bool {
        // SAFETY: By the type invariant, and under RCU.
        unsafe { bindings::jaula_is_in_session_of_current(self.0) }
    }

    /// Returns what is told of the task when it was not to be reached.
    #[inline(never)]
    pub(crate) fn target(&self) -> Target {
        // SAFETY: By the type invariant; the number is not written while the task is valid.
        let pid = unsafe { (*self.0).pid };
        Target::of(c_str!("process"), Identity::of(self.jail())).with_id(pid)
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
/// `EAGAIN`, see [`Jail::admit_task`]; `EPERM`, see [`check_adopts`] and [`check_chooses_group`].
///
/// # Safety
///
/// `task` must be a task in the making, with a blob, and `maker` the current one.
#[inline(always)]
pub(crate) unsafe fn admit(
    task: *mut bindings::task_struct,
    maker: &Subject,
    clone_flags: u64,
) -> Result {
    let Some(jail) = maker.jail() else {
        return Ok(());
    };
    // SAFETY: By the requirements of this function.
    unsafe { admit_to(jail, task, maker, clone_flags) }
}

/// # Safety
///
/// As for [`admit`]; `jail` must be the maker's.
#[inline(never)]
unsafe fn admit_to(
    jail: &Jail,
    task: *mut bindings::task_struct,
    maker: &Subject,
    clone_flags: u64,
) -> Result {
    const SIBLING: u64 = bindings::CLONE_PARENT as u64;
    const THREAD: u64 = bindings::CLONE_THREAD as u64;

    if clone_flags & (SIBLING | THREAD) == SIBLING {
        check_adopts(maker)?;
    }
    if clone_flags & bindings::CLONE_INTO_CGROUP != 0 {
        check_chooses_group(maker)?;
    }
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(task) };

    // SAFETY: It is the task's node, and is removed when the task exits or its making fails.
    unsafe { jail.admit_task(blob.node.get(), task)? };
    // SAFETY: Nobody looks at the tag of a task that is being made.
    unsafe { blob.tag.inherit(maker.tag()) };
    // SAFETY: As above.
    unsafe { credentials::bind_child(task, &blob.tag, clone_flags) };
    Ok(())
}

/// Decides whether a task may make a child for its own parent.
///
/// # Errors
///
/// `EPERM` where the parent is outside: it would get a child that it knows nothing of.
fn check_adopts(maker: &Subject) -> Result {
    let rcu = rcu::Guard::new();
    let parent = maker.parent(&rcu);

    match policy::decide(relation(maker.jail(), parent.jail()), Access::AskSchedule).refusal() {
        Some(_) => {
            refusal::report(maker, Class::Sched, c_str!("clone"), &parent.target());
            Err(EPERM)
        }
        None => Ok(()),
    }
}

/// Decides whether a task may put a child into the control group of a descriptor. Nobody has looked at that
/// descriptor: it may be of a directory that was not opened, of a mount that is read-only.
///
/// # Errors
///
/// `EPERM` without the permission to write to what controls the kernel.
fn check_chooses_group(maker: &Subject) -> Result {
    // SAFETY: A subject is the current task.
    if unsafe { capability::is_allowed(maker.task, Permission::SYSCTL) } {
        return Ok(());
    }
    let target = Target::of(c_str!("control group"), Identity::HOST);
    refusal::report(maker, Class::Proc, c_str!("clone"), &target);
    Err(EPERM)
}

/// Takes a task that has exited from the list of its jail, which its tag goes on naming. Against the limit
/// it counts until [`release`], which may have been before.
///
/// # Safety
///
/// `task` must be the current one, and have a blob.
#[inline(always)]
pub(crate) unsafe fn remove(task: *mut bindings::task_struct) {
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(task) };
    let Some(jail) = blob.tag.jail() else {
        return;
    };

    // SAFETY: A task that runs is on the list of its jail, to which the tag is a reference.
    unsafe { jail.remove_task(blob.node.get()) };
}

/// Has a task count no longer against the limit of its jail: it is about to lose its number. It may still
/// be on the list, on its way to [`remove`].
///
/// # Safety
///
/// `task` must be valid, have a blob, and be on its way out: this is called once for each.
#[inline(always)]
pub(crate) unsafe fn release(task: *mut bindings::task_struct) {
    // SAFETY: By the requirements of this function. A task that is on its way out enters no jail any more,
    // and its tag has its reference until it is freed.
    if let Some(jail) = unsafe { tag_of(task) }.jail() {
        jail.release_task();
    }
}

/// Takes a task that could not be made from its jail. Does nothing to one that was made.
///
/// # Safety
///
/// Nobody else may know of `task`, which must have a blob.
#[inline(always)]
pub(crate) unsafe fn forget(task: *mut bindings::task_struct) {
    // SAFETY: By the requirements of this function.
    let blob = unsafe { blob_of(task) };
    let Some(jail) = blob.tag.jail() else {
        return;
    };

    // SAFETY: Nobody else has to do with the node, by the requirements of this function.
    if unsafe { Node::is_linked(blob.node.get()) } {
        // SAFETY: It is on the list of the task's jail, to which the tag is a reference.
        unsafe { jail.forget_task(blob.node.get()) };
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
