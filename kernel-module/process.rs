// SPDX-License-Identifier: GPL-2.0-only

//! What one task does to another: signals, tracing, scheduling.
//!
//! Nothing here sleeps: some of it is asked under RCU, or with the list of all tasks locked.

use crate::{
    credentials,
    exported::exported,
    jail::{relation, Jail},
    policy::{self, Access, Class, Verdict},
    rcu, refusal,
    task::{self, OtherTask, Subject},
};
use kernel::{
    bindings::{self, cred, fown_struct, task_struct},
    c_str,
    ffi::{c_char, c_int, c_uint},
    str::CStr,
};

exported!(
    jaula_task_kill,
    jaula_task_schedule,
    jaula_ptrace_access_check,
    jaula_ptrace_traceme,
    jaula_file_send_sigiotask,
);

/// Decides whether the current task, `subject`, may send a signal to `object`. `cred` is not null when
/// somebody else's credentials stand for the sender: those of whoever asked for the signal.
///
/// # Safety
///
/// `subject` must be the current task, `object` and `cred`, unless null, be valid.
#[no_mangle]
unsafe extern "C" fn jaula_task_kill(
    object: *mut task_struct,
    cred: *const cred,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };

    let jail = if cred.is_null() {
        // SAFETY: By the requirements of this function. Tags are compared and not followed: that of
        // another task may change meanwhile, as it may have a moment later.
        if subject.tag().is_same(unsafe { task::tag_of(object) }) {
            return 0;
        }
        subject.jail()
    } else {
        // SAFETY: By the requirements of this function.
        unsafe { credentials::jail_of(cred) }
    };
    match jail {
        None => 0,
        // SAFETY: By the requirements of this function.
        Some(jail) => unsafe { kill_from_jail(jail, object, cred.is_null()) },
    }
}

/// Apart from [`jaula_task_kill`], which needs no stack without it: most signals do not come here.
///
/// # Safety
///
/// `object` must be valid.
#[inline(never)]
unsafe fn kill_from_jail(jail: &Jail, object: *mut task_struct, by_current: bool) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        check_from_jail(
            jail,
            object,
            Access::Signal,
            (Class::Signal, c_str!("kill")),
            by_current,
        )
    }
}

/// Decides whether the current task, `subject`, may ask for or change how `object` is scheduled, or
/// whatever is governed alike. `call` is what it has called.
///
/// # Safety
///
/// `subject` must be the current task, `object` valid, and `call` a constant string.
#[no_mangle]
unsafe extern "C" fn jaula_task_schedule(
    object: *mut task_struct,
    call: *const c_char,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; the value ends with it.
    let subject = unsafe { Subject::from_current(subject) };
    // The host is not to pay for the length of the name.
    let Some(jail) = subject.jail() else { return 0 };
    // SAFETY: By the requirements of this function.
    let call = unsafe { CStr::from_char_ptr(call) };

    // SAFETY: As above.
    unsafe { check_from_jail(jail, object, Access::Schedule, (Class::Sched, call), true) }
}

/// Decides about what the jail `subject` wants of a task, in a call by the current task or not. From the
/// host everything goes.
///
/// # Safety
///
/// `object` must be valid.
#[inline(always)]
unsafe fn check(
    subject: Option<&Jail>,
    object: *mut task_struct,
    access: Access,
    (class, call): (Class, &'static CStr),
    by_current: bool,
) -> c_int {
    match subject {
        None => 0,
        // SAFETY: By the requirements of this function.
        Some(jail) => unsafe { check_from_jail(jail, object, access, (class, call), by_current) },
    }
}

/// # Safety
///
/// As for [`check`].
#[inline(never)]
unsafe fn check_from_jail(
    jail: &Jail,
    object: *mut task_struct,
    access: Access,
    (class, call): (Class, &'static CStr),
    by_current: bool,
) -> c_int {
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function.
    let object = unsafe { OtherTask::from_raw(object, &rcu) };

    match policy::decide(relation(Some(jail), object.jail()), access) {
        Verdict::Refuse(errno) => {
            if by_current {
                refusal::report_on(jail, class, call, &object.target());
            } else {
                refusal::report_for(jail, class, call, &object.target());
            }
            -(errno as c_int)
        }
        Verdict::Allow | Verdict::Hide => 0,
    }
}

/// Decides whether the current task, `subject`, may trace `object`, or do what needs the same check.
///
/// # Safety
///
/// `subject` must be the current task, `object` valid.
#[no_mangle]
unsafe extern "C" fn jaula_ptrace_access_check(
    object: *mut task_struct,
    mode: c_uint,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; the value ends with it.
    let caller = unsafe { Subject::from_current(subject) };
    let Some(jail) = caller.jail() else { return 0 };
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function.
    let traced = unsafe { OtherTask::from_raw(object, &rcu) };
    // SAFETY: As above.
    let bound = unsafe {
        (
            credentials::is_bound(subject, &rcu),
            credentials::is_bound(object, &rcu),
        )
    };
    let relation =
        policy::relation_to_traced(relation(Some(jail), traced.jail()), bound.0, bound.1);

    match policy::decide(relation, Access::Trace) {
        Verdict::Refuse(errno) => {
            if !is_look(mode) {
                refusal::report_on(jail, Class::Ptrace, c_str!("ptrace"), &traced.target());
            }
            -(errno as c_int)
        }
        Verdict::Allow | Verdict::Hide => 0,
    }
}

/// Tells whether a check is for a look into `/proc`, which comes by the hundred when processes are
/// listed, and is not reported.
fn is_look(mode: c_uint) -> bool {
    const LOOK: u32 = bindings::PTRACE_MODE_READ | bindings::PTRACE_MODE_FSCREDS;

    mode & bindings::PTRACE_MODE_NOAUDIT != 0
        || mode & (LOOK | bindings::PTRACE_MODE_ATTACH) == LOOK
}

/// Decides whether the current task, `object`, may have itself traced by its parent, `tracer`.
///
/// # Safety
///
/// `object` must be the current task, `tracer` valid.
#[no_mangle]
unsafe extern "C" fn jaula_ptrace_traceme(
    tracer: *mut task_struct,
    object: *mut task_struct,
) -> c_int {
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function.
    let tracer = unsafe { OtherTask::from_raw(tracer, &rcu) };

    // SAFETY: As above.
    unsafe {
        check(
            tracer.jail(),
            object,
            Access::Trace,
            (Class::Ptrace, c_str!("ptrace")),
            true,
        )
    }
}

/// Decides whether a file may send a signal to `object`, for whoever has set that it does. Called with
/// the lock of the file's owner held for reading, often in an interrupt: the current task has nothing to
/// do with it.
///
/// # Safety
///
/// `owner` must be that of a file, with that lock held, `object` valid.
#[no_mangle]
unsafe extern "C" fn jaula_file_send_sigiotask(
    object: *mut task_struct,
    owner: *mut fown_struct,
    _signal: c_int,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let sender = unsafe { bindings::f_owner_cred(owner) };
    if sender.is_null() {
        return 0;
    }
    // SAFETY: By the requirements of this function; the owner has a reference to the credentials.
    unsafe {
        check(
            credentials::jail_of(sender),
            object,
            Access::Signal,
            (Class::Signal, c_str!("SIGIO")),
            false,
        )
    }
}
