// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a detached jail prints.
//!
//! It is kept in memory, where /run is, and so bounded; or it goes to the host's journal.
//!
//! What is kept lies in the directory of the jail's state, in files that are called `log-N`: each
//! goes on, at the byte of that number of all that the jail has printed, where the one before it
//! ended. Where it does not, what is between them was lost. So a reader that the writer has left
//! behind knows to the byte how much it has missed. Beside each lies `times-N`, which says when
//! what was printed; the log itself has nothing in it that the jail has not printed.

mod journal;
mod part;
mod reader;
mod settings;
mod times;
mod writer;

use std::io::{self, Read};

pub use reader::{Next, Reader};
pub use settings::{size, Destination, Settings, SIZE};

use crate::state::{Record, Store};
use crate::text::shown;
use journal::Journal;
use times::now;
use writer::Writer;

/// Where what a jail prints is put.
pub(super) enum Log {
    Kept(Writer),
    Journal(Journal),
}

impl Log {
    /// Begins the log of a jail that is noted.
    pub(super) fn create(record: &Record) -> Result<Self, String> {
        match record.log.destination {
            Destination::Kept => {
                let directory = Store::default().place(record.number);
                let log = Writer::create(&directory, record.log.size);
                log.map(Log::Kept)
                    .map_err(|error| format!("{}: {error}", shown(&directory)))
            }
            Destination::Journald => Journal::of(record).map(Log::Journal),
        }
    }

    /// Goes on with it for the jail that has been made in place of the one before.
    pub(super) fn go_on(self, record: &Record) -> Result<Self, String> {
        match self {
            // The directory has become that of the new one.
            Log::Kept(log) => Ok(Log::Kept(log)),
            Log::Journal(_) => Journal::of(record).map(Log::Journal),
        }
    }

    /// Takes all that comes from `output` until its end.
    ///
    /// What cannot be put anywhere, into a full file system say, is lost: it must not stop the
    /// jail.
    pub(super) fn write_all_of(&mut self, output: &mut impl Read) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => match self {
                    Log::Kept(log) => log.write(&buffer[..length], now()),
                    Log::Journal(journal) => journal.write(&buffer[..length]),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        match self {
            Log::Kept(log) => log.finish(),
            Log::Journal(journal) => journal.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
