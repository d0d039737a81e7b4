// SPDX-License-Identifier: GPL-2.0-only

//! The system calls.

use crate::{
    descriptor::{self, FreeDescriptor, Handle, Rights},
    exported::exported,
    jail::{number_of, relation, Jail},
    number,
    policy::{self, Access, Relation, Resource, Verdict},
    refusal,
    task::Subject,
    tree,
};
use core::ptr;
use kernel::{
    bindings::{self, get_current},
    error::Error,
    ffi::{c_int, c_long, c_uint},
    prelude::*,
    types::ARef,
};

exported!(
    jaula_create_newjail,
    jaula_get_jailnumber,
    jaula_attach_jail,
    jaula_destroy_jail,
    jaula_open_jail,
    jaula_create_owned_jail,
    jaula_attach_jailfd,
    jaula_destroy_jailfd,
    jaula_disown_jail,
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

/// The value of a descriptor that stands for the caller's own jail.
const OWN: c_int = -1;

/// `int open_jail(int jail_fd, int number, unsigned int flags)`: opens a descriptor of a jail within the one
/// that another names, or with -1 of the caller's own or one within that.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_open_jail(jail_fd: c_int, number: c_int, flags: c_uint) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| open_jail(&subject, jail_fd, number, flags)))
}

/// `int create_owned_jail(int jail_fd, unsigned int flags)`: makes a jail within the one that a descriptor
/// names, or with -1 within the caller's own, and returns a descriptor that owns it.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_create_owned_jail(jail_fd: c_int, flags: c_uint) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| create_owned_jail(&subject, jail_fd, flags)))
}

/// `int attach_jailfd(int jail_fd, unsigned int flags)`: puts the calling process into the jail that a
/// descriptor names. Returns 0.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_attach_jailfd(jail_fd: c_int, flags: c_uint) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| attach_jailfd(subject, jail_fd, flags)))
}

/// `int destroy_jailfd(int jail_fd, unsigned int flags)`: ends the jail that a descriptor names, with all
/// that is in it, and returns 0 when nothing is left.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_destroy_jailfd(jail_fd: c_int, flags: c_uint) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| destroy_jailfd(&subject, jail_fd, flags)))
}

/// `int disown_jail(int jail_fd, unsigned int flags)`: gives up the ownership of a jail. Returns 0.
///
/// # Safety
///
/// To be called as a system call: in process context, with no lock held.
#[no_mangle]
unsafe extern "C" fn jaula_disown_jail(jail_fd: c_int, flags: c_uint) -> c_long {
    // SAFETY: The subject ends with this function, which makes no other.
    let subject = unsafe { current_subject() };

    to_return_value(subject.and_then(|subject| disown_jail(&subject, jail_fd, flags)))
}

/// Looks up the descriptor of a call that has no flags.
fn handle(jail_fd: c_int, flags: c_uint) -> Result<Handle> {
    if flags != 0 {
        return Err(EINVAL);
    }
    Handle::get(jail_fd)
}

fn create_newjail(subject: Subject) -> Result<u32> {
    if !subject.is_capable(bindings::CAP_SYS_ADMIN) {
        return Err(EPERM);
    }
    check_has_jails(subject.jail())?;
    // A thread that stays behind would share everything with the one that enters.
    if !subject.is_whole_process() {
        return Err(EINVAL);
    }

    let from = number_of(subject.jail());
    let jail = Jail::new(subject.jail(), false)?;
    let number = jail.number();
    tree::plant(&jail)?;

    subject.enter(jail)?;
    // SAFETY: No lock is held.
    unsafe { bindings::jaula_report_create(number, from) };
    Ok(number)
}

/// Fails where a jail may have none within it, which it may not unless it is told.
fn check_has_jails(parent: Option<&Jail>) -> Result {
    let Some(parent) = parent else { return Ok(()) };
    let mut members = parent.members.lock();
    let children = members.account(Resource::Children);

    if children.max == 0 {
        children.count_refusal();
        drop(members);
        refusal::report_limit(parent, Resource::Children);
        return Err(EPERM);
    }
    Ok(())
}

fn open_jail(subject: &Subject, jail_fd: c_int, number: c_int, flags: c_uint) -> Result<u32> {
    let rights = Rights::from_flags(flags)?;
    let wanted = u32::try_from(number).map_err(|_| EINVAL)?;
    if wanted == policy::HOST {
        return Err(EINVAL);
    }

    let jail = if jail_fd == OWN {
        let jail = number::find(wanted).ok_or(ESRCH)?;
        let relation = relation(subject.jail(), Some(&jail));
        if policy::decide(relation, Access::SeeJail) != Verdict::Allow {
            return Err(ESRCH);
        }
        if !rights.is_empty() {
            let may = policy::decide(relation, Access::AdministerJail) == Verdict::Allow;
            if !may || !subject.is_capable(bindings::CAP_SYS_ADMIN) {
                return Err(EPERM);
            }
        }
        jail
    } else {
        let around = Handle::get(jail_fd)?;
        let jail = number::find(wanted).ok_or(ESRCH)?;
        if ptr::eq(&*jail, &**around.jail()) || !jail.is_within(around.jail()) {
            return Err(ESRCH);
        }
        around.check(rights)?;
        jail
    };
    Ok(FreeDescriptor::reserve()?
        .fill(jail, rights, false)?
        .install())
}

fn create_owned_jail(subject: &Subject, jail_fd: c_int, flags: c_uint) -> Result<u32> {
    if flags != 0 {
        return Err(EINVAL);
    }
    let around = if jail_fd == OWN {
        if !subject.is_capable(bindings::CAP_SYS_ADMIN) {
            return Err(EPERM);
        }
        None
    } else {
        let around = Handle::get(jail_fd)?;
        around.check(Rights::ADMINISTER)?;
        Some(around)
    };
    let parent = match &around {
        Some(around) => Some(&**around.jail()),
        None => subject.jail(),
    };
    check_has_jails(parent)?;
    // Before there is a jail: it is to be made with its owner or not at all.
    let place = FreeDescriptor::reserve()?;
    let jail = Jail::new(parent, true)?;
    let number = jail.number();
    let owner = place.fill(jail.clone(), Rights::ALL, true)?;
    // One that is not planted has no end either.
    tree::plant(&jail).inspect_err(|_| owner.give_up())?;

    // SAFETY: No lock is held.
    unsafe { bindings::jaula_report_create(number, number_of(subject.jail())) };
    Ok(owner.install())
}

fn attach_jailfd(subject: Subject, jail_fd: c_int, flags: c_uint) -> Result<u32> {
    let handle = handle(jail_fd, flags)?;

    handle.check(Rights::ATTACH)?;
    // What is entered with goes to whoever is root there: a root directory, and a user's name. That is for
    // root outside to give.
    if !subject.is_capable(bindings::CAP_SYS_ADMIN) {
        return Err(EPERM);
    }
    // Whoever has handed over the descriptor has not let the caller out.
    if relation(subject.jail(), Some(handle.jail())) != Relation::Down {
        return Err(EPERM);
    }
    let jail = handle.jail().clone();
    drop(handle);
    enter(subject, jail)
}

fn destroy_jailfd(subject: &Subject, jail_fd: c_int, flags: c_uint) -> Result<u32> {
    let handle = handle(jail_fd, flags)?;

    handle.check(Rights::ADMINISTER)?;
    // It would wait for itself.
    if is_in(subject, handle.jail()) {
        return Err(EINVAL);
    }
    let jail = handle.jail().clone();
    drop(handle);
    match destroy(subject, &jail) {
        // It has ended, or is about to.
        Err(error) if error == ESRCH => jail.gone.wait().map(|()| 0),
        result => result,
    }
}

fn disown_jail(subject: &Subject, jail_fd: c_int, flags: c_uint) -> Result<u32> {
    let handle = handle(jail_fd, flags)?;

    // However it has come by that.
    if is_in(subject, handle.jail()) {
        return Err(EPERM);
    }
    handle.disown().map(|()| 0)
}

/// Tells whether the caller is in a jail, at any depth.
fn is_in(subject: &Subject, jail: &Jail) -> bool {
    subject.jail().is_some_and(|own| own.is_within(jail))
}

fn attach_jail(subject: Subject, number: c_int) -> Result<u32> {
    let jail = administered(&subject, number)?;

    enter(subject, jail)
}

fn enter(subject: Subject, jail: ARef<Jail>) -> Result<u32> {
    // A thread that stays behind would share everything with the one that enters.
    if !subject.is_whole_process() {
        return Err(EINVAL);
    }
    if descriptor::is_barred_from(&jail) {
        return Err(EBUSY);
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

    destroy(subject, &jail)
}

fn destroy(subject: &Subject, jail: &Jail) -> Result<u32> {
    if tree::doom(jail)? {
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
