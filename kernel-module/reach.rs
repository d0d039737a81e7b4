// SPDX-License-Identifier: GPL-2.0-only

//! Who reaches a task of another jail, and what it takes.
//!
//! Up and across nobody does. From above it takes a capability, whatever the user ids are: they are
//! numbers, which a jail gives to whom it likes. The capability is looked for without a record of its
//! own in the audit log, where the refusal is told.

use crate::{
    allowance::Permission,
    credentials,
    jail::{relation, Jail},
    policy::{self, Access, Class, Errno, Privilege, Relation, Verdict},
    refusal::{self, Target},
    task::{OtherTask, Subject},
};
use core::marker::PhantomData;
use kernel::{
    bindings::{self, cred, task_struct},
    ffi::c_int,
    str::CStr,
};

/// One who wants something of a task, or of whom something is wanted.
///
/// # Invariants
///
/// `cred` is not null, has a blob, and is valid for `'a`.
pub(crate) struct Party<'a> {
    jail: Option<&'a Jail>,
    cred: *const cred,
    /// It is a task that acts at this moment, and not one that has left its credentials somewhere.
    is_there: bool,
    _borrowed: PhantomData<&'a cred>,
}

/// Who is told of a refusal, besides the one who gets the error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// All that count, trace and log, and that it was the current task.
    OfCurrent,
    /// The same, but for the current task, which has nothing to do with it.
    OfSomebody,
    /// Nobody.
    Not,
}

impl<'a> Party<'a> {
    /// The current task, by its tag and the credentials with which it acts.
    ///
    /// # Safety
    ///
    /// `task` must be the current task. Neither its tag nor its credentials may change while the
    /// value is in use.
    pub(crate) unsafe fn current(task: *mut task_struct) -> Self {
        // INVARIANT: A task has a reference to the credentials with which it acts.
        Self {
            // SAFETY: By the requirements of this function. Only the jail outlives the subject.
            jail: unsafe { Subject::from_current(task).tag().jail_of_current() },
            // SAFETY: A task reads its own credentials as they are.
            cred: unsafe { (*task).cred },
            is_there: true,
            _borrowed: PhantomData,
        }
    }

    /// Credentials that stand for one who need not be there.
    ///
    /// # Safety
    ///
    /// `cred` must be valid for `'a`, and have a blob.
    pub(crate) unsafe fn of_credentials(cred: *const cred) -> Self {
        // INVARIANT: By the requirements of this function.
        Self {
            // SAFETY: As above.
            jail: unsafe { credentials::jail_of(cred) },
            cred,
            is_there: false,
            _borrowed: PhantomData,
        }
    }

    /// Another task, by its tag and its own credentials.
    #[inline(never)]
    pub(crate) fn task(task: &OtherTask<'a>) -> Self {
        // INVARIANT: The credentials of a task stay for as long as the task's guard does.
        Self {
            jail: task.jail(),
            cred: task.cred(),
            is_there: true,
            _borrowed: PhantomData,
        }
    }

    /// Returns the jail.
    pub(crate) fn jail(&self) -> Option<&'a Jail> {
        self.jail
    }

    /// Returns the jail that binds the credentials.
    fn binding(&self) -> Option<&'a Jail> {
        // SAFETY: By the type invariant.
        unsafe { credentials::jail_of(self.cred) }
    }

    /// Tells how it stands to another by the jails that both are in.
    pub(crate) fn relation_to(&self, other: &Party<'_>) -> Relation {
        relation(self.jail, other.jail)
    }

    /// Tells how it stands to another by the jails that both are in, and by those that bind their
    /// credentials.
    ///
    /// What has entered a jail keeps the credentials that it came with until it executes a program. To
    /// those in the jail, and in the jails around it, it is an outsider until then: they would get hold of
    /// what it has.
    pub(crate) fn relation_to_both(&self, other: &Party<'_>) -> Relation {
        self.relation_to(other)
            .and(relation(self.binding(), other.binding()))
    }

    /// Decides about an access to another, and tells of a refusal of `call`. Returns 0 or an error.
    pub(crate) fn check(
        &self,
        other: &Party<'_>,
        (relation, access): (Relation, Access),
        (class, call): (Class, &'static CStr),
        target: &Target,
        told: Told,
    ) -> c_int {
        let Some(errno) = self.refused(other, relation, access) else {
            return 0;
        };
        if told != Told::Not {
            let by_current = told == Told::OfCurrent;
            refusal::report_of(self.jail, class, call, target, by_current);
        }
        -(errno as c_int)
    }

    fn refused(&self, other: &Party<'_>, relation: Relation, access: Access) -> Option<Errno> {
        let verdict = policy::decide(relation, access);

        match verdict {
            Verdict::AllowWith(privilege, _) if other.is_open() || self.has(privilege, other) => {
                None
            }
            verdict => verdict.refusal(),
        }
    }

    /// Tells whether it has a privilege over the user namespace of another.
    fn has(&self, privilege: Privilege, other: &Party<'_>) -> bool {
        let capability = match privilege {
            Privilege::Kill => bindings::CAP_KILL,
            Privilege::Look | Privilege::Trace => bindings::CAP_SYS_PTRACE,
            Privilege::Nice => bindings::CAP_SYS_NICE,
            Privilege::Resource => bindings::CAP_SYS_RESOURCE,
        };
        // Root of a jail looks at all that is in it.
        let is_look = privilege == Privilege::Look;
        let counts = is_look
            || self.binding().map_or(true, |jail| {
                jail.is_allowed(Permission::of_capability(capability))
            });

        // SAFETY: By the type invariant of both. Nothing sleeps.
        counts
            && unsafe {
                bindings::jaula_is_capable_over(
                    self.cred,
                    other.cred,
                    capability as c_int,
                    is_look,
                    self.is_there,
                )
            }
    }

    /// Tells whether the jail lets those above reach in as Linux does, by user ids.
    fn is_open(&self) -> bool {
        self.jail
            .is_some_and(|jail| jail.is_allowed(Permission::UNPRIVILEGED_PARENT_TAMPERING))
    }
}
