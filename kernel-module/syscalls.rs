// SPDX-License-Identifier: GPL-2.0-only

//! The system calls.

use crate::{
    exported::exported,
    jail::{number_of, relation, Jail},
    number,
    policy::{self, Access, Resource, Verdict},
    refusal,
    task::Subject,
    tree,
};
use kernel::{
    bindings::{self, get_current},
    error::Error,
    ffi::{c_int, c_long},
    prelude::*,
    types::ARef,
};

exported!(
    jaula_create_newjail,
    jaula_get_jailnumber,
    jaula_attach_jail,
    jaula_destroy_jail,
);

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

    to_return_value(subject.map(|subject| number_of(subject.jail())))
}

/// `long attach_jail(int number)`: puts the calling process into a jail within the one that it is
/// in. Returns 0.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_attach_jail(number: c_int) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| attach_jail(subject, number)))
}

/// `long destroy_jail(int number)`: ends a jail within the one that the caller is in, with all that
/// is in it, and returns 0 when nothing is left.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_destroy_jail(number: c_int) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| destroy_jail(&subject, number)))
}

fn create_newjail(subject: Subject) -> Result<u32> {
    if !subject.is_capable(bindings::CAP_SYS_ADMIN) {
        return Err(EPERM);
    }
    if let Some(parent) = subject.jail() {
        let mut members = parent.members.lock();
        let children = members.account(Resource::Children);
        if children.max == 0 {
            children.count_refusal();
            drop(members);
            refusal::report_limit(parent, Resource::Children);
            return Err(EPERM);
        }
    }
    // A thread that stays behind would share everything with the one that enters.
    if !subject.is_whole_process() {
        return Err(EINVAL);
    }

    let from = number_of(subject.jail());
    let jail = Jail::new(subject.jail())?;
    let number = jail.number();
    tree::plant(&jail)?;

    subject.enter(jail)?;
    // SAFETY: No lock is held.
    unsafe { bindings::jaula_report_create(number, from) };
    Ok(number)
}

fn attach_jail(subject: Subject, number: c_int) -> Result<u32> {
    let jail = administered(&subject, number)?;
    // A thread that stays behind would share everything with the one that enters.
    if !subject.is_whole_process() {
        return Err(EINVAL);
    }
    jail.reserve_task()?;
    let (number, from) = (jail.number(), number_of(subject.jail()));

    subject.enter(jail)?;
    // SAFETY: No lock is held.
    unsafe { bindings::jaula_report_attach(number, from) };
    Ok(0)
}

fn destroy_jail(subject: &Subject, number: c_int) -> Result<u32> {
    let jail = administered(subject, number)?;

    if tree::doom(&jail)? {
        // SAFETY: No lock is held.
        unsafe { bindings::jaula_report_destroy(jail.number(), number_of(subject.jail())) };
    }
    jail.gone.wait()?;
    Ok(0)
}

/// Finds the jail that the caller wants to do something to.
///
/// # Errors
///
/// `EPERM` without the privilege, `EINVAL` for the caller's own jail and for what is no number of a
/// jail, `ESRCH` for one that the caller may do nothing to, whether it exists or not.
fn administered(subject: &Subject, number: c_int) -> Result<ARef<Jail>> {
    if !subject.is_capable(bindings::CAP_SYS_ADMIN) {
        return Err(EPERM);
    }
    let number = u32::try_from(number).map_err(|_| EINVAL)?;
    if number == policy::HOST {
        return Err(EINVAL);
    }
    let jail = number::find(number).ok_or(ESRCH)?;
    let relation = relation(subject.jail(), Some(&jail));

    match policy::decide(relation, Access::AdministerJail) {
        Verdict::Allow => Ok(jail),
        Verdict::Refuse(_) | Verdict::AllowWith(..) => Err(EINVAL),
        Verdict::Hide => Err(ESRCH),
    }
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
