// SPDX-License-Identifier: GPL-2.0-only

//! The system calls.

use crate::{
    exported::exported,
    jail::{number_of, Jail},
    policy,
    task::Subject,
};
use kernel::{
    bindings::{self, get_current},
    error::Error,
    ffi::c_long,
    prelude::*,
};

exported!(jaula_create_newjail, jaula_get_jailnumber);

/// `long create_newjail(void)`: puts the calling process into a new jail within the one that it is
/// in, and returns the new jail's number.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_create_newjail() -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(create_newjail))
}

/// `long get_jailnumber(void)`: returns the number of the caller's jail, 0 on the host.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_get_jailnumber() -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.map(|subject| number_of(subject.jail().as_deref())))
}

fn create_newjail(subject: Subject) -> Result<u32> {
    if !subject.is_capable(bindings::CAP_SYS_ADMIN) {
        return Err(EPERM);
    }
    if !policy::may_have_children(number_of(subject.jail().as_deref())) {
        return Err(EPERM);
    }
    // A thread that stays behind would share everything with the one that enters.
    if !subject.is_whole_process() {
        return Err(EINVAL);
    }

    let jail = Jail::new(subject.jail())?;
    let number = jail.number();

    // Nothing can fail from here on. The adjustments are made to objects of the old jail, as a
    // member of the old jail.
    subject.leave_sysv_ipc();
    subject.enter(jail);
    Ok(number)
}

/// Returns the caller, where the module is enabled at all.
///
/// # Safety
///
/// The caller must make no second `Subject` while it has this one, and not keep it beyond the
/// system call.
unsafe fn current_subject() -> Result<Subject> {
    // SAFETY: Written while the kernel boots and only read afterwards.
    if !unsafe { bindings::jaula_enabled } {
        return Err(Error::from_errno(-(bindings::EOPNOTSUPP as i32)));
    }
    // SAFETY: It is the current task; for the rest by the requirements of this function.
    Ok(unsafe { Subject::from_current(get_current()) })
}

fn to_return_value(result: Result<u32>) -> c_long {
    match result {
        // A number has 31 bits, so that it is positive on 32-bit machines too.
        Ok(number) => number as c_long,
        Err(error) => error.to_errno() as c_long,
    }
}
