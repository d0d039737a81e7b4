// SPDX-License-Identifier: MIT OR Apache-2.0

//! Jails that are made anew when they have ended, and keeping them from that.

use std::time::Duration;

use super::{Admin, Jail};
use crate::jails::JailId;
use crate::signal::SignalNumber;
use crate::state::{Ended, Record, Step};
use crate::text::reason;

/// How long a supervisor may take to leave off: what it runs on the host is given some time to end.
const PATIENCE: Duration = Duration::from_secs(10);

impl Admin {
    /// What is noted about the jails that have ended and are being made anew, by number.
    pub fn restarting(&self) -> Result<Vec<Record>, String> {
        let mut found = Vec::new();
        for number in self.store.numbers()? {
            let record = self.store.read(number);
            if let Some(record) = record.filter(Record::is_restarting) {
                if !self.is_alive(&record)? {
                    found.push(record);
                }
            }
        }
        Ok(found)
    }

    /// The one that the administrator means by `id`.
    pub fn restarting_by(&self, id: &JailId) -> Result<Option<Record>, String> {
        let is_meant = |record: &Record| match id {
            JailId::Number(number) => record.number == *number,
            JailId::Name(name) => record.name.as_ref() == Some(name),
        };
        Ok(self.restarting()?.into_iter().find(is_meant))
    }

    /// Sees to it that a jail that has ended is not made anew; `false` where that has been done by now,
    /// or was not to be.
    pub fn call_off(&self, record: &Record) -> Result<bool, String> {
        let Some(entry) = self.store.lock(record.number)? else {
            return Ok(false);
        };
        // While it is locked, the jail gets no further.
        let found = entry.read().ok();
        let found = found.filter(|found| found.created == record.created);
        let Some(mut found) = found.filter(Record::is_restarting) else {
            return Ok(false);
        };
        found.asked_to_end = true;
        let noted = entry.write(&found);
        let supervisor = found.supervisor.hold().map_err(reason)?;
        let Some(supervisor) = supervisor else {
            return Ok(true);
        };
        let is_underway = found.restart.is_some_and(|it| it.step != Step::Running);
        let signal = match noted {
            // What it runs on the host ends with it.
            Ok(()) if is_underway => Some(SignalNumber::TERM),
            // It is about to look what is noted.
            Ok(()) => None,
            // Where nothing can be noted, it would never hear of it.
            Err(_) => Some(SignalNumber::KILL),
        };
        if let Some(signal) = signal {
            supervisor.signal(signal).map_err(reason)?;
        }
        drop(entry);
        if !supervisor.wait(PATIENCE).map_err(reason)? {
            supervisor.signal(SignalNumber::KILL).map_err(reason)?;
            supervisor.wait(PATIENCE).map_err(reason)?;
        }
        Ok(true)
    }

    /// Notes that a jail is to end, and so not to be made anew; to be done before it is ended.
    pub(super) fn ask_to_end(&self, jail: &Jail) -> Result<(), String> {
        let Some(record) = &jail.record else {
            return Ok(());
        };
        let noted = self.change(record, |found| found.asked_to_end = true);
        if noted.is_err() && record.restart.is_some() {
            // Without its supervisor it is not made anew, and ends now.
            if let Ok(Some(supervisor)) = record.supervisor.hold() {
                supervisor.signal(SignalNumber::KILL).map_err(reason)?;
            }
        }
        Ok(())
    }

    /// Notes that a jail is to end where this signal, which somebody sends it, asks for that.
    pub fn note_kill(&self, jail: &Jail, signal: SignalNumber) -> Result<(), String> {
        let stop_signal = jail.record.as_ref().map(Record::stop_signal);
        match signal == SignalNumber::KILL || Some(signal) == stop_signal {
            true => self.ask_to_end(jail),
            false => Ok(()),
        }
    }

    /// How a jail ended that another has been made in place of.
    pub(super) fn ended_before(&self, record: &Record) -> Option<Ended> {
        let records = self.store.numbers().ok()?.into_iter();
        let mut later = records.filter_map(|number| self.store.read(number)?.restart?.before);
        let before =
            later.find(|before| before.number == record.number && before.created == record.created);
        before?.ended
    }
}
