// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the child waits, in the jail, until its parent has done what must come before anything
//! is executed there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

/// The parent's side; closed for good when dropped.
pub struct Gate(File);

/// The child's side.
pub struct Closed(File);

/// What has become of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is open.
    Now,
    /// Another process opens another one.
    Elsewhere,
    /// It will never be.
    Never,
}

const NOW: u8 = 1;
const ELSEWHERE: u8 = 2;

/// Makes both sides. Each process must drop the other's.
pub fn new() -> io::Result<(Gate, Closed)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((Gate(write.into()), Closed(read.into())))
}

impl Gate {
    /// Lets the child go on.
    ///
    /// # Errors
    ///
    /// `EPIPE` where the child has ended.
    pub fn open(mut self) -> io::Result<()> {
        self.0.write_all(&[NOW])
    }

    /// Has the child wait for another process.
    ///
    /// # Errors
    ///
    /// As [`Gate::open`].
    pub fn leave(mut self) -> io::Result<()> {
        self.0.write_all(&[ELSEWHERE])
    }
}

impl Closed {
    /// The descriptor that it waits at.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Waits until it is decided.
    pub fn wait(mut self) -> io::Result<Opened> {
        let mut byte = [0];
        Ok(match (self.0.read(&mut byte)?, byte) {
            (1, [NOW]) => Opened::Now,
            (1, [ELSEWHERE]) => Opened::Elsewhere,
            _ => Opened::Never,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_once_or_never() {
        let (gate, closed) = new().expect("a pipe");
        gate.open().expect("open");
        assert_eq!(closed.wait().expect("read"), Opened::Now);
        let (gate, closed) = new().expect("a pipe");
        gate.leave().expect("leave");
        assert_eq!(closed.wait().expect("read"), Opened::Elsewhere);
        let (gate, closed) = new().expect("a pipe");
        drop(gate);
        assert_eq!(closed.wait().expect("read"), Opened::Never);
    }
}
