// SPDX-License-Identifier: MIT OR Apache-2.0

//! POSIX message queues. Names are the kernel's: without the slash that the C library wants.

use super::errno::{call, Errno, Result};
use super::peer::owned;
use std::ffi::CString;
use std::os::fd::OwnedFd;

fn c_name(name: &str) -> Result<CString> {
    CString::new(name).map_err(|_| Errno::EINVAL)
}

/// `struct mq_attr` of the kernel.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    flags: libc::c_long,
    messages: libc::c_long,
    size: libc::c_long,
    current: libc::c_long,
    reserved: [libc::c_long; 4],
}

/// `mq_open(2)` for reading and writing; a queue that it creates is everybody's, and small.
pub fn open(name: &str, flags: i32) -> Result<OwnedFd> {
    let name = c_name(name)?;
    let attributes = Attributes {
        messages: 4,
        size: 16,
        ..Attributes::default()
    };
    call!(
        libc::SYS_mq_open,
        name.as_ptr(),
        libc::O_RDWR | libc::O_CLOEXEC | libc::O_NONBLOCK | flags,
        0o666,
        &raw const attributes
    )
    .map(owned)
}

/// `mq_unlink(2)`.
pub fn unlink(name: &str) -> Result<()> {
    let name = c_name(name)?;
    call!(libc::SYS_mq_unlink, name.as_ptr()).map(drop)
}
