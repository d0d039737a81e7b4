// SPDX-License-Identifier: MIT OR Apache-2.0

//! Waiting for the first process of a jail.

use std::time::{Duration, Instant};

use super::Admin;
use crate::jails::{JailId, JailsError};
use crate::state::{Ended, Record, DIRECTORY};
use crate::text::reason;

/// How often is looked whether it is noted how it ended.
const LOOK: Duration = Duration::from_millis(50);

/// How long is waited for that.
const ENOUGH: Duration = Duration::from_secs(10);

/// How long a process is waited for before what is noted is looked at again.
const LONG: Duration = Duration::from_secs(3600);

impl Admin {
    /// What is noted about a jail, whether it has ended or not.
    ///
    /// # Errors
    ///
    /// Where there is no such jail, or nothing is noted.
    pub fn record(&self, id: &JailId) -> Result<Record, String> {
        let unknown = || {
            let why = self.unnoted(
                "nothing is noted about it: jaula has not started it, or could not note it",
            );
            format!("{id}: {why}")
        };
        match self.find(id) {
            Ok(jail) => jail.record.ok_or_else(unknown),
            Err(missing @ JailsError::NoSuchJail(_)) => {
                let ended = self.ended(id).map_err(|why| format!("{id}: {why}"))?;
                ended.ok_or_else(|| missing.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits until the first process of a jail has ended; how it did.
    ///
    /// # Errors
    ///
    /// Where that is not noted: the jail was in the foreground, or has been removed.
    pub fn wait(&self, record: &Record) -> Result<Ended, String> {
        let mut ended_by = None;
        loop {
            // Asked first: what it noted before it ended is then read.
            let writer = record.supervisor.hold().map_err(reason)?;
            let noted = self.store.read(record.number);
            let noted = noted.filter(|noted| noted.created == record.created);
            if let Some(ended) = noted.as_ref().and_then(|noted| noted.ended) {
                return Ok(ended);
            }
            if let Some(ended) = self.ended_before(record) {
                return Ok(ended);
            }
            let (Some(writer), Some(_)) = (writer, noted) else {
                return Err(
                    "has ended, and how is not noted: it is for a jail that was detached or is kept, \
                     unless it has been removed or its supervisor was killed"
                        .into(),
                );
            };
            match record.first_process.hold().map_err(reason)? {
                Some(first) => first.wait(LONG).map_err(reason)?,
                // Of one that is kept it is noted at once, if it can be; who waits for it stays.
                None if record.keep
                    && ended_by.get_or_insert_with(Instant::now).elapsed() > ENOUGH =>
                {
                    return Err(format!(
                        "its first process has ended, and how could not be noted so far: look \
                         whether there is room in {DIRECTORY}, and ask again"
                    ));
                }
                None => writer.wait(LOOK).map_err(reason)?,
            };
        }
    }
}
