// SPDX-License-Identifier: GPL-2.0-only

//! Sockets that reach beyond a jail by themselves.
//!
//! UNIX sockets with abstract addresses are found by name in all jails of a network namespace. One
//! belongs to the jail that binds the credentials with which it was made. What is connected stays so: a
//! descriptor is a capability. Sockets with a path are where the file system lets them be reached.

use crate::{
    capability, credentials,
    exported::exported,
    identity::Identity,
    policy::{self, Access, Class, Relation},
    refusal::{self, Target},
};
use kernel::{
    bindings::{self, cred, sock, task_struct},
    c_str,
    ffi::c_int,
};

exported!(jaula_unix_send, jaula_socket_create);

/// Decides whether the current task, `subject`, may connect or send to `other`, which was made with the
/// credentials `owner`, null where the kernel has made it. Called with the lock of the socket's state
/// held: may not sleep.
///
/// # Safety
///
/// `subject` must be the current task, `other` a UNIX socket that is locked and not dead, and `owner`
/// null or valid as long.
#[no_mangle]
unsafe extern "C" fn jaula_unix_send(
    other: *mut sock,
    owner: *const cred,
    subject: *mut task_struct,
) -> c_int {
    if owner.is_null() {
        return 0;
    }
    // SAFETY: By the requirements of this function; nothing here changes the credentials of the current
    // task.
    let (jail, owner) = unsafe {
        (
            credentials::jail_of_current(subject),
            credentials::jail_of(owner),
        )
    };

    // SAFETY: By the requirements of this function.
    if credentials::is_same(jail, owner) || !unsafe { bindings::jaula_unix_is_abstract(other) } {
        return 0;
    }
    // How the two stand to each other, not being the same, makes no difference.
    match policy::decide(Relation::UpOrAcross, Access::UseAbstractSocket).refusal() {
        Some(errno) => {
            let target = Target::of(c_str!("abstract socket"), Identity::of(owner));
            refusal::report_from(jail, Class::Unix, c_str!("connect"), &target);
            -(errno as c_int)
        }
        None => 0,
    }
}

/// Decides whether the current task, `subject`, may make a socket that tells of all sockets or
/// processes, or whose addresses belong to no network namespace.
///
/// # Safety
///
/// `subject` must be the current task.
#[no_mangle]
unsafe extern "C" fn jaula_socket_create(
    family: c_int,
    protocol: c_int,
    subject: *mut task_struct,
) -> c_int {
    let tells_of_all = match (family as u32, protocol as u32) {
        (bindings::AF_NETLINK, bindings::NETLINK_SOCK_DIAG | bindings::NETLINK_CONNECTOR) => {
            // SAFETY: May be called by any task.
            unsafe { bindings::jaula_is_in_init_net() }
        }
        (bindings::AF_VSOCK, _) => true,
        _ => false,
    };

    if !tells_of_all {
        return 0;
    }
    // SAFETY: By the requirements of this function.
    unsafe {
        capability::gate(
            c_str!("socket"),
            &[bindings::CAP_NET_ADMIN, bindings::CAP_SYS_ADMIN],
            subject,
        )
    }
}
