// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors of jails, and the calls that make and use them.
//!
//! A descriptor names a jail for good, whatever becomes of its number, and has rights, which go where
//! the descriptor goes. One that *owns* its jail ends it when the last reference to it is closed,
//! however that comes about.
//!
//! ```no_run
//! use jaula::jailfd::{create_owned_jail, destroy_jailfd, open_jail, Rights};
//!
//! let owner = create_owned_jail(None)?;
//! let number = owner.status()?.number;
//! let to_enter = open_jail(None, number, Rights::ATTACH)?;
//! // A child closes `owner`, and enters by `to_enter`.
//! destroy_jailfd(&owner)?;
//! assert!(owner.has_ended()?);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::ffi::c_uint;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::BitOr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use crate::error::{Call, JailError};
use crate::jail::{uninterrupted, JailNumber};
use crate::jails::Created;
use crate::sys;

/// What a descriptor permits beside reading, which each does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rights(c_uint);

impl Rights {
    /// Reading, and waiting for the end of the jail.
    pub const READ: Rights = Rights(0);
    /// Entering the jail.
    pub const ATTACH: Rights = Rights(sys::JAULA_ATTACH);
    /// Ending the jail, and making jails in it.
    pub const ADMINISTER: Rights = Rights(sys::JAULA_ADMINISTER);
    /// All of them, as an owner has.
    pub const ALL: Rights = Rights(sys::JAULA_ATTACH | sys::JAULA_ADMINISTER);

    /// Whether all of `others` are among these.
    pub fn contain(self, others: Rights) -> bool {
        others.0 & !self.0 == 0
    }
}

impl BitOr for Rights {
    type Output = Rights;

    fn bitor(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

/// As `/proc/PID/fdinfo` names them.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("read")?;
        for (right, name) in [
            (Rights::ATTACH, " attach"),
            (Rights::ADMINISTER, " administer"),
        ] {
            if self.contain(right) {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

/// A descriptor of a jail.
///
/// It is closed when something is executed. Dropping one that owns its jail, and of which there is no
/// other copy, ends the jail, and does not wait for that.
#[derive(Debug)]
pub struct JailFd(OwnedFd);

/// Opens the jail with this number, which has to lie within that of `within`, or without one within the
/// caller's; the caller's own can be opened for reading.
///
/// # Errors
///
/// `ESRCH` where there is no such jail; `EPERM` where `within` does not have the rights, or without one
/// the caller not CAP_SYS_ADMIN over the initial user namespace, or where they are asked for over the
/// caller's own jail; `EMFILE`, and others as `docs/abi.md` lists them.
pub fn open_jail(
    within: Option<&JailFd>,
    number: JailNumber,
    rights: Rights,
) -> Result<JailFd, JailError> {
    sys::open_jail(within.map(JailFd::as_fd), number.to_kernel(), rights.0)
        .map(JailFd)
        .map_err(|errno| JailError::about(Call::OpenJail, number, errno))
}

/// Makes a jail within that of `within`, or without one within the caller's, and does not enter it; its
/// owner, which has all rights.
///
/// # Errors
///
/// `EPERM` where `within` has not the right to administer its jail, or without one the caller not
/// CAP_SYS_ADMIN over the initial user namespace, or where a jail may have none within it; `EAGAIN`,
/// `ENOSPC` and `ENOMEM` as [`create_newjail`](crate::create_newjail) has them; `EMFILE`.
pub fn create_owned_jail(within: Option<&JailFd>) -> Result<JailFd, JailError> {
    sys::create_owned_jail(within.map(JailFd::as_fd), 0)
        .map(JailFd)
        .map_err(|errno| JailError::new(Call::CreateOwnedJail, errno))
}

/// Enters the jail. The calling process stays in it for good, and so does everything it forks or
/// executes.
///
/// # Errors
///
/// `EPERM` without the right to attach, without CAP_SYS_ADMIN over the initial user namespace, and where the jail does not lie within the caller's own; `EBUSY` for who owns it or a
/// jail around it; `EINVAL`, `EAGAIN` and `ESRCH` as [`attach_jail`](crate::attach_jail) has them.
pub fn attach_jailfd(jail: &JailFd) -> Result<(), JailError> {
    sys::attach_jailfd(jail.as_fd(), 0).map_err(|errno| JailError::new(Call::AttachJailfd, errno))
}

/// Ends the jail and those within it: returns when nothing of them is left, also where that has been so
/// for long.
///
/// # Errors
///
/// `EPERM` without the right to administer the jail; `EINVAL` for the caller's own jail and those around
/// it; `EINTR` where a signal ends the wait, though not the end of the jail.
pub fn destroy_jailfd(jail: &JailFd) -> Result<(), JailError> {
    sys::destroy_jailfd(jail.as_fd(), 0).map_err(|errno| JailError::new(Call::DestroyJailfd, errno))
}

/// As [`destroy_jailfd`], but waits on when a signal ends the wait.
pub fn end_jailfd(jail: &JailFd) -> Result<(), JailError> {
    uninterrupted(|| destroy_jailfd(jail))
}

/// Makes an owner, and all copies of it, plain descriptors with the same rights: the jail ends when
/// nothing is in it, as any other, and not with them.
///
/// # Errors
///
/// `EINVAL` for one that owns no jail.
pub fn disown_jail(jail: &JailFd) -> Result<(), JailError> {
    sys::disown_jail(jail.as_fd(), 0).map_err(|errno| JailError::new(Call::DisownJail, errno))
}

impl JailFd {
    /// What the kernel tells of the jail at this moment.
    ///
    /// # Errors
    ///
    /// `InvalidData` where it is not what `docs/abi.md` says: the descriptor may be of something else.
    pub fn status(&self) -> io::Result<Status> {
        const MORE_THAN_ENOUGH: usize = 512;
        let mut bytes = [0; MORE_THAN_ENOUGH];
        let length = File::from(self.0.try_clone()?).read(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes[..length]);
        text.parse()
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
    }

    /// Whether the jail has ended: nothing is left in it.
    pub fn has_ended(&self) -> io::Result<bool> {
        self.wait(Duration::ZERO)
    }

    /// Waits until the jail has ended, and no longer than `limit`; whether it has.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Longer than poll(2) takes is waited for in parts.
            let part = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut ends = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ends, part) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The same file once more, also where it owns the jail.
    pub fn try_clone(&self) -> io::Result<JailFd> {
        self.0.try_clone().map(JailFd)
    }
}

impl AsFd for JailFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// For one that has come over a socket, say. Of another file the calls give `EBADF`.
impl From<OwnedFd> for JailFd {
    fn from(descriptor: OwnedFd) -> Self {
        JailFd(descriptor)
    }
}

impl From<JailFd> for OwnedFd {
    fn from(jail: JailFd) -> Self {
        jail.0
    }
}

/// How far a jail is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is not being ended.
    Alive,
    /// Nothing can be made or started in it any more.
    Dying,
    /// Nothing is left in it.
    Dead,
}

/// What a descriptor tells of its jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The number of the jail.
    pub number: JailNumber,
    /// When it was made: with the number it tells the jail from all others, for good.
    pub created: Created,
    /// How far it is from its end.
    pub life: Life,
    /// Processes and threads that have not exited.
    pub tasks: u64,
    /// Jails directly within it.
    pub children: u64,
    /// Semaphore sets.
    pub sem: u64,
    /// Shared memory segments.
    pub shm: u64,
    /// Message queues.
    pub msg: u64,
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .ok_or_else(|| format!("the kernel tells no {name} of a jail: {text:?}"))
        };
        let count = |name: &str| {
            let text = value(name)?;
            text.parse::<u64>()
                .map_err(|_| format!("the kernel tells {name} {text:?} of a jail"))
        };
        let number = count("number")?;
        let number = u32::try_from(number).ok().and_then(JailNumber::new);
        Ok(Status {
            number: number.ok_or_else(|| format!("no number of a jail: {text:?}"))?,
            created: value("created")?.parse()?,
            life: match value("state")? {
                "alive" => Life::Alive,
                "dying" => Life::Dying,
                "dead" => Life::Dead,
                other => return Err(format!("the kernel tells state {other:?} of a jail")),
            },
            tasks: count("tasks")?,
            children: count("children")?,
            sem: count("sem")?,
            shm: count("shm")?,
            msg: count("msg")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jail::get_jailnumber;
    use std::os::unix::net::UnixStream;

    const TEXT: &str = "number 7\ncreated 12.000000034\nstate dying\ntasks 2\nchildren 1\nsem 3\n\
                        shm 4\nmsg 5\n";

    #[test]
    fn what_the_kernel_tells_is_understood() {
        let status: Status = TEXT.parse().expect("as documented");
        assert_eq!(status.number.get(), 7);
        assert_eq!(status.created.to_string(), "12.000000034");
        assert_eq!(status.life, Life::Dying);
        let counts = [status.tasks, status.children];
        assert_eq!(counts, [2, 1]);
        assert_eq!([status.sem, status.shm, status.msg], [3, 4, 5]);
        // A later kernel may tell more.
        assert_eq!(format!("{TEXT}more 1\n").parse(), Ok(status));
    }

    #[test]
    fn what_is_missing_or_garbled_is_named() {
        for (text, named) in [
            (TEXT.replace("tasks 2\n", ""), "tasks"),
            (TEXT.replace("shm 4", "shm x"), "shm"),
            (TEXT.replace("dying", "well"), "well"),
            (TEXT.replace("number 7", "number 4294967296"), "number"),
            (TEXT.replace("12.000000034", "12"), "time"),
        ] {
            let error = text.parse::<Status>().expect_err(&text);
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn rights_are_told_as_the_kernel_does() {
        assert_eq!(Rights::default().to_string(), "read");
        assert_eq!(Rights::ATTACH.to_string(), "read attach");
        assert_eq!(Rights::ADMINISTER.to_string(), "read administer");
        assert_eq!(Rights::ALL.to_string(), "read attach administer");
        assert_eq!(Rights::ATTACH | Rights::ADMINISTER, Rights::ALL);
        assert!(Rights::ALL.contain(Rights::ATTACH));
        assert!(Rights::READ.contain(Rights::READ));
        assert!(!Rights::ATTACH.contain(Rights::ALL));
    }

    #[test]
    fn what_is_no_descriptor_of_a_jail_is_refused() {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let socket = JailFd::from(OwnedFd::from(ours));
        let expected = match get_jailnumber() {
            Ok(_) => Errno::EBADF,
            Err(error) => error.errno(),
        };
        let number = JailNumber::new(1).expect("31 bits");
        let opened = open_jail(Some(&socket), number, Rights::READ).map(drop);
        assert_eq!(opened.map_err(|error| error.errno()), Err(expected));
        let made = create_owned_jail(Some(&socket)).map(drop);
        assert_eq!(made.map_err(|error| error.errno()), Err(expected));
        for call in [attach_jailfd, destroy_jailfd, end_jailfd, disown_jail] {
            let error = call(&socket).expect_err("a socket");
            assert_eq!(error.errno(), expected);
        }
        std::io::Write::write_all(&mut &theirs, b"hello").expect("written");
        let error = socket.status().expect_err("a socket");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_wait_ends_when_something_is_reported_or_its_time_is_over() {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let jail = JailFd::from(OwnedFd::from(ours));
        assert!(!jail.has_ended().expect("poll"));
        assert!(!jail.wait(Duration::from_millis(5)).expect("poll"));
        drop(theirs);
        assert!(jail.has_ended().expect("poll"));
        assert!(jail.wait(Duration::from_secs(60)).expect("poll"));
    }
}
