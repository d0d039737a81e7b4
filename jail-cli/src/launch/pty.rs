// SPDX-License-Identifier: MIT OR Apache-2.0

//! A pseudo-terminal of the jail's own: whoever is in the jail has its slave side, and never the
//! terminal that the administrator sits at.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{openat2, OFlag, OpenHow, ResolveFlag};
use nix::sys::statfs::{fstatfs, FsType};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, fchown, Uid};
use rustix::process::ioctl_tiocsctty;
use rustix::pty::{ioctl_tiocgptpeer, unlockpt, OpenptFlags};

use crate::isolation::Part;
use crate::text::reason;

/// What marks a file system of terminals (devpts).
const DEVPTS: FsType = FsType(0x1cd1);

/// Where such a file system is, in a root directory.
const PLACE: &str = "dev/pts";

/// Which of the standard descriptors are, or become, a terminal: input, output, error.
pub type Which = [bool; 3];

/// Both sides of one.
pub struct Pty {
    /// What is typed is written to it, and what is to be shown is read from it.
    pub master: OwnedFd,
    /// What is in the jail has it.
    pub slave: OwnedFd,
}

/// The file system of terminals that is found in a root directory; `None` where there is none.
pub fn terminals(root: BorrowedFd<'_>) -> Option<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let found = openat2(root, Path::new(PLACE), how).ok()?;
    // Whoever may mount in the jail decides what is there. In such a file system nobody but the
    // kernel makes files.
    let kind = fstatfs(&found).ok()?.filesystem_type();
    (kind == DEVPTS).then_some(found)
}

impl Pty {
    /// Opens a new one of a file system of terminals, which belongs to `owner`.
    ///
    /// # Errors
    ///
    /// A text that says what failed.
    pub fn open(terminals: &OwnedFd, owner: Uid) -> Result<Self, String> {
        Self::attempt(terminals, owner)
            .map_err(|errno| Part::Pty.missing(format!("a new one: {}", reason(errno))))
    }

    fn attempt(terminals: &OwnedFd, owner: Uid) -> Result<Self, Errno> {
        let errno = |error: rustix::io::Errno| Errno::from_raw(error.raw_os_error());
        // What somebody has mounted there is not it.
        let how = OpenHow::new()
            .flags(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
            .resolve(
                ResolveFlag::RESOLVE_BENEATH
                    | ResolveFlag::RESOLVE_NO_XDEV
                    | ResolveFlag::RESOLVE_NO_SYMLINKS,
            );
        let master = openat2(terminals, "ptmx", how)?;
        unlockpt(&master).map_err(errno)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = ioctl_tiocgptpeer(&master, flags).map_err(errno)?;
        fchown(&slave, Some(owner), None)?;
        Ok(Pty { master, slave })
    }
}

/// Makes it the controlling terminal of the calling process, which must lead a session that has
/// none, and those standard descriptors of it that `which` says.
///
/// # Errors
///
/// As ioctl_tty(2) and dup(2).
pub fn adopt(slave: BorrowedFd<'_>, which: Which) -> Result<(), Errno> {
    ioctl_tiocsctty(slave).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
    let slave = slave.as_fd();
    if which[0] {
        dup2_stdin(slave)?;
    }
    if which[1] {
        dup2_stdout(slave)?;
    }
    if which[2] {
        dup2_stderr(slave)?;
    }
    Ok(())
}
