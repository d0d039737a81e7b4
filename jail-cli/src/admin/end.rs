// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ending jails.

use std::time::Duration;

use nix::errno::Errno;

use super::{Admin, Jail};
use crate::jail::{end_jail, get_jailnumber};
use crate::process::ProcessId;
use crate::state::Record;
use crate::text::reason;

/// How long the jaula that waits for a jail is waited for when the jail has ended: it still writes
/// the rest of the log and notes how the end was.
const SUPERVISOR: Duration = Duration::from_secs(10);

impl Admin {
    /// Asks the first process of a jail to end, gives it some time, then ends the jail with all
    /// that is left in it. Its log is kept.
    pub fn stop(&self, jail: &Jail, time: Duration) -> Result<(), String> {
        if let Some(record) = &jail.record {
            // Whatever it says to that, the jail is to end.
            if let Err(errno) = ask(record.first_process, time) {
                crate::complain!(
                    "jaula: warning: jail {}: asking process {} to end: {}",
                    record.number,
                    record.first_process.pid,
                    reason(errno)
                );
            }
        }
        self.end(jail)
    }

    /// Ends a jail at once with all that is in it, and forgets what was noted about it.
    pub fn remove(&self, jail: &Jail) -> Result<(), String> {
        self.end(jail)?;
        match &jail.record {
            Some(record) => self.forget(record),
            None => Ok(()),
        }
    }

    /// Forgets what was noted about a jail that has ended.
    pub fn forget(&self, record: &Record) -> Result<(), String> {
        let Some(entry) = self.store.lock(record.number)? else {
            return Ok(());
        };
        match entry.read() {
            // By now another jail has the number.
            Ok(found) if found.created != record.created => Ok(()),
            _ => entry.remove(),
        }
    }

    /// Every jail that is directly below the caller's own, with all that is below those.
    pub fn children(&self) -> Result<Vec<Jail>, String> {
        let own = get_jailnumber().map_err(|error| error.to_string())?;
        let mut jails = self.list().map_err(|error| error.to_string())?;
        jails.retain(|jail| jail.info.parent == own && jail.info.number != own);
        Ok(jails)
    }

    /// Forgets all that is noted about jails that have ended.
    pub fn forget_ended(&self) -> Result<(), String> {
        for number in self.store.numbers()? {
            let alive = match self.store.read(number) {
                Some(record) => self.is_alive(&record)?,
                None => self
                    .jails
                    .get(number)
                    .map_err(|error| error.to_string())?
                    .is_some(),
            };
            if !alive {
                if let Some(entry) = self.store.lock(number)? {
                    entry.remove()?;
                }
            }
        }
        Ok(())
    }

    /// Ends a jail at once with all that is in it, or waits for its end. What is noted about a
    /// detached one is kept.
    pub fn end(&self, jail: &Jail) -> Result<(), String> {
        let number = jail.info.number;
        match end_jail(number) {
            Ok(()) => {}
            Err(error) => {
                // It may have ended before the call.
                let now = self.jails.get(number).map_err(|error| error.to_string())?;
                let gone = now.is_none_or(|now| now.created != jail.info.created);
                if error.errno() != Errno::ESRCH || !gone {
                    return Err(error.to_string());
                }
            }
        }
        let Some(record) = &jail.record else {
            return Ok(());
        };
        if let Ok(Some(supervisor)) = record.supervisor.hold() {
            // One that is stuck does not keep the jail from having ended.
            let _ = supervisor.wait(SUPERVISOR);
        }
        match record.detached {
            true => Ok(()),
            false => self.forget(record),
        }
    }
}

/// Asks a process to end and gives it some time.
fn ask(process: ProcessId, time: Duration) -> Result<(), Errno> {
    if let Some(process) = process.hold()? {
        process.terminate()?;
        process.wait(time)?;
    }
    Ok(())
}
