// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files that send signals.

use super::errno::{checked, Result};
use libc::{c_int, pid_t};
use std::os::fd::{AsFd, AsRawFd};

const F_SETSIG: c_int = 10;
const F_NOTIFY: c_int = 1026;
const DN_MODIFY: c_int = 2;

fn control(descriptor: &impl AsFd, command: c_int, value: c_int) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::fcntl(descriptor.as_fd().as_raw_fd(), command, value) }).map(drop)
}

/// Has a descriptor send signals when there is something to be read.
pub fn signal_input(descriptor: &impl AsFd) -> Result<()> {
    control(descriptor, libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK)
}

/// Sets whom they go to.
pub fn set_owner(descriptor: &impl AsFd, owner: pid_t) -> Result<()> {
    control(descriptor, libc::F_SETOWN, owner)
}

/// Chooses which signal it is; 0 is SIGIO again.
pub fn choose(descriptor: &impl AsFd, signal: c_int) -> Result<()> {
    control(descriptor, F_SETSIG, signal)
}

/// Takes a lease for reading.
pub fn lease(descriptor: &impl AsFd) -> Result<()> {
    control(descriptor, libc::F_SETLEASE, libc::F_RDLCK)
}

/// Has the caller told when a file in a directory changes.
pub fn watch(descriptor: impl AsFd) -> Result<()> {
    control(&descriptor, F_NOTIFY, DN_MODIFY)
}
