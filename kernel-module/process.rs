// SPDX-License-Identifier: GPL-2.0-only

//! What one task does to another: signals, tracing, scheduling.
//!
//! Nothing here sleeps: some of it is asked under RCU, or with the list of all tasks locked.

use crate::{
    exported::exported,
    policy::{Access, Class},
    rcu,
    reach::{Party, Told},
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
    jaula_task_setrlimit,
    jaula_ptrace_access_check,
    jaula_ptrace_traceme,
    jaula_file_send_sigiotask,
);

/// Decides whether the current task, `subject`, may send `signal` to `object`. `cred` is not null when
/// somebody else's credentials stand for the sender: those of whoever asked for the signal. `is_kernels`
/// is set when the kernel has chosen to send it in the name of the current task.
///
/// # Safety
///
/// `subject` must be the current task, `object` and `cred`, unless null, be valid.
#[no_mangle]
unsafe extern "C" fn jaula_task_kill(
    object: *mut task_struct,
    signal: c_int,
    is_kernels: bool,
    cred: *const cred,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    if cred.is_null() && unsafe { is_same_jail(subject, object) } {
        return 0;
    }
    // SAFETY: As above.
    unsafe { kill_across(object, signal, is_kernels, cred, subject) }
}

/// Tells whether a task is in the jail of the current one, `subject`: nearly all that is asked about is,
/// and needs no stack.
///
/// # Safety
///
/// `subject` must be the current task, `object` valid.
#[inline(always)]
unsafe fn is_same_jail(subject: *mut task_struct, object: *mut task_struct) -> bool {
    // SAFETY: By the requirements of this function; the value ends with it. Tags are compared and not
    // followed: that of another task may change meanwhile, as it may have a moment later.
    unsafe {
        Subject::from_current(subject)
            .tag()
            .is_same(task::tag_of(object))
    }
}

/// Tells whether the current task, `subject`, is on the host, where nothing binds credentials.
///
/// # Safety
///
/// `subject` must be the current task.
#[inline(always)]
unsafe fn is_on_host(subject: *mut task_struct) -> bool {
    // SAFETY: By the requirements of this function; the value ends with it.
    unsafe { Subject::from_current(subject) }.jail().is_none()
}

/// # Safety
///
/// As for [`jaula_task_kill`].
#[inline(never)]
unsafe fn kill_across(
    object: *mut task_struct,
    signal: c_int,
    is_kernels: bool,
    cred: *const cred,
    subject: *mut task_struct,
) -> c_int {
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function.
    let object = unsafe { OtherTask::from_raw(object, &rcu) };
    // SAFETY: As above; nothing here changes what the current task is or has.
    let (actor, told) = unsafe {
        if cred.is_null() {
            (Party::current(subject), Told::OfCurrent)
        } else {
            (Party::of_credentials(cred), Told::OfSomebody)
        }
    };
    // The session of the current task is nobody's who is not there.
    let goes_on =
        cred.is_null() && signal == bindings::SIGCONT as c_int && object.is_in_session_of_current();
    let is_free = is_kernels || signal == 0 || goes_on;
    let access = if is_free {
        Access::SignalFreely
    } else {
        Access::Signal
    };

    check(
        &actor,
        &object,
        access,
        (Class::Signal, c_str!("kill")),
        told,
    )
}

/// Decides about what somebody wants of a task, by the jails that both are in.
fn check(
    actor: &Party<'_>,
    object: &OtherTask<'_>,
    access: Access,
    call: (Class, &'static CStr),
    told: Told,
) -> c_int {
    let reached = Party::task(object);

    actor.check(
        &reached,
        (actor.relation_to(&reached), access),
        call,
        &object.target(),
        told,
    )
}

/// Decides whether the current task, `subject`, may ask how `object` is scheduled, or for whatever is
/// governed alike, or with `changes` change it. `call` is what it has called.
///
/// # Safety
///
/// `subject` must be the current task, `object` valid, and `call` a constant string.
#[no_mangle]
unsafe extern "C" fn jaula_task_schedule(
    object: *mut task_struct,
    changes: bool,
    call: *const c_char,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    if unsafe { is_same_jail(subject, object) && (!changes || is_on_host(subject)) } {
        return 0;
    }
    let access = if changes {
        Access::Schedule
    } else {
        Access::AskSchedule
    };
    // SAFETY: As above.
    unsafe { change_other(object, access, CStr::from_char_ptr(call), subject) }
}

/// # Safety
///
/// `subject` must be the current task, `object` valid.
#[inline(never)]
unsafe fn change_other(
    object: *mut task_struct,
    access: Access,
    call: &'static CStr,
    subject: *mut task_struct,
) -> c_int {
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function; nothing here changes what the current task is or
    // has.
    let (actor, object) = unsafe { (Party::current(subject), OtherTask::from_raw(object, &rcu)) };
    let reached = Party::task(&object);
    let relation = match access {
        Access::AskSchedule => actor.relation_to(&reached),
        _ => actor.relation_to_both(&reached),
    };

    actor.check(
        &reached,
        (relation, access),
        (Class::Sched, call),
        &object.target(),
        Told::OfCurrent,
    )
}

/// Decides whether the current task, `subject`, may change a limit of `object`. What it is told of by
/// credentials comes to [`crate::credentials`] before. Called with a lock of the object held.
///
/// # Safety
///
/// `subject` must be the current task, `object` valid.
#[no_mangle]
unsafe extern "C" fn jaula_task_setrlimit(
    object: *mut task_struct,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    if object == subject || unsafe { is_on_host(subject) && is_same_jail(subject, object) } {
        return 0;
    }
    // SAFETY: As above.
    unsafe { change_other(object, Access::SetLimits, c_str!("prlimit"), subject) }
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
    // SAFETY: By the requirements of this function.
    if unsafe { is_on_host(subject) && is_same_jail(subject, object) } {
        return 0;
    }
    // SAFETY: As above.
    unsafe { trace_across(object, mode, subject) }
}

/// # Safety
///
/// As for [`jaula_ptrace_access_check`].
#[inline(never)]
unsafe fn trace_across(object: *mut task_struct, mode: c_uint, subject: *mut task_struct) -> c_int {
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function; nothing here changes what the current task is or
    // has.
    let (tracer, traced) = unsafe { (Party::current(subject), OtherTask::from_raw(object, &rcu)) };
    let access = if mode & bindings::PTRACE_MODE_ATTACH != 0 {
        Access::Trace
    } else {
        Access::Look
    };
    let told = if is_listing(mode) {
        Told::Not
    } else {
        Told::OfCurrent
    };

    check_trace(&tracer, &traced, access, told)
}

fn check_trace(tracer: &Party<'_>, traced: &OtherTask<'_>, access: Access, told: Told) -> c_int {
    let reached = Party::task(traced);

    tracer.check(
        &reached,
        (tracer.relation_to_both(&reached), access),
        (Class::Ptrace, c_str!("ptrace")),
        &traced.target(),
        told,
    )
}

/// Tells whether a check is for a look into `/proc`, which comes by the hundred when processes are
/// listed, and is not reported.
fn is_listing(mode: c_uint) -> bool {
    const LOOK: u32 = bindings::PTRACE_MODE_READ | bindings::PTRACE_MODE_FSCREDS;

    mode & bindings::PTRACE_MODE_NOAUDIT != 0
        || mode & (LOOK | bindings::PTRACE_MODE_ATTACH) == LOOK
}

/// Decides whether the current task, `object`, may have itself traced by its parent, `tracer`. Called
/// with the list of all tasks locked.
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
    let (tracer, object) = unsafe {
        (
            OtherTask::from_raw(tracer, &rcu),
            OtherTask::from_raw(object, &rcu),
        )
    };

    check_trace(
        &Party::task(&tracer),
        &object,
        Access::Trace,
        Told::OfCurrent,
    )
}

/// Decides whether a file may send `signal` to `object`, for whoever has set that it does, and for whoever
/// has chosen the signal. Called with the lock of the file's owner held for reading, often in an interrupt:
/// the current task has nothing to do with it.
///
/// # Safety
///
/// `owner` must be that of a file, with that lock held, `object` valid.
#[no_mangle]
unsafe extern "C" fn jaula_file_send_sigiotask(
    object: *mut task_struct,
    owner: *mut fown_struct,
    signal: c_int,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let senders = unsafe {
        [
            bindings::f_owner_cred(owner),
            bindings::f_owner_signum_cred(owner, signal),
        ]
    };

    for sender in senders {
        // SAFETY: By the requirements of this function; the owner has a reference to the credentials.
        let result = unsafe { send_from_file(sender, object) };
        if result != 0 {
            return result;
        }
    }
    0
}

/// # Safety
///
/// `sender` must be null, for nobody, or valid, and `object` be valid.
#[inline(never)]
unsafe fn send_from_file(sender: *const cred, object: *mut task_struct) -> c_int {
    if sender.is_null() {
        return 0;
    }
    let rcu = rcu::Guard::new();
    // SAFETY: By the requirements of this function.
    let (actor, object) = unsafe {
        (
            Party::of_credentials(sender),
            OtherTask::from_raw(object, &rcu),
        )
    };

    check(
        &actor,
        &object,
        Access::Signal,
        (Class::Signal, c_str!("SIGIO")),
        Told::OfSomebody,
    )
}
