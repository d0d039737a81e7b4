// SPDX-License-Identifier: GPL-2.0-only

//! The hooks of the LSM framework. Their contracts are in `security/security.c`.

use crate::{
    exported::exported,
    ipc::{self, Object},
    jail::relation,
    policy::{self, Access, Verdict},
    refusal,
    sysv_call::SysvCall,
    task::{self, Subject},
};
use kernel::{
    bindings::{get_current, kern_ipc_perm, task_struct},
    ffi::{c_int, c_ulong},
};

exported!(
    jaula_task_alloc,
    jaula_task_free,
    jaula_ipc_alloc,
    jaula_ipc_free,
    jaula_ipc_lookup,
);

/// Tags a new task with the jail of the current one, whatever made it: `fork`, `vfork`, `clone`, a thread or the kernel on behalf
/// of the current task, as for the workers of io_uring.
///
/// # Safety
///
/// `task` must be a task in the making, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_task_alloc(task: *mut task_struct, _clone_flags: c_ulong) -> c_int {
    // SAFETY: The task is the current one; the value ends with this function.
    let parent = unsafe { Subject::from_current(get_current()) };

    // SAFETY: By the requirements of this function; a task in the making is its maker's alone.
    unsafe { task::tag_of(task).inherit(parent.tag()) };
    0
}

/// Takes the tag from a task that is gone. Can be called from an interrupt.
///
/// # Safety
///
/// `task` must be a task that is being freed, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_task_free(task: *mut task_struct) {
    // SAFETY: By the requirements of this function.
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

#[cold]
#[inline(never)]
fn ipc_lookup_across(object: Object<'_>, call: c_int, cmd: c_int, subject: Subject) -> c_int {
    let call = SysvCall::new(call, cmd);
    let access = if call.is_listing() {
        Access::ListSysvIpc
    } else {
        Access::UseSysvIpc
    };
    let relation = relation(subject.jail().as_deref(), object.jail().as_deref());

    match policy::decide(relation, access) {
        Verdict::Allow => 0,
        Verdict::Refuse(errno) => {
            refusal::log_sysv(&subject, call, &object);
            -(errno as c_int)
        }
        Verdict::Hide => -(policy::Errno::Access as c_int),
    }
}
