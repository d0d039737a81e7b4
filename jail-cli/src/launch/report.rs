// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the child tells its parent before it executes something.
//!
//! Over a pipe that is closed on exec: at most one number, then either a failure or, when
//! something is executed, nothing but the end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::LaunchError;
use crate::jail::JailNumber;

const NUMBER: u8 = b'N';
const FAILURE: u8 = b'F';

/// The end the child writes to.
///
/// `None` only where moving it failed; then nothing can be said any more.
pub struct Reporter(Option<File>);

/// The end the parent reads.
pub struct Listener(File);

/// What was reported until something was executed or the child ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The new jail, as soon as there is one.
    pub number: Option<JailNumber>,
    /// Why nothing was executed.
    pub failure: Option<LaunchError>,
}

/// Makes both ends.
pub fn channel() -> io::Result<(Reporter, Listener)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((Reporter(Some(write.into())), Listener(read.into())))
}

impl Reporter {
    /// Says in which jail the child is.
    pub fn number(&mut self, number: JailNumber) -> io::Result<()> {
        let mut record = vec![NUMBER];
        record.extend(number.get().to_ne_bytes());
        self.write(&record)
    }

    /// Says why nothing will be executed; the last that can be said.
    pub fn failure(&mut self, error: &LaunchError) -> io::Result<()> {
        let mut record = vec![FAILURE, error.status()];
        record.extend(error.to_string().into_bytes());
        self.write(&record)
    }

    /// Moves the end to the descriptor that `to` makes of it.
    pub fn relocate(
        &mut self,
        to: impl FnOnce(OwnedFd) -> Result<OwnedFd, Errno>,
    ) -> Result<(), Errno> {
        let file = self.0.take().ok_or(Errno::EBADF)?;
        self.0 = Some(to(file.into())?.into());
        Ok(())
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Some(file) => file.write_all(record),
            None => Err(Errno::EBADF.into()),
        }
    }
}

impl Listener {
    /// Reads until the other end is closed.
    pub fn read(mut self) -> io::Result<Report> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        parse(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }
}

fn parse(mut bytes: &[u8]) -> Option<Report> {
    let mut report = Report::default();
    if let [NUMBER, a, b, c, d, rest @ ..] = bytes {
        report.number = Some(JailNumber::new(u32::from_ne_bytes([*a, *b, *c, *d]))?);
        bytes = rest;
    }
    match bytes {
        [] => {}
        [FAILURE, status, message @ ..] => {
            let message = String::from_utf8_lossy(message);
            report.failure = Some(LaunchError::new(*status, message));
        }
        _ => return None,
    }
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrives_as_it_was_sent() {
        let number = JailNumber::new(0x1234_5678);
        let failure = LaunchError::new(126, "jail: no".to_owned() + &"x".repeat(3000));
        let (mut reporter, listener) = channel().expect("a pipe");
        reporter.number(number.expect("31 bits")).expect("write");
        reporter.failure(&failure).expect("write");
        drop(reporter);
        let expected = Report {
            number,
            failure: Some(failure),
        };
        assert_eq!(listener.read().expect("a report"), expected);
    }

    #[test]
    fn silence_is_success() {
        let (reporter, listener) = channel().expect("a pipe");
        drop(reporter);
        assert_eq!(listener.read().expect("a report"), Report::default());
    }

    #[test]
    fn a_garbled_report_is_not_taken_for_success() {
        assert_eq!(parse(b"N\x01"), None);
        assert_eq!(parse(b"?"), None);
        assert_eq!(parse(b"F"), None);
    }
}
