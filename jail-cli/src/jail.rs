// SPDX-License-Identifier: MIT OR Apache-2.0

//! Typed jail numbers and the calls that give them.

use std::ffi::{c_int, c_long};
use std::fmt;

use nix::errno::Errno;

use crate::error::{Call, JailError};
use crate::sys;

/// The number of a jail: 0 is the host, every other is a positive 31-bit integer.
///
/// A number is never given out again while a task or an IPC object still carries it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
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

    pub(crate) fn to_kernel(self) -> c_int {
        // It has 31 bits.
        self.0 as c_int
    }

    fn from_kernel(number: c_long) -> Option<Self> {
        u32::try_from(number).ok().and_then(Self::new)
    }
}

impl From<JailNumber> for u32 {
    fn from(number: JailNumber) -> Self {
        number.0
    }
}

impl TryFrom<u32> for JailNumber {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        Self::new(number).ok_or_else(|| format!("{number} is no jail's number: it is too large"))
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

/// Enters the jail with this number, a descendant of the one the caller is in.
///
/// The calling process stays in it for good, and so does everything it forks or executes.
///
/// # Errors
///
/// As `docs/abi.md` lists them.
pub fn attach_jail(number: JailNumber) -> Result<(), JailError> {
    let result = sys::attach_jail(number.to_kernel());
    result
        .map(drop)
        .map_err(|errno| JailError::about(Call::AttachJail, number, errno))
}

/// Ends the jail with this number and its descendants: returns when no process of theirs runs
/// any more and no System V object of theirs is left.
///
/// # Errors
///
/// As `docs/abi.md` lists them; `EINTR` where a signal ends the wait, though not the end of the
/// jail.
pub fn destroy_jail(number: JailNumber) -> Result<(), JailError> {
    let result = sys::destroy_jail(number.to_kernel());
    result
        .map(drop)
        .map_err(|errno| JailError::about(Call::DestroyJail, number, errno))
}

/// As [`destroy_jail`], but waits on when a signal that does not end the process ends the wait:
/// one that is stopped and continued, traced or frozen gets `EINTR` without having asked for it.
pub fn end_jail(number: JailNumber) -> Result<(), JailError> {
    uninterrupted(|| destroy_jail(number))
}

/// Makes a call that waits for the end of a jail until no signal ends that wait.
pub(crate) fn uninterrupted(
    mut call: impl FnMut() -> Result<(), JailError>,
) -> Result<(), JailError> {
    let mut was_interrupted = false;
    loop {
        match call() {
            Err(error) if error.errno() == Errno::EINTR => was_interrupted = true,
            // What was being ended has ended in between.
            Err(error) if error.errno() == Errno::ESRCH && was_interrupted => return Ok(()),
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_is_interrupted_goes_on() {
        let answers = |list: &[Option<Errno>]| {
            let mut list = list.iter().copied();
            uninterrupted(|| match list.next().expect("called too often") {
                Some(errno) => Err(JailError::new(Call::DestroyJail, errno)),
                None => Ok(()),
            })
            .map_err(|error| error.errno())
        };
        let interrupted = Some(Errno::EINTR);
        assert_eq!(answers(&[interrupted, interrupted, None]), Ok(()));
        assert_eq!(answers(&[interrupted, Some(Errno::ESRCH)]), Ok(()));
        assert_eq!(answers(&[Some(Errno::ESRCH)]), Err(Errno::ESRCH));
        assert_eq!(
            answers(&[interrupted, Some(Errno::EPERM)]),
            Err(Errno::EPERM)
        );
    }

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
    fn the_calls_agree_on_whether_there_are_jails() {
        if let Err(error) = get_jailnumber() {
            assert!(error.is_unavailable(), "{error}");
            let errno = Err(error.errno());
            assert_eq!(
                create_newjail().map_err(|e| e.errno()),
                errno.map(|()| JailNumber(1))
            );
            assert_eq!(attach_jail(JailNumber(1)).map_err(|e| e.errno()), errno);
            assert_eq!(destroy_jail(JailNumber(1)).map_err(|e| e.errno()), errno);
        }
    }
}
