// SPDX-License-Identifier: MIT OR Apache-2.0

//! That /dev/stdin, /dev/stdout and /dev/stderr can be opened.
//!
//! What is opened by such a name is asked for its owner and mode again, and a pipe belongs to whoever
//! has made it. A pipe that is nothing but a standard descriptor is given to the user of the jail.
//! Whatever has a name in a file system, a FIFO or a terminal, stays whose it is.

use std::io::{stderr, stdin, stdout};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::statfs::fstatfs;
use nix::unistd::{fchown, Uid};

use crate::isolation::Part;
use crate::stat::fstat;
use crate::text::reason;

/// The file system that pipes without a name are in, and nothing else is (PIPEFS_MAGIC).
const PIPES: u64 = 0x5049_5045;

/// Gives the anonymous pipes among the standard descriptors to a user.
pub fn give_to(uid: u32) -> Result<(), String> {
    give(stdin(), uid)?;
    give(stdout(), uid)?;
    give(stderr(), uid)
}

fn give(descriptor: impl AsFd, uid: u32) -> Result<(), String> {
    // Of another width or sign elsewhere.
    #[allow(clippy::unnecessary_cast)]
    let kind = fstatfs(&descriptor).map_err(reason)?.filesystem_type().0 as u64;
    if kind != PIPES || fstat(&descriptor).map_err(reason)?.st_uid == uid {
        return Ok(());
    }
    fchown(&descriptor, Some(Uid::from_raw(uid)), None).map_err(|errno| match errno {
        Errno::EPERM => {
            Part::Dev.missing("a pipe is not its own, and to give it away takes CAP_CHOWN")
        }
        errno => reason(errno),
    })
}
