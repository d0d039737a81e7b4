// SPDX-License-Identifier: MIT OR Apache-2.0

//! Error numbers by name.

use std::fmt;

/// An error number of the kernel; shown by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

/// What a system call gave.
pub type Result<T> = std::result::Result<T, Errno>;

/// A constant for each error number that the tests name, and the names for printing.
macro_rules! errnos {
    ($($name:ident)*) => {
        impl Errno {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $name: Errno = Errno(libc::$name);
            )*

            /// The symbolic name, where it is one that the tests know.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(libc::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    E2BIG EACCES EADDRINUSE EAFNOSUPPORT EAGAIN EBADF EBUSY ECHILD ECONNREFUSED EEXIST EFAULT EFBIG
    EIDRM EINTR EINVAL EIO EISDIR EKEYREVOKED ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT
    ENOEXEC ENOKEY ENOMEM ENOMSG ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTTY ENXIO EOPNOTSUPP EPERM EPIPE
    EPROTONOSUPPORT ERANGE EROFS ESRCH ESTALE ETIMEDOUT ETXTBSY EUSERS EXDEV
}

impl Errno {
    /// The calling thread's error number, as the last failed call left it.
    pub fn last() -> Errno {
        Errno(
            std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO),
        )
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The result of a C library call that returns -1 and sets `errno` on failure.
pub(crate) fn checked<T: PartialEq + From<i8>>(value: T) -> Result<T> {
    if value == T::from(-1) {
        Err(Errno::last())
    } else {
        Ok(value)
    }
}

/// A system call by its number. Only for wrappers in this directory: each passes integers, and
/// pointers to what outlives the call and is as large as the call takes it to be.
macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {{
        // SAFETY: by this macro's contract the kernel touches nothing but what the wrapper means.
        let result = unsafe { libc::syscall($number $(, $argument)*) };
        $crate::sys::errno::checked(result)
    }};
}

pub(crate) use call;
