// SPDX-License-Identifier: GPL-2.0-only

//! Root in a jail is not root: what its capabilities, and the like, are worth there.

use crate::{
    allowance::Permission,
    credentials,
    exported::exported,
    jail::Jail,
    policy::{Class, Errno},
    refusal::{self, Target},
};
use kernel::{
    bindings::{self, cred, task_struct, user_namespace},
    c_str,
    ffi::{c_char, c_int, c_ulong},
    str::CStr,
};

exported!(
    jaula_capable,
    jaula_userns_create,
    jaula_gate,
    jaula_mmap_addr,
);

/// Decides whether a capability counts that `cred` has over `ns`, in whatever namespace: those that
/// are made within a jail give no more than the jail has. `is_quiet` says that nobody wants to know when
/// it does not, `is_look` that it is asked for a look alone.
///
/// # Safety
///
/// `cred` must be valid and have a blob.
#[no_mangle]
unsafe extern "C" fn jaula_capable(
    cred: *const cred,
    _ns: *mut user_namespace,
    capability: c_int,
    is_quiet: bool,
    is_look: bool,
) -> c_int {
    // SAFETY: By the requirements of this function.
    let Some(jail) = (unsafe { credentials::jail_of(cred) }) else {
        return 0;
    };
    // Root sees what runs in its jail. What it is that it looks at is decided about next, by
    // `jaula_ptrace_access_check`.
    if is_look && capability as u32 == bindings::CAP_SYS_PTRACE {
        return 0;
    }
    let permission = Permission::of_capability(capability as u32);

    if jail.is_allowed(permission) {
        return 0;
    }
    if !is_quiet {
        report(jail, c_str!("capable"), permission);
    }
    -(Errno::Perm as c_int)
}

/// Decides whether a user namespace may be made by one who has `cred`.
///
/// # Safety
///
/// `cred` must be valid and have a blob.
#[no_mangle]
unsafe extern "C" fn jaula_userns_create(cred: *const cred) -> c_int {
    // SAFETY: By the requirements of this function.
    let jail = unsafe { credentials::jail_of(cred) };

    check(jail, c_str!("userns_create"), &[Permission::USERNS])
}

/// Decides whether the current task, `subject`, may do something that Linux lets others do, too: it
/// needs `capability` or `other`. `call` is what it does.
///
/// # Safety
///
/// `subject` must be the current task, `call` a constant string.
#[no_mangle]
unsafe extern "C" fn jaula_gate(
    call: *const c_char,
    capability: c_int,
    other: c_int,
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function.
    unsafe {
        gate(
            CStr::from_char_ptr(call),
            &[capability as u32, other as u32],
            subject,
        )
    }
}

/// As [`jaula_gate`]: any of `capabilities` will do.
///
/// # Safety
///
/// `subject` must be the current task.
pub(crate) unsafe fn gate(
    call: &'static CStr,
    capabilities: &[u32; 2],
    subject: *mut task_struct,
) -> c_int {
    // SAFETY: By the requirements of this function; nothing here changes credentials.
    let jail = unsafe { credentials::jail_of_current(subject) };

    check(jail, call, &capabilities.map(Permission::of_capability))
}

/// Decides whether the current task, `subject`, may map memory at `address`. The lowest is for
/// CAP_SYS_RAWIO, which is looked for there without asking modules.
///
/// # Safety
///
/// `subject` must be the current task.
#[no_mangle]
unsafe extern "C" fn jaula_mmap_addr(address: c_ulong, subject: *mut task_struct) -> c_int {
    // SAFETY: An integer; who changes it meanwhile does so for the next call.
    if address >= unsafe { bindings::dac_mmap_min_addr } {
        return 0;
    }
    // SAFETY: By the requirements of this function; nothing here changes credentials.
    let jail = unsafe { credentials::jail_of_current(subject) };

    check(
        jail,
        c_str!("mmap"),
        &[Permission::of_capability(bindings::CAP_SYS_RAWIO)],
    )
}

/// Tells whether the current task, `subject`, has a permission.
///
/// # Safety
///
/// `subject` must be the current task.
pub(crate) unsafe fn is_allowed(subject: *mut task_struct, permission: Permission) -> bool {
    // SAFETY: By the requirements of this function; nothing here changes credentials.
    unsafe { credentials::jail_of_current(subject) }
        .map_or(true, |jail| jail.is_allowed(permission))
}

/// Decides by any of some permissions; what is refused is reported as lacking the first.
fn check(jail: Option<&Jail>, call: &'static CStr, any_of: &[Permission]) -> c_int {
    let Some(jail) = jail else { return 0 };

    if any_of.iter().any(|permission| jail.is_allowed(*permission)) {
        return 0;
    }
    report(jail, call, any_of[0]);
    -(Errno::Perm as c_int)
}

/// Whoever has a capability to look everywhere is asked for that first, and goes on with the one to do
/// everything: that is nothing to tell the log.
#[cold]
fn report(jail: &Jail, call: &'static CStr, permission: Permission) {
    const READ_SEARCH: Permission = Permission::of_capability(bindings::CAP_DAC_READ_SEARCH);
    const OVERRIDE: Permission = Permission::of_capability(bindings::CAP_DAC_OVERRIDE);

    if permission == READ_SEARCH && jail.is_allowed(OVERRIDE) {
        jail.count_refusal(Class::Capability);
    } else {
        refusal::report_on(
            jail,
            Class::Capability,
            call,
            &Target::permission(jail, permission),
        );
    }
}
