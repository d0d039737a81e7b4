// SPDX-License-Identifier: GPL-2.0-only

//! Message queues of POSIX, which are inodes of a file system of their own.
//!
//! A queue belongs to the jail that binds the credentials with which it was made, and to the host when
//! that jail is dead, so that somebody can remove it.

use crate::{
    credentials,
    identity::Identity,
    policy::{self, Access, Class, Relation, Verdict},
    refusal::{self, Target},
};
use kernel::{
    bindings::{self, inode, task_struct},
    c_str,
    ffi::c_int,
    str::CStr,
};

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
    let owner = maker.filter(|maker| !maker.is_dead());
    let relation = if credentials::is_same(jail, owner) {
        Relation::Same
    } else {
        Relation::UpOrAcross
    };

    match policy::decide(relation, Access::UseMessageQueue) {
        Verdict::Refuse(errno) => {
            let target = Target::of(c_str!("POSIX message queue"), Identity::of(owner));
            refusal::report_from(jail, Class::Mqueue, call, &target);
            -(errno as c_int)
        }
        Verdict::Allow | Verdict::Hide => 0,
    }
}
