// SPDX-License-Identifier: MIT OR Apache-2.0

//! A filter of system calls whose decisions another process takes, which can put descriptors into the
//! one that is filtered.

use super::errno::{call, checked, Result};
use super::peer::owned;
use libc::c_int;
use std::os::fd::{AsRawFd, OwnedFd};

/// Has every call with this number by the calling process wait for what a listener says; the listener.
pub fn listen_to(number: libc::c_long) -> Result<OwnedFd> {
    let statement = |code: u32, k: u32, jump_if_not: u8| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_if_not,
        k,
    };
    let mut filter = [
        // The number of the call, which comes first in `seccomp_data`.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            number as u32,
            1,
        ),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    call!(
        libc::SYS_seccomp,
        libc::SECCOMP_SET_MODE_FILTER,
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
        &raw const program
    )
    .map(owned)
}

/// Waits until a call waits for the listener; its cookie.
pub fn next_call(listener: &OwnedFd) -> Result<u64> {
    // SAFETY: an all-zero value, as the command wants it, is a valid one of this plain C struct.
    let mut told: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    let (descriptor, command) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV);
    // SAFETY: the command writes to the struct, which outlives the call.
    checked(unsafe { libc::ioctl(descriptor, command as _, &mut told) })?;
    Ok(told.id)
}

/// Puts a descriptor into the process whose call waits; its number there.
pub fn add_descriptor(listener: &OwnedFd, cookie: u64, added: &OwnedFd) -> Result<c_int> {
    let request = libc::seccomp_notif_addfd {
        id: cookie,
        flags: 0,
        srcfd: added.as_raw_fd() as u32,
        newfd: 0,
        newfd_flags: 0,
    };
    let (descriptor, command) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD);
    // SAFETY: the command reads the struct, which outlives the call.
    checked(unsafe { libc::ioctl(descriptor, command as _, &request) })
}

/// Has the call that waits return a value.
pub fn answer(listener: &OwnedFd, cookie: u64, value: i64) -> Result<()> {
    let mut response = libc::seccomp_notif_resp {
        id: cookie,
        val: value,
        error: 0,
        flags: 0,
    };
    let (descriptor, command) = (listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND);
    // SAFETY: the command reads the struct, which outlives the call.
    checked(unsafe { libc::ioctl(descriptor, command as _, &mut response) }).map(drop)
}
