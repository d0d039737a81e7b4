// SPDX-License-Identifier: MIT OR Apache-2.0

//! Typed jail numbers and the calls that give them.

use std::ffi::c_long;
use std::fmt;

use nix::errno::Errno;

use crate::error::{Call, JailError};
use crate::sys;

/// The number of a jail: 0 is the host, every other is a positive 31-bit integer.
///
/// A number is never given out again while a task or an IPC object still carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JailNumber(u32);

impl JailNumber {
    /// The host, outside of every jail.
    pub const HOST: JailNumber = JailNumber(0);

    /// A number as the kernel gives it; `None` outside 0 to 2^31 - 1.
    pub fn new(number: u32) -> Option<Self> {
        (number <= i32::MAX as u32).then_some(JailNumber(number))
    }

    /// The plain number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Whether this is the host rather than a jail.
    pub fn is_host(self) -> bool {
        self == Self::HOST
    }

    fn from_kernel(number: c_long) -> Option<Self> {
        u32::try_from(number).ok().and_then(Self::new)
    }
}

impl fmt::Display for JailNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Enters a new jail, a child of the one the caller is in, and returns its number.
///
/// The calling process stays in it for good, and so does everything it forks or executes.
///
/// # Errors
///
/// As `docs/abi.md` lists them; a number outside the documented range is reported as
/// `EPROTO`, for a kernel that gives one speaks another protocol.
pub fn create_newjail() -> Result<JailNumber, JailError> {
    let error = |errno| JailError::new(Call::CreateNewjail, errno);
    let number = sys::create_newjail().map_err(error)?;
    JailNumber::from_kernel(number)
        .filter(|number| !number.is_host())
        .ok_or(error(Errno::EPROTO))
}

/// Returns the number of the jail the caller is in; [`JailNumber::HOST`] outside of every jail.
///
/// # Errors
///
/// `ENOSYS` and `EOPNOTSUPP` where there are no jails; `EPROTO` as in [`create_newjail`].
pub fn get_jailnumber() -> Result<JailNumber, JailError> {
    let error = |errno| JailError::new(Call::GetJailnumber, errno);
    let number = sys::get_jailnumber().map_err(error)?;
    JailNumber::from_kernel(number).ok_or(error(Errno::EPROTO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_31_bits() {
        assert_eq!(JailNumber::from_kernel(0), Some(JailNumber::HOST));
        assert_eq!(
            JailNumber::new(0x7fff_ffff).map(JailNumber::get),
            Some(0x7fff_ffff)
        );
        assert_eq!(JailNumber::new(0x8000_0000), None);
        assert_eq!(JailNumber::from_kernel(-1), None);
    }

    #[test]
    fn only_zero_is_the_host() {
        assert!(JailNumber::HOST.is_host());
        assert!(!JailNumber(1).is_host());
    }

    #[test]
    fn both_calls_agree_on_whether_there_are_jails() {
        if let Err(error) = get_jailnumber() {
            assert!(error.is_unavailable(), "{error}");
            assert_eq!(create_newjail().map_err(|e| e.errno()), Err(error.errno()));
        }
    }
}
