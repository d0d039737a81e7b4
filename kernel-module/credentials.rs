// SPDX-License-Identifier: GPL-2.0-only

//! Credentials, and which jail's allowance binds them.
//!
//! A task that enters a jail keeps the credentials that it came with, so that it can do there what
//! there is to do before the first program runs: change the root, mount, set ids. They are bound to
//! the jail by `execve`; and what such a task forks has bound credentials from the start. What is
//! made of bound credentials is bound as they are.
//!
//! Capabilities and keys go by credentials and not by tasks, because the kernel itself acts with
//! credentials of its own, or of somebody else's, in the middle of a system call: a file system that
//! lies over another does what its mounter may do.

use crate::{
    exported::exported,
    jail::{relation, Jail},
    keyring,
    policy::{self, Access, Class},
    rcu,
    reach::{Party, Told},
    refusal::{self, Target},
    tag::{in_blob, Tag},
    task::Subject,
};
use core::ptr;
use kernel::{
    bindings::{self, cred, gfp_t, linux_binprm, task_struct},
    c_str,
    ffi::{c_int, c_uint},
    types::ARef,
};

exported!(
    jaula_cred_prepare,
    jaula_cred_transfer,
    jaula_cred_free,
    jaula_cred_alloc_blank,
    jaula_bprm_creds_for_exec,
    jaula_task_prlimit,
    jaula_uring_override_creds,
);

/// Finds the tag of credentials: the jail whose allowance binds them.
///
/// # Safety
///
/// `cred` must be valid for `'a`, and have a blob.
#[inline(always)]
unsafe fn tag_of<'a>(cred: *const cred) -> &'a Tag {
    // SAFETY: By the requirements of this function for the credentials. The place was given to this
    // module before the first hook was called and is constant since, and of the size of a `Tag`.
    unsafe { in_blob((*cred).security, bindings::jaula_blob_sizes.lbs_cred) }
}

/// Returns the jail whose allowance binds credentials, [`None`] where none does.
///
/// # Safety
///
/// `cred` must be valid for `'a`, and have a blob.
#[inline(always)]
pub(crate) unsafe fn jail_of<'a>(cred: *const cred) -> Option<&'a Jail> {
    // SAFETY: By the requirements of this function. A tag is written before anybody else can see
    // the credentials, and not after.
    unsafe { tag_of(cred) }.jail()
}

/// Returns the jail that binds the credentials with which `task` acts at this moment.
///
/// # Safety
///
/// `task` must be the current task. The credentials must not be changed while the result is in use.
#[inline(always)]
pub(crate) unsafe fn jail_of_current<'a>(task: *mut task_struct) -> Option<&'a Jail> {
    // SAFETY: By the requirements of this function; a task reads its own credentials as they are.
    unsafe { jail_of((*task).cred) }
}

/// Tells whether two jails are one, where [`None`] is the host.
#[inline(always)]
pub(crate) fn is_same(one: Option<&Jail>, other: Option<&Jail>) -> bool {
    one.map(ptr::from_ref) == other.map(ptr::from_ref)
}

/// Tells whether the current task acts with credentials that are bound by the allowance of the jail that
/// it is in, as it does but between entering a jail and `execve`.
///
/// # Safety
///
/// `task` must be the current task.
pub(crate) unsafe fn is_current_bound(task: *mut task_struct) -> bool {
    // SAFETY: By the requirements of this function; nothing here changes the tag or the credentials.
    unsafe { is_same(Subject::from_current(task).jail(), jail_of_current(task)) }
}

/// Binds the credentials of a task that is being made, unless it shares with its maker what would give
/// those who may trace it a hold on the maker: then it is bound when it executes a program, as its maker
/// is.
///
/// # Safety
///
/// `task` must be a task in the making, which only the caller sees, of the jail `tag`.
#[inline(always)]
pub(crate) unsafe fn bind_child(task: *mut task_struct, tag: &Tag, clone_flags: u64) {
    const SHARED: u32 =
        bindings::CLONE_THREAD | bindings::CLONE_VM | bindings::CLONE_FILES | bindings::CLONE_FS;

    if clone_flags & u64::from(SHARED) != 0 {
        return;
    }
    // SAFETY: By the requirements of this function; what is no thread has credentials of its own.
    unsafe { bind((*task).cred.cast_mut(), tag) };
}

/// Binds credentials to the jail that `tag` names. What they have of keyrings is left behind: they
/// belong to whoever was there before.
///
/// May sleep.
///
/// # Safety
///
/// Only the caller may see `cred`, which must have a blob.
#[inline(always)]
unsafe fn bind(cred: *mut cred, tag: &Tag) {
    // SAFETY: By the requirements of this function.
    let place = unsafe { tag_of(cred) };

    if !place.is_same(tag) {
        // SAFETY: As above; nobody has borrowed from a tag that nobody else sees.
        unsafe { place.set(tag.jail().map(ARef::from)) };
        // SAFETY: As above.
        unsafe { bindings::jaula_drop_session_keyring(cred) };
    }
}

/// Makes new credentials as those that they are made of.
///
/// # Safety
///
/// `new` must be credentials in the making, `old` valid, both with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_cred_prepare(new: *mut cred, old: *const cred, _gfp: gfp_t) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe { tag_of(new).inherit(tag_of(old)) };
    0
}

/// As [`jaula_cred_prepare`], for credentials that were made blank: to have a session keyring which a child
/// gives. The child was looked at, and may have come to another parent since: then they have the old one.
///
/// # Safety
///
/// As for [`jaula_cred_prepare`].
#[no_mangle]
unsafe extern "C" fn jaula_cred_transfer(new: *mut cred, old: *const cred) {
    // SAFETY: By the requirements of this function.
    unsafe {
        tag_of(new).inherit(tag_of(old));
        if !keyring::is_session_of(new, jail_of(old)) {
            bindings::jaula_copy_session_keyring(new, old);
        }
    }
}

/// Takes the tag from credentials that are gone. Called by RCU, in softirq context.
///
/// # Safety
///
/// `cred` must be credentials that are being freed, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_cred_free(cred: *mut cred) {
    // SAFETY: By the requirements of this function.
    unsafe { tag_of(cred).clear() };
}

/// Decides whether the current task, `subject`, may give its session keyring to its parent, which is
/// all that blank credentials are made for.
///
/// # Safety
///
/// `subject` must be the current task.
#[no_mangle]
unsafe extern "C" fn jaula_cred_alloc_blank(subject: *mut task_struct) -> c_int {
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };
    let rcu = rcu::Guard::new();
    let parent = subject.parent(&rcu);
    // SAFETY: The credentials of the parent stay for as long as the guard does.
    let binding = unsafe { jail_of(parent.cred()) };
    let relation = relation(subject.jail(), parent.jail()).and(relation(subject.jail(), binding));

    match policy::decide(relation, Access::UseKey).refusal() {
        None => 0,
        Some(_) => {
            refusal::report(
                &subject,
                Class::Key,
                c_str!("keyctl_session_to_parent"),
                &parent.target(),
            );
            -(policy::Errno::Perm as c_int)
        }
    }
}

/// Binds what is about to execute a program. One that shares its root and its working directory with
/// somebody who is not bound executes none: whoever traces it could change these.
///
/// # Safety
///
/// `bprm` must be an execution that the current task has begun, with credentials in the making.
#[no_mangle]
unsafe extern "C" fn jaula_bprm_creds_for_exec(
    bprm: *mut linux_binprm,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };
    // SAFETY: As above.
    let (cred, is_share) = unsafe {
        (
            (*bprm).cred,
            (*bprm).unsafe_ & bindings::LSM_UNSAFE_SHARE as c_int != 0,
        )
    };

    // SAFETY: The credentials in the making are valid.
    if is_share && !unsafe { tag_of(cred) }.is_same(subject.tag()) {
        let target = Target::credentials(None);
        refusal::report(&subject, Class::Exec, c_str!("execve"), &target);
        return -(policy::Errno::Perm as c_int);
    }
    // SAFETY: By the requirements of this function nobody else sees the new credentials.
    unsafe { bind(cred, subject.tag()) };
    0
}

/// Decides whether one who acts with `subject` may ask for the limits of one who has `object`, or change
/// them.
///
/// # Safety
///
/// Both must be valid and have blobs.
#[no_mangle]
unsafe extern "C" fn jaula_task_prlimit(
    subject: *const cred,
    object: *const cred,
    flags: c_uint,
) -> c_int {
    // SAFETY: By the requirements of this function.
    if unsafe { tag_of(subject).is_same(tag_of(object)) } {
        return 0;
    }
    // SAFETY: As above.
    let (actor, reached) = unsafe {
        (
            Party::of_credentials(subject),
            Party::of_credentials(object),
        )
    };
    let access = if flags & bindings::LSM_PRLIMIT_WRITE != 0 {
        Access::SetLimits
    } else {
        Access::AskSchedule
    };

    actor.check(
        &reached,
        (actor.relation_to(&reached), access),
        (Class::Sched, c_str!("prlimit")),
        &Target::credentials(reached.jail()),
        Told::OfCurrent,
    )
}

/// Decides whether the current task may act with `new`, which somebody has registered with an
/// io_uring.
///
/// # Safety
///
/// `new` must be valid and have a blob, `subject` be the current task.
#[no_mangle]
unsafe extern "C" fn jaula_uring_override_creds(
    new: *const cred,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; nothing here changes credentials.
    let (subject, object) = unsafe { (jail_of_current(subject), jail_of(new)) };

    match policy::decide(relation(subject, object), Access::AssumeCredentials).refusal() {
        None => 0,
        Some(errno) => {
            let target = Target::credentials(object);
            refusal::report_from(subject, Class::IoUring, c_str!("io_uring"), &target);
            -(errno as c_int)
        }
    }
}
