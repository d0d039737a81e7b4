// SPDX-License-Identifier: GPL-2.0-only

//! Keys and keyrings. A key belongs to the jail that binds the credentials with which it was made.

use crate::{
    credentials,
    exported::exported,
    identity::{Identity, Mark},
    jail::Jail,
    policy::{self, Access, Class, Errno, Relation},
    refusal::{self, Target},
};
use core::{cell::UnsafeCell, ptr};
use kernel::{
    bindings::{self, cred, get_current, key, user_namespace},
    c_str,
    ffi::c_int,
};

exported!(
    jaula_key_alloc,
    jaula_key_permission,
    jaula_key_user_register,
);

/// The place of the register of a jail's per-user keyrings, null until somebody in the jail looks for
/// one of them.
///
/// # Invariants
///
/// The pointer is null or a reference to a key, which this value owns.
pub(crate) struct UserKeyrings(UnsafeCell<*mut key>);

impl UserKeyrings {
    /// Makes the place of a register that there is not yet.
    pub(crate) const fn new() -> Self {
        // INVARIANT: It is null.
        Self(UnsafeCell::new(ptr::null_mut()))
    }
}

impl Drop for UserKeyrings {
    /// Gives the register back. May run in any context.
    fn drop(&mut self) {
        // SAFETY: By the type invariant; null is passed over.
        unsafe { bindings::jaula_key_put(*self.0.get_mut()) };
    }
}

/// Marks a new key. In a jail none is made by which a program of the host would be asked for another,
/// nor such as all processes of a user look for by name, whatever jail they are in.
///
/// # Safety
///
/// `key` must be a key in the making, with a blob.
#[no_mangle]
unsafe extern "C" fn jaula_key_alloc(key: *mut key) -> c_int {
    // SAFETY: It is the current task; nothing here changes credentials.
    let jail = unsafe { credentials::jail_of_current(get_current()) };
    // SAFETY: By the requirements of this function.
    let (is_shared, is_kernels) = unsafe {
        (
            bindings::jaula_key_is_shared(key),
            bindings::jaula_is_kernel_at_work(),
        )
    };

    let maker = match jail {
        Some(jail) if is_shared => {
            let target = Target::of(c_str!("key that all share"), Identity::HOST);
            refusal::report_on(jail, Class::Key, c_str!("request_key"), &target);
            return -(Errno::Perm as c_int);
        }
        None if is_kernels => Identity::KERNEL,
        jail => Identity::of(jail),
    };
    // SAFETY: By the requirements of this function nobody else sees it yet.
    unsafe { mark_of(key).set(maker) };
    0
}

/// Decides whether the credentials in use may use `key`, or just see that it is there (`is_look`), or
/// find it in a keyring that the kernel or they themselves have (`is_search`). May be called under RCU:
/// may not sleep.
///
/// # Safety
///
/// `key` must be valid, and have a blob.
#[no_mangle]
unsafe extern "C" fn jaula_key_permission(key: *mut key, is_look: bool, is_search: bool) -> c_int {
    // SAFETY: It is the current task; nothing here changes credentials.
    let jail = unsafe { credentials::jail_of_current(get_current()) };
    // SAFETY: By the requirements of this function; a mark is set before a key can be found.
    let owner = unsafe { mark_of(key).get() };

    if owner == Identity::of(jail) {
        return 0;
    }
    // What signatures are checked against is found, wherever it is that something is checked.
    let is_found = match owner {
        Identity::KERNEL => jail.is_none() || is_look || is_search,
        // SAFETY: By the requirements of this function.
        Identity::HOST => is_search && unsafe { bindings::jaula_key_is_certificate(key) },
        _ => false,
    };
    if is_found {
        return 0;
    }
    // How the two stand to each other, not being the same, makes no difference.
    match policy::decide(Relation::UpOrAcross, Access::UseKey).refusal() {
        Some(errno) => {
            if !is_look {
                // SAFETY: By the requirements of this function.
                let serial = unsafe { (*key).serial };
                let target = Target::of(c_str!("key"), owner).with_id(serial);
                refusal::report_from(jail, Class::Key, c_str!("keyctl"), &target);
            }
            -(errno as c_int)
        }
        None => 0,
    }
}

/// Lets each jail have per-user keyrings of its own. In a user namespace that was made in a jail the
/// namespace's own register does.
///
/// # Safety
///
/// `place` must be valid for writing.
#[no_mangle]
unsafe extern "C" fn jaula_key_user_register(ns: *mut user_namespace, place: *mut *mut *mut key) {
    // SAFETY: It is the current task; nothing here changes credentials.
    let Some(jail) = (unsafe { credentials::jail_of_current(get_current()) }) else {
        return;
    };

    if ptr::eq(ns, &raw const bindings::init_user_ns) {
        // SAFETY: By the requirements of this function. What is put there is part of the jail, which
        // stays for as long as the credentials do.
        unsafe { place.write(jail.user_keyrings.0.get()) };
    }
}

/// Tells whether the session keyring of credentials, if they have one, is fit for those that `jail` binds.
///
/// # Safety
///
/// `cred` must be valid.
pub(crate) unsafe fn is_session_of(cred: *const cred, jail: Option<&Jail>) -> bool {
    // SAFETY: By the requirements of this function.
    let keyring = unsafe { bindings::jaula_session_keyring(cred) };
    if keyring.is_null() {
        return true;
    }
    // SAFETY: Credentials have a reference to their keyrings.
    let owner = unsafe { mark_of(keyring).get() };

    owner == Identity::of(jail) || owner == Identity::KERNEL && jail.is_none()
}

/// # Safety
///
/// `key` must be valid for `'a`, and have a blob.
unsafe fn mark_of<'a>(key: *mut key) -> &'a Mark {
    // SAFETY: By the requirements of this function; the place was given to this module before the
    // first hook was called.
    unsafe { Mark::in_blob((*key).security, bindings::jaula_blob_sizes.lbs_key) }
}
