// SPDX-License-Identifier: GPL-2.0-only

//! Message queues of POSIX, which are inodes of a file system of their own.
//!
//! A queue belongs to the jail that binds the credentials with which it was made, and goes when nothing
//! else is left of that jail.

use crate::{
    credentials,
    exported::exported,
    identity::Identity,
    jail::Jail,
    policy::{self, Access, Class, Relation},
    refusal::{self, Target},
};
use core::{ffi::c_void, ptr};
use kernel::{
    bindings::{self, cred, inode, task_struct},
    c_str,
    ffi::c_int,
    str::CStr,
};

exported!(jaula_mqueue_belongs);

/// Decides whether the current task, `subject`, may open, remove or change a queue. The directory that
/// they are in is nobody's.
///
/// # Safety
///
/// `subject` must be the current task, `inode` valid and in the file system of queues.
pub(crate) unsafe fn check(
    inode: *mut inode,
    call: &'static CStr,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let maker = unsafe { bindings::jaula_mqueue_cred(inode) };
    if maker.is_null() {
        return 0;
    }
    // SAFETY: A queue has its maker's credentials for as long as it is there; nothing here changes
    // those of the current task.
    let (jail, maker) = unsafe {
        (
            credentials::jail_of_current(subject),
            credentials::jail_of(maker),
        )
    };
    let relation = if credentials::is_same(jail, maker) {
        Relation::Same
    } else {
        Relation::UpOrAcross
    };

    match policy::decide(relation, Access::UseMessageQueue).refusal() {
        Some(errno) => {
            let target = Target::of(c_str!("POSIX message queue"), Identity::of(maker));
            refusal::report_from(jail, Class::Mqueue, call, &target);
            -(errno as c_int)
        }
        None => 0,
    }
}

/// Takes note that the current task, `subject`, makes a queue. One whose jail is dying, or that acts with
/// credentials of a dead one, makes none.
///
/// # Safety
///
/// `subject` must be the current task.
pub(crate) unsafe fn admit(subject: *mut task_struct) -> c_int {
    // SAFETY: By the requirements of this function; nothing here changes credentials.
    let jail = unsafe { credentials::jail_of_current(subject) };

    match jail.map(Jail::admit_message_queue) {
        None | Some(Ok(())) => 0,
        Some(Err(error)) => error.to_errno(),
    }
}

/// Removes the queues of a jail that no tasks and no jails are left in. May sleep.
pub(crate) fn remove(jail: &Jail) {
    // SAFETY: The jail is valid as long as the call lasts. No lock is held.
    unsafe { bindings::jaula_mqueue_remove(ptr::from_ref(jail).cast_mut().cast()) };
}

/// Tells whether a queue that was made with `cred` is one of a jail.
///
/// # Safety
///
/// `cred` must be valid and have a blob, and `jail` be a jail.
#[no_mangle]
unsafe extern "C" fn jaula_mqueue_belongs(cred: *const cred, jail: *mut c_void) -> bool {
    // SAFETY: By the requirements of this function.
    unsafe { credentials::jail_of(cred) }
        .is_some_and(|owner| ptr::eq(ptr::from_ref(owner).cast(), jail))
}
