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
use kernel::{
    bindings::{self, cred, task_struct},
    ffi::c_int,
    str::CStr,
};

/// One who wants something of a task.
pub(crate) struct Actor<'a> {
    jail: Option<&'a Jail>,
    /// Not null, and valid for `'a`.
    cred: *const cred,
}

/// One of whom something is wanted.
pub(crate) struct Reached<'a> {
    jail: Option<&'a Jail>,
    /// Not null, and valid for `'a`.
    cred: *const cred,
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

impl<'a> Actor<'a> {
    /// The current task, by its tag and the credentials with which it acts.
    ///
    /// # Safety
    ///
    /// `task` must be the current task. Neither its tag nor its credentials may change while the
    /// value is in use.
    pub(crate) unsafe fn current(task: *mut task_struct) -> Self {
        Self {
            // SAFETY: By the requirements of this function. Only the jail outlives the subject.
            jail: unsafe { Subject::from_current(task).tag().jail_of_current() },
            // SAFETY: A task reads its own credentials as they are.
            cred: unsafe { (*task).cred },
        }
    }

    /// Credentials that stand for one who need not be there.
    ///
    /// # Safety
    ///
    /// `cred` must be valid for `'a`, and have a blob.
    pub(crate) unsafe fn of_credentials(cred: *const cred) -> Self {
        Self {
            // SAFETY: By the requirements of this function.
            jail: unsafe { credentials::jail_of(cred) },
            cred,
        }
    }

    /// Another task, by its tag and its own credentials.
    pub(crate) fn task(task: &OtherTask<'a>) -> Self {
        Self {
            jail: task.jail(),
            cred: task.cred(),
        }
    }

    /// Returns the jail.
    pub(crate) fn jail(&self) -> Option<&'a Jail> {
        self.jail
    }

    /// Tells how it stands to another by the jails that both are in, and by those that bind their
    /// credentials.
    ///
    /// What has entered a jail keeps the credentials that it came with until it executes a program. To
    /// those in the jail, and in the jails around it, it is an outsider until then: they would get hold of
    /// what it has.
    pub(crate) fn relation_to_both(&self, reached: &Reached<'_>) -> Relation {
        // SAFETY: Both are valid, by the requirements of those that made the values.
        let (own, other) = unsafe {
            (
                credentials::jail_of(self.cred),
                credentials::jail_of(reached.cred),
            )
        };

        relation(self.jail, reached.jail).and(relation(own, other))
    }

    /// Decides about an access, and tells of a refusal of `call`. Returns 0 or an error.
    pub(crate) fn check(
        &self,
        reached: &Reached<'_>,
        (relation, access): (Relation, Access),
        (class, call): (Class, &'static CStr),
        target: &Target,
        told: Told,
    ) -> c_int {
        let Some(errno) = self.refused(reached, relation, access) else {
            return 0;
        };
        if told != Told::Not {
            let by_current = told == Told::OfCurrent;
            refusal::report_of(self.jail, class, call, target, by_current);
        }
        -(errno as c_int)
    }

    /// Returns why an access is refused, [`None`] if it is not.
    pub(crate) fn refused(
        &self,
        reached: &Reached<'_>,
        relation: Relation,
        access: Access,
    ) -> Option<Errno> {
        match policy::decide(relation, access) {
            Verdict::Allow | Verdict::Hide => None,
            Verdict::Refuse(errno) => Some(errno),
            Verdict::AllowWith(privilege, errno) => {
                let may = reached.is_open() || self.has(privilege, reached);
                (!may).then_some(errno)
            }
        }
    }

    /// Tells whether it has a privilege over the user namespace of the one who is reached.
    fn has(&self, privilege: Privilege, reached: &Reached<'_>) -> bool {
        let capability = match privilege {
            Privilege::Kill => bindings::CAP_KILL,
            Privilege::Look | Privilege::Trace => bindings::CAP_SYS_PTRACE,
            Privilege::Nice => bindings::CAP_SYS_NICE,
            Privilege::Resource => bindings::CAP_SYS_RESOURCE,
        };
        let is_look = privilege == Privilege::Look;

        // SAFETY: Both are valid, by the requirements of those that made the values. Nothing sleeps.
        unsafe {
            bindings::jaula_is_capable_over(self.cred, reached.cred, capability as c_int, is_look)
        }
    }
}

impl<'a> Reached<'a> {
    /// Another task, by its tag and its own credentials.
    pub(crate) fn task(task: &OtherTask<'a>) -> Self {
        Self {
            jail: task.jail(),
            cred: task.cred(),
        }
    }

    /// One of whom nothing but its credentials is known.
    ///
    /// # Safety
    ///
    /// `cred` must be valid for `'a`, and have a blob.
    pub(crate) unsafe fn of_credentials(cred: *const cred) -> Self {
        Self {
            // SAFETY: By the requirements of this function.
            jail: unsafe { credentials::jail_of(cred) },
            cred,
        }
    }

    /// Returns the jail.
    pub(crate) fn jail(&self) -> Option<&'a Jail> {
        self.jail
    }

    /// Tells whether the jail lets those above reach in as Linux does, by user ids.
    fn is_open(&self) -> bool {
        self.jail
            .is_some_and(|jail| jail.is_allowed(Permission::UNPRIVILEGED_PARENT_TAMPERING))
    }
}
