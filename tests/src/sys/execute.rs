// SPDX-License-Identifier: MIT OR Apache-2.0

//! Executing files that have no path, and files that have none but in memory.

use super::errno::{checked, Errno, Result};
use super::peer::owned;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;

/// Executes the file of a descriptor instead of this program: why it did not.
pub fn file(file: &impl AsRawFd, arguments: &[&str]) -> Errno {
    let strings: Option<Vec<CString>> = arguments
        .iter()
        .map(|argument| CString::new(*argument).ok())
        .collect();
    let Some(strings) = strings else {
        return Errno::EINVAL;
    };
    let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null::<libc::c_char>()];
    // SAFETY: both arrays end with a null pointer, hold strings that end with a null byte, and outlive
    // the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            c"".as_ptr(),
            pointers.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    checked(result).err().unwrap_or(Errno::EINVAL)
}

/// Makes a file in memory.
pub fn memory() -> Result<File> {
    // SAFETY: the name ends with a null byte and outlives the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_memfd_create,
            c"program".as_ptr(),
            libc::MFD_CLOEXEC,
        )
    })
    .map(|descriptor| File::from(owned(descriptor)))
}
