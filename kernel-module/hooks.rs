// SPDX-License-Identifier: GPL-2.0-only

//! The hooks for tasks and IPC objects that come and go, and for use of the latter. Their contracts
//! are in `security/security.c`.

use crate::{
    exported::exported,
    ipc::{self, Object},
    jail::{number_of, relation},
    policy::{self, Access, Verdict},
    rcu, refusal,
    sysv_call::SysvCall,
    task::{self, Subject},
};
use kernel::{
    bindings::{self, get_current, kern_ipc_perm, task_struct},
    error::Result,
    ffi::{c_int, c_long},
};

exported!(
    jaula_task_alloc,
    jaula_task_exit,
    jaula_task_release,
    jaula_task_free,
    jaula_ipc_alloc,
    jaula_ipc_free,
    jaula_ipc_lookup,
    jaula_ipc_addid,
    jaula_ipc_rmid,
    jaula_task_number,
    jaula_task_number_for_audit,
);

/// Puts a new task into the jail of the current one, whatever made it: `fork`, `vfork`, `clone`, a
/// thread or the kernel on behalf of the current task, as for the workers of io_uring. A jail that
/// takes in no more tasks makes it fail.
///
/// # Safety
///
/// `task` must be a task in the making, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_task_alloc(task: *mut task_struct, clone_flags: u64) -> c_int {
    // SAFETY: The task is the current one; the value ends with this function.
    let parent = unsafe { Subject::from_current(get_current()) };

    // SAFETY: By the requirements of this function; a task in the making is its maker's alone.
    to_return_value(unsafe { task::admit(task, &parent, clone_flags) })
}

/// Takes a task that has exited from its jail.
///
/// # Safety
///
/// `task` must be the current task.
#[no_mangle]
unsafe extern "C" fn jaula_task_exit(task: *mut task_struct) {
    // SAFETY: By the requirements of this function.
    unsafe { task::remove(task) };
}

/// Has a task that was waited for, or that nobody waits for, count no longer against its jail's limit.
///
/// # Safety
///
/// `task` must be valid, and be losing its number.
#[no_mangle]
unsafe extern "C" fn jaula_task_release(task: *mut task_struct) {
    // SAFETY: By the requirements of this function.
    unsafe { task::release(task) };
}

/// Takes the tag from a task that is gone. Can be called from an interrupt, but for one that could
/// not be made, which has never exited.
///
/// # Safety
///
/// `task` must be a task that is being freed, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_task_free(task: *mut task_struct) {
    // SAFETY: By the requirements of this function.
    unsafe { task::forget(task) };
    // SAFETY: As above.
    unsafe { task::tag_of(task).clear() };
}

/// Tags a new object of System V IPC.
///
/// # Safety
///
/// `ipcp` must be an object in the making, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_ipc_alloc(ipcp: *mut kern_ipc_perm) -> c_int {
    // SAFETY: The task is the current one; the value ends with this function.
    let creator = unsafe { Subject::from_current(get_current()) };

    // SAFETY: By the requirements of this function; it has no identifier yet by which others could
    // find it.
    unsafe { ipc::tag_of(ipcp).inherit(creator.tag()) };
    0
}

/// Takes the tag from an object that is gone. Called by RCU, in softirq context.
///
/// # Safety
///
/// `ipcp` must be an object that is being freed, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_ipc_free(ipcp: *mut kern_ipc_perm) {
    // SAFETY: By the requirements of this function.
    unsafe { ipc::tag_of(ipcp).clear() };
}

/// Takes a new object into the jail of its maker, before others can find it.
///
/// # Safety
///
/// `ipcp` must be a tagged object of the current task that is about to enter the table of its
/// namespace.
#[no_mangle]
unsafe extern "C" fn jaula_ipc_addid(ipcp: *mut kern_ipc_perm, call: c_int, size: usize) -> c_int {
    // SAFETY: By the requirements of this function.
    to_return_value(unsafe { ipc::admit(ipcp, call as u32, size) })
}

/// Takes an object that leaves the table of its namespace from its jail. Called with the object
/// locked: may not sleep.
///
/// # Safety
///
/// `ipcp` must be an object for which [`jaula_ipc_addid`] was called, and that is leaving or that
/// nobody else knows of.
#[no_mangle]
unsafe extern "C" fn jaula_ipc_rmid(ipcp: *mut kern_ipc_perm) {
    // SAFETY: By the requirements of this function.
    unsafe { ipc::remove(ipcp) };
}

/// Decides whether the current task, `subject`, may find an object. Called under RCU, sometimes
/// with the object locked: may not sleep.
///
/// # Safety
///
/// `ipcp` must be an object that was found under RCU, `subject` the current task.
#[no_mangle]
unsafe extern "C" fn jaula_ipc_lookup(
    ipcp: *mut kern_ipc_perm,
    call: c_int,
    cmd: c_int,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };
    // SAFETY: By the requirements of this function. Objects are tagged before they can be found.
    let object = unsafe { Object::from_raw(ipcp) };

    // Nearly all calls are within one jail: decide those by one comparison. The arguments go on in
    // the registers that they are in.
    if subject.tag().is_same(object.tag()) {
        return 0;
    }
    ipc_lookup_across(object, call, cmd, subject)
}

/// Returns the number of the jail that a task is in, or, for one in a jail that the current task may
/// not see, an error. For one that has been waited for it is the last jail that it was in.
///
/// # Safety
///
/// `task` must be valid.
#[no_mangle]
unsafe extern "C" fn jaula_task_number(task: *mut task_struct) -> c_long {
    // SAFETY: The task is the current one; the value ends with this function.
    let subject = unsafe { Subject::from_current(get_current()) };
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function. The tag is read as that of another task.
    let jail = unsafe { task::tag_of(task) }.jail_of_other(&rcu);

    match policy::decide(relation(subject.jail(), jail), Access::SeeJail) {
        Verdict::Allow => number_of(jail) as c_long,
        _ => -(policy::Errno::Access as c_long),
    }
}

/// Returns the number of the jail that a task is in, or was in last, and 0 for the host: for the
/// audit log, whose readers see all jails. A record that is made in an interrupt is not about the
/// current task, which has nothing to do with it. Called in any context: may not sleep.
///
/// # Safety
///
/// `task` must be valid.
#[no_mangle]
unsafe extern "C" fn jaula_task_number_for_audit(task: *mut task_struct) -> u32 {
    // SAFETY: May be called anywhere.
    if !unsafe { bindings::jaula_is_in_task() } {
        return 0;
    }
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function. The tag is read as that of another task.
    number_of(unsafe { task::tag_of(task) }.jail_of_other(&rcu))
}

#[cold]
#[inline(never)]
fn ipc_lookup_across(object: Object<'_>, call: c_int, cmd: c_int, subject: Subject) -> c_int {
    let call = SysvCall::new(call, cmd);
    let access = if call.is_listing() {
        Access::ListSysvIpc
    } else {
        Access::UseSysvIpc
    };
    let relation = relation(subject.jail(), object.jail());

    match policy::decide(relation, access) {
        Verdict::Allow => 0,
        Verdict::Refuse(errno) | Verdict::AllowWith(_, errno) => {
            refusal::report_sysv(&subject, call, &object);
            -(errno as c_int)
        }
        Verdict::Hide => -(policy::Errno::Access as c_int),
    }
}

fn to_return_value(result: Result) -> c_int {
    result.map_or_else(|error| error.to_errno(), |()| 0)
}
