// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the child of a group tells its results: one packet each over a socket pair.

use super::{CaseResult, Failure};
use crate::sys::tty;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How often to look whether a child that reports nothing is still there.
const POLL: Duration = Duration::from_millis(20);

/// What the body of a group reports to.
pub struct Reporter {
    stream: UnixStream,
}

/// Where the results arrive.
pub(super) struct Reports {
    stream: UnixStream,
}

/// What came next.
pub(super) enum Next {
    Result(CaseResult),
    Closed,
    TimedOut,
}

pub(super) fn channel() -> io::Result<(Reports, Reporter)> {
    let (reading, writing) = UnixStream::pair()?;
    Ok((Reports { stream: reading }, Reporter { stream: writing }))
}

const PASSED: u8 = 0;
const FAILED: u8 = 1;
const SKIPPED: u8 = 2;

impl Reporter {
    /// Reports the result of the next case.
    pub fn report(&mut self, result: CaseResult) {
        let (kind, message) = match &result {
            Ok(()) => (PASSED, ""),
            Err(failure) if failure.skipped => (SKIPPED, failure.message.as_str()),
            Err(failure) => (FAILED, failure.message.as_str()),
        };
        let mut packet = vec![kind];
        packet.extend((message.len() as u32).to_le_bytes());
        packet.extend(message.as_bytes());
        if let Err(error) = self.stream.write_all(&packet) {
            // The parent sees a child that ended without having reported.
            eprintln!("cannot report a result: {error}");
            std::process::exit(1);
        }
    }
}

impl Reports {
    /// The next result, once there is one, `alive` says no, or `limit` is over.
    ///
    /// That the other end is closed is not enough to know that the child has gone: whatever it
    /// has forked holds that end as well.
    pub(super) fn next(
        &mut self,
        limit: Duration,
        alive: &mut dyn FnMut() -> bool,
    ) -> io::Result<Next> {
        let deadline = Instant::now() + limit;
        loop {
            let was_alive = alive();
            if self.readable(POLL)? {
                return self.receive();
            }
            if !was_alive {
                return Ok(Next::Closed);
            }
            if Instant::now() > deadline {
                return Ok(Next::TimedOut);
            }
        }
    }

    fn readable(&self, limit: Duration) -> io::Result<bool> {
        tty::readable(self.stream.as_fd(), limit)
            .map_err(|errno| io::Error::from_raw_os_error(errno.0))
    }

    fn receive(&mut self) -> io::Result<Next> {
        let mut header = [0; 5];
        match self.stream.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Next::Closed),
            Err(error) => return Err(error),
        }
        let [kind, length @ ..] = header;
        let mut message = vec![0; u32::from_le_bytes(length) as usize];
        self.stream.read_exact(&mut message)?;
        Ok(Next::Result(match kind {
            PASSED => Ok(()),
            kind => Err(Failure {
                message: String::from_utf8_lossy(&message).into_owned(),
                skipped: kind == SKIPPED,
            }),
        }))
    }
}
