// SPDX-License-Identifier: GPL-2.0-only

//! How a jail is destroyed: a work item of its own has the jails in it destroyed, kills its tasks and
//! removes its IPC objects, in as many rounds as it takes, whoever waits for it or no longer does.
//!
//! Nothing can come in while it does: a dying jail takes in no tasks, objects or jails. What leaves
//! begins the next round where there is one to begin: see [`crate::members::Members::next_step`].

use crate::{exported::exported, ipc, jail::Jail, members::State, mqueue, task, tree};
use core::{mem::offset_of, ptr, ptr::NonNull};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::{ARef, AlwaysRefCounted, Opaque},
};

exported!(jaula_destroy_work);

/// How many rounds there are in a second while tasks are left. A task that is killed leaves by
/// itself, and nearly always before the next one: it is for those that a debugger makes stop on
/// their way out.
const ROUNDS_A_SECOND: u32 = 10;

/// The work item of a jail. Each time that it is queued it has a reference to the jail.
#[repr(transparent)]
pub(crate) struct Work(Opaque<bindings::delayed_work>);

impl Work {
    /// Makes a work item that is not queued.
    pub(crate) fn new() -> impl PinInit<Self> {
        // SAFETY: The function initialises the whole structure at the place it is given.
        unsafe {
            kernel::init::pin_init_from_closure(|slot: *mut Self| {
                bindings::jaula_work_init(slot.cast());
                Ok::<(), core::convert::Infallible>(())
            })
        }
    }
}

/// What those wait for who wait for the end of a jail, in a call or by polling.
#[repr(transparent)]
pub(crate) struct Gone(Opaque<bindings::jaula_end>);

impl Gone {
    /// Makes one for a jail that has not ended.
    pub(crate) fn new() -> impl PinInit<Self> {
        // SAFETY: The function initialises the whole structure at the place it is given.
        unsafe {
            kernel::init::pin_init_from_closure(|slot: *mut Self| {
                bindings::jaula_end_init(slot.cast());
                Ok::<(), core::convert::Infallible>(())
            })
        }
    }

    /// Wakes all who wait, and all who ever will.
    pub(crate) fn announce(&self) {
        // SAFETY: Initialised in `new`.
        unsafe { bindings::jaula_end_announce(self.0.get()) };
    }

    /// Tells whether all have been woken.
    pub(crate) fn has_been_announced(&self) -> bool {
        // SAFETY: Initialised in `new`.
        unsafe { bindings::completion_done(&raw mut (*self.0.get()).done) }
    }

    /// Returns the queue of those who poll.
    pub(crate) fn pollers(&self) -> *mut bindings::wait_queue_head {
        // SAFETY: Only the place is taken, of a structure that is part of this value.
        unsafe { &raw mut (*self.0.get()).pollers }
    }

    /// Waits until the jail is gone.
    ///
    /// # Errors
    ///
    /// `EINTR` when a signal came.
    pub(crate) fn wait(&self) -> Result {
        // SAFETY: Only the place is taken, of a structure that is part of this value.
        let done = unsafe { &raw mut (*self.0.get()).done };

        // SAFETY: Initialised in `new`; called in process context with no lock held.
        to_result(unsafe { bindings::wait_for_completion_interruptible(done) }).map_err(|_| EINTR)
    }
}

impl Jail {
    /// Has the work begin a round now, or after the one that is running. May be called in any
    /// context.
    pub(crate) fn begin_work(&self) {
        self.queue(0);
    }

    fn queue(&self, rounds_a_second: u32) {
        self.inc_ref();
        // SAFETY: Initialised in `Work::new`, and the jail lives as long as it is queued.
        if !unsafe { bindings::jaula_work_queue(self.work.0.get(), rounds_a_second) } {
            // It is queued already, and has its reference.
            // SAFETY: The reference was taken above, and the caller has one.
            unsafe { Jail::dec_ref(NonNull::from(self)) };
        }
    }
}

/// Does one round. Called by a workqueue, in process context; may sleep.
///
/// # Safety
///
/// `work` must be the work item of a jail, with a reference to it that is the callee's.
#[no_mangle]
unsafe extern "C" fn jaula_destroy_work(work: *mut bindings::delayed_work) {
    // SAFETY: By the requirements of this function. `Work` is transparent.
    let jail = unsafe { work.byte_sub(offset_of!(Jail, work)).cast::<Jail>() };
    // SAFETY: By the requirements of this function.
    let jail: ARef<Jail> = unsafe { ARef::from_raw(NonNull::new_unchecked(jail)) };

    if jail.members.lock().state != State::Dying {
        return;
    }
    doom_children(&jail);
    kill_tasks(&jail);
    remove_objects(&jail);
    remove_queues(&jail);

    let members = jail.members.lock();
    let (over, tasks_left) = (members.is_over(), members.has_tasks());
    drop(members);

    if over {
        tree::bury(&jail);
    } else if tasks_left {
        jail.queue(ROUNDS_A_SECOND);
    }
    // Otherwise jails or attached segments are left, which come back to us when they leave.
}

/// Begins to destroy the jails that are directly within one.
fn doom_children(jail: &Jail) {
    let pass = {
        let mut members = jail.members.lock();
        if members.has_doomed_children {
            return;
        }
        members.has_doomed_children = true;
        members.next_pass()
    };

    while tree::doom_next_child(jail, pass) {
        task::breathe();
    }
}

/// Kills every task of a jail.
fn kill_tasks(jail: &Jail) {
    let pass = {
        let mut members = jail.members.lock();
        members.saw_new_task = false;
        members.next_pass()
    };

    loop {
        let task = {
            let mut members = jail.members.lock();
            let Some(task) = members.tasks.next_unseen(pass) else {
                return;
            };
            // SAFETY: A task that is on the list has not been freed.
            match unsafe { task::Victim::new(task) } {
                Some(victim) => victim,
                None => {
                    // Its maker is on the list as well, dies, and has us called again.
                    members.saw_new_task = true;
                    continue;
                }
            }
        };
        // With no lock of ours held: signals have locks of their own.
        task.kill();
        task::breathe();
    }
}

/// Removes every IPC object of a jail that no tasks and no jails are left in.
fn remove_objects(jail: &Jail) {
    let pass = {
        let mut members = jail.members.lock();
        if !members.is_deserted() {
            return;
        }
        members.next_pass()
    };

    loop {
        let object = {
            let mut members = jail.members.lock();
            let Some(object) = members.objects.next_unseen(pass) else {
                return;
            };
            // SAFETY: An object that is on the list is in the table of its namespace.
            unsafe { ipc::Leftover::new(object) }
        };
        // One whose namespace is being torn down goes with it.
        if let Some(object) = object {
            object.remove(jail);
        }
        task::breathe();
    }
}

/// Removes every message queue of POSIX of a jail that no tasks and no jails are left in.
fn remove_queues(jail: &Jail) {
    {
        let members = jail.members.lock();
        if !members.is_deserted() || !members.has_queues {
            return;
        }
    }
    mqueue::remove(jail);
    // Not before: the jail must not be dead while there is one. Nobody makes one any more.
    jail.members.lock().has_queues = false;
}

/// Tells whether an IPC object is one of this jail.
///
/// # Safety
///
/// `ipcp` must be an object that was found under RCU, `jail` a jail.
pub(crate) unsafe extern "C" fn belongs_to(
    ipcp: *mut bindings::kern_ipc_perm,
    jail: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: By the requirements of this function.
    let object = unsafe { ipc::Object::from_raw(ipcp) };

    object
        .jail()
        .is_some_and(|owner| ptr::eq(ptr::from_ref(owner).cast(), jail))
}
