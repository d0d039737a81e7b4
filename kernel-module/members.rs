// SPDX-License-Identifier: GPL-2.0-only

//! What is in a jail: its tasks and IPC objects, how many there are and how many there may be.
//!
//! A task is on the list from when it is made until it has exited, and counts against the limit until it
//! has been waited for: a jail ends without those that wait for nothing but that, and does not fill the
//! table of processes with them. An IPC object is on the list while it is in the table of its namespace.
//! Tags outlive all of it.

use crate::{
    jail::Jail,
    list::{List, Node},
    policy::{self, Resource},
    refusal, sysv_call, tree,
};
use kernel::{
    bindings::{kern_ipc_perm, task_struct},
    prelude::*,
    sync::lock::{spinlock::SpinLockBackend, Guard},
};

/// How far a jail has come. It never goes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It takes in new tasks, objects and jails.
    Alive,
    /// It is being destroyed, and takes in nothing.
    Dying,
    /// Nothing is in it, and nothing will be. Its number no longer names it.
    Dead,
}

/// What there is of one resource.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) used: u64,
    pub(crate) max: u64,
    pub(crate) refused: u64,
}

impl Account {
    /// Counts that somebody did not get any.
    pub(crate) fn count_refusal(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }
}

/// What has to be done about a jail that something has left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// The work that destroys it has more to do.
    Work,
    /// Nothing is left of it.
    Bury,
}

/// The members of one jail. The lock around this value is the one that guards the lists.
pub(crate) struct Members {
    pub(crate) state: State,
    /// Keeps a jail that nothing is in.
    pub(crate) persist: bool,
    /// Somebody has a descriptor that owns the jail, which keeps it as well.
    owned: bool,
    /// What has not exited.
    pub(crate) tasks: List<task_struct>,
    /// How many tasks are on the list, or about to come.
    running: usize,
    /// The jail has made message queues of POSIX.
    pub(crate) has_queues: bool,
    pub(crate) objects: List<kern_ipc_perm>,
    accounts: [Account; Resource::COUNT],
    pass: usize,
    /// The last walk has met a task that was still being made.
    pub(crate) saw_new_task: bool,
    /// The jails within have been told that they end. No more can come.
    pub(crate) has_doomed_children: bool,
}

impl Members {
    /// Makes the members of a new jail within `parent`: with room for the task that makes it, or owned by
    /// one that stays outside.
    ///
    /// It has the limits of its parent, or else a bounded jail would have a way around them.
    pub(crate) fn new(parent: Option<&Jail>, owned: bool) -> Self {
        let limits = parent.map(|parent| parent.members.lock().limits());
        let mut accounts = Resource::ALL.map(|resource| Account {
            used: 0,
            max: match (resource, &limits) {
                (Resource::Children, _) | (_, None) => resource.default_limit(),
                (_, Some(limits)) => limits[resource as usize],
            },
            refused: 0,
        });
        let tasks = usize::from(!owned);
        accounts[Resource::Tasks as usize].used = tasks as u64;

        Self {
            state: State::Alive,
            persist: false,
            owned,
            tasks: List::new(),
            running: tasks,
            has_queues: false,
            objects: List::new(),
            accounts,
            pass: 0,
            saw_new_task: false,
            has_doomed_children: false,
        }
    }

    /// Returns what there is of a resource.
    pub(crate) fn account(&mut self, resource: Resource) -> &mut Account {
        &mut self.accounts[resource as usize]
    }

    /// Returns how much there may be of each resource.
    pub(crate) fn limits(&self) -> [u64; Resource::COUNT] {
        self.accounts.map(|account| account.max)
    }

    /// Takes `amount` of a resource, where the jail may have that much more.
    pub(crate) fn take(&mut self, resource: Resource, amount: u64) -> Result {
        let alive = self.state == State::Alive;
        let account = self.account(resource);

        if !alive || !policy::fits(account.used, amount, account.max) {
            account.count_refusal();
            return Err(EAGAIN);
        }
        account.used += amount;
        Ok(())
    }

    /// Gives `amount` of a resource back.
    pub(crate) fn give_back(&mut self, resource: Resource, amount: u64) {
        self.account(resource).used -= amount;
    }

    /// Returns the number of a new walk over a list, see [`List::next_unseen`].
    pub(crate) fn next_pass(&mut self) -> usize {
        self.pass = self.pass.wrapping_add(1).max(1);
        self.pass
    }

    /// Makes room for a task.
    fn take_task(&mut self) -> Result {
        self.take(Resource::Tasks, 1)?;
        self.running += 1;
        Ok(())
    }

    /// Tells whether neither tasks nor jails are left.
    pub(crate) fn is_deserted(&self) -> bool {
        !self.has_tasks() && self.accounts[Resource::Children as usize].used == 0
    }

    /// Returns how many tasks have not exited, or are about to come.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Tells whether tasks are left that have not exited, or are about to come.
    pub(crate) fn has_tasks(&self) -> bool {
        self.running != 0
    }

    /// Tells whether nothing is left, and nothing keeps the jail.
    pub(crate) fn is_over(&self) -> bool {
        let is_kept = self.persist || self.owned && self.state == State::Alive;

        self.state != State::Dead && self.is_deserted() && self.objects.is_empty() && !is_kept
    }

    /// Has the work remove what can be removed by it alone, before the jail is dead. Tells whether there
    /// is such a thing.
    pub(crate) fn clears_up(&mut self) -> bool {
        if self.has_queues {
            self.state = State::Dying;
        }
        self.has_queues
    }

    /// Says what has to be done now that something has left.
    pub(crate) fn next_step(&mut self) -> Step {
        if self.is_over() {
            if self.clears_up() {
                Step::Work
            } else {
                Step::Bury
            }
        } else if self.state == State::Dying && (self.is_deserted() || self.saw_new_task) {
            self.saw_new_task = false;
            Step::Work
        } else {
            Step::Nothing
        }
    }
}

impl Jail {
    /// Makes room for a jail within this one.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the jail is dying or has as many as it may.
    pub(crate) fn take_child(&self) -> Result {
        let mut members = self.members.lock();

        let taken = members.take(Resource::Children, 1);
        if taken.is_err() {
            self.refuse(members, Resource::Children);
        }
        taken
    }

    /// Makes room for a task that is about to enter. It has to come: see [`Self::link_task`].
    ///
    /// # Errors
    ///
    /// `ESRCH` when the jail is dying or dead, `EAGAIN` when it has as many tasks as it may.
    pub(crate) fn reserve_task(&self) -> Result {
        let mut members = self.members.lock();

        if members.state != State::Alive {
            return Err(ESRCH);
        }
        let taken = members.take_task();
        drop(members);
        taken.inspect_err(|_| refusal::report_limit(self, Resource::Tasks))
    }

    /// Gives back the room that was made for a task which does not come.
    pub(crate) fn cancel_task(&self) {
        let mut members = self.members.lock();

        members.give_back(Resource::Tasks, 1);
        members.running -= 1;
        let step = members.next_step();
        drop(members);
        self.follow(step);
    }

    /// Puts a task for which room was made on the list.
    ///
    /// # Safety
    ///
    /// `node` must be that of `task`, and on no list; it must be removed before the task is freed.
    pub(crate) unsafe fn link_task(&self, node: *mut Node<task_struct>, task: *mut task_struct) {
        let mut members = self.members.lock();

        // SAFETY: By the requirements of this function.
        unsafe { members.tasks.push(node, task) };
        let dying = members.state == State::Dying;
        drop(members);

        if dying {
            self.begin_work();
        }
    }

    /// Takes in a task that is being made.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the jail is dying or has as many tasks as it may.
    ///
    /// # Safety
    ///
    /// As for [`Self::link_task`].
    pub(crate) unsafe fn admit_task(
        &self,
        node: *mut Node<task_struct>,
        task: *mut task_struct,
    ) -> Result {
        let mut members = self.members.lock();

        if let Err(error) = members.take_task() {
            self.refuse(members, Resource::Tasks);
            return Err(error);
        }
        // SAFETY: By the requirements of this function.
        unsafe { members.tasks.push(node, task) };
        Ok(())
    }

    /// Takes a task off the list that has exited. It counts until [`Self::release_task`], which may have
    /// been before.
    ///
    /// # Safety
    ///
    /// `node` must be on this jail's list, and the caller must have a reference to the jail.
    pub(crate) unsafe fn remove_task(&self, node: *mut Node<task_struct>) {
        // SAFETY: By the requirements of this function.
        unsafe { self.take_off(node, 0) };
    }

    /// Takes a task off the list that goes elsewhere, or that could not be made.
    ///
    /// # Safety
    ///
    /// As for [`Self::remove_task`].
    pub(crate) unsafe fn forget_task(&self, node: *mut Node<task_struct>) {
        // SAFETY: By the requirements of this function.
        unsafe { self.take_off(node, 1) };
    }

    /// # Safety
    ///
    /// As for [`Self::remove_task`].
    unsafe fn take_off(&self, node: *mut Node<task_struct>, counted: u64) {
        let mut members = self.members.lock();

        // SAFETY: By the requirements of this function.
        unsafe { members.tasks.remove(node) };
        members.running -= 1;
        members.give_back(Resource::Tasks, counted);
        let step = members.next_step();
        drop(members);
        self.follow(step);
    }

    /// Counts a task no longer that has been waited for, or for which nobody waits.
    pub(crate) fn release_task(&self) {
        self.members.lock().give_back(Resource::Tasks, 1);
    }

    /// Takes note that a message queue of POSIX is made.
    ///
    /// # Errors
    ///
    /// `ENOSPC` when the jail is dying or dead.
    pub(crate) fn admit_message_queue(&self) -> Result {
        let mut members = self.members.lock();

        if members.state != State::Alive {
            return Err(ENOSPC);
        }
        members.has_queues = true;
        Ok(())
    }

    /// Takes in an IPC object that is being made by `call`.
    ///
    /// # Errors
    ///
    /// `ENOSPC` when the jail is dying or has as much of it as it may.
    ///
    /// # Safety
    ///
    /// `node` must be that of `object`, and on no list; it must be removed before the object is
    /// freed.
    pub(crate) unsafe fn admit_object(
        &self,
        node: *mut Node<kern_ipc_perm>,
        object: *mut kern_ipc_perm,
        call: u32,
        size: u64,
    ) -> Result {
        let mut members = self.members.lock();
        let kind = sysv_call::resource_of(call);

        if members.take(kind, 1).is_err() {
            self.refuse(members, kind);
            return Err(ENOSPC);
        }
        // Nothing of what there is too much of already would still be refused.
        if size != 0 && members.take(Resource::ShmBytes, size).is_err() {
            members.give_back(kind, 1);
            self.refuse(members, Resource::ShmBytes);
            return Err(ENOSPC);
        }
        // SAFETY: By the requirements of this function.
        unsafe { members.objects.push(node, object) };
        Ok(())
    }

    /// Takes an IPC object off the list, which leaves the jail.
    ///
    /// # Safety
    ///
    /// `node` must be on this jail's list, `call` and `size` what it was put there with, and the
    /// caller must have a reference to the jail.
    pub(crate) unsafe fn remove_object(
        &self,
        node: *mut Node<kern_ipc_perm>,
        call: u32,
        size: u64,
    ) {
        let mut members = self.members.lock();

        // SAFETY: By the requirements of this function.
        unsafe { members.objects.remove(node) };
        members.give_back(sysv_call::resource_of(call), 1);
        members.give_back(Resource::ShmBytes, size);
        let over = members.is_over();
        drop(members);

        // Objects go one by one, many of them by that work: there is no more of it for each.
        if over {
            tree::bury(self);
        }
    }

    /// Has the jail kept when nothing is in it, or no longer.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it is dying or dead.
    pub(crate) fn set_persist(&self, persist: bool) -> Result {
        let mut members = self.members.lock();

        if members.state != State::Alive {
            return Err(ENODEV);
        }
        members.persist = persist;
        let step = members.next_step();
        drop(members);
        self.follow(step);
        Ok(())
    }

    /// Has nobody own the jail any more: it ends when nothing is in it.
    pub(crate) fn disown(&self) {
        let mut members = self.members.lock();

        members.owned = false;
        let step = members.next_step();
        drop(members);
        self.follow(step);
    }

    /// Tells whether the jail or one around it has an owner.
    pub(crate) fn is_owned(&self) -> bool {
        self.lineage().any(|jail| jail.members.lock().owned)
    }

    /// Lets go of the members, and reports that somebody was refused some of a resource, unless it is
    /// because of the jail's end.
    fn refuse(&self, members: Guard<'_, Members, SpinLockBackend>, resource: Resource) {
        let alive = members.state == State::Alive;
        drop(members);

        if alive {
            refusal::report_limit(self, resource);
        }
    }

    /// Sets how much of a resource there may be. What there is more stays.
    ///
    /// # Errors
    ///
    /// `ENODEV` when the jail is dead.
    pub(crate) fn set_limit(&self, resource: Resource, limit: u64) -> Result {
        let mut members = self.members.lock();

        if members.state == State::Dead {
            return Err(ENODEV);
        }
        members.account(resource).max = limit;
        Ok(())
    }

    /// Does what has to be done now that something has left. The caller must have a reference of
    /// its own, and hold neither the lock of a jail nor that of the tree.
    pub(crate) fn follow(&self, step: Step) {
        match step {
            Step::Nothing => {}
            Step::Work => self.begin_work(),
            Step::Bury => tree::bury(self),
        }
    }
}
