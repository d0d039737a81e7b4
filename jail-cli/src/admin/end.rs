// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ending jails.

use std::time::Duration;

use nix::errno::Errno;

use super::{Admin, Jail};
use crate::host_address;
use crate::jail::get_jailnumber;
use crate::jailfd::{self, end_jailfd, JailFd, Rights};
use crate::jails::JailInfo;
use crate::network;
use crate::resources::Group;
use crate::state::Record;

/// How long the jaula that waits for a jail is waited for when the jail has ended: it still writes
/// the rest of the log and notes how the end was.
const SUPERVISOR: Duration = Duration::from_secs(10);

impl Admin {
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
                let record = self.store.read(number);
                if let Some(record) = record.filter(|record| record.is_restarting()) {
                    self.call_off(&record)?;
                }
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
        self.ask_to_end(jail)?;
        // By its number another could be met that has got it meanwhile.
        if let Some(held) = self.open_jail(&jail.info, Rights::ADMINISTER)? {
            end_jailfd(&held).map_err(|error| error.to_string())?;
            // As long as it is held: what is there later by that name may be another's.
            if let Some(Err(why)) = self.group_of(jail).as_ref().map(Group::remove) {
                // The jail has ended all the same.
                crate::complain!("jaula: warning: jail {}: {why}", jail.info.number);
            }
        }
        // Those that outlive their launchers have nobody else who does that.
        if let Err(why) = network::tidy(&self.jails) {
            crate::complain!("jaula: warning: {why}");
        }
        let Some(record) = &jail.record else {
            return Ok(());
        };
        if !record.isolation.ip.is_empty() {
            if let Err(why) = host_address::take_back((record.number, record.created)) {
                crate::complain!("jaula: warning: jail {}: {why}", jail.info.number);
            }
        }
        if let Ok(Some(supervisor)) = record.supervisor.hold() {
            // One that is stuck does not keep the jail from having ended.
            let _ = supervisor.wait(SUPERVISOR);
        }
        match record.detached {
            true => Ok(()),
            false => self.forget(record),
        }
    }

    /// A descriptor of a jail, and of no later one with its number, which no other one gets as long as
    /// it is open; `None` where the jail has ended.
    pub fn open_jail(&self, jail: &JailInfo, rights: Rights) -> Result<Option<JailFd>, String> {
        match jailfd::open_jail(None, jail.number, rights) {
            Ok(held) => {
                let status = held.status();
                let status = status.map_err(|error| format!("reading of a jail: {error}"))?;
                Ok((status.created == jail.created).then_some(held))
            }
            Err(error) if error.errno() == Errno::ESRCH => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}
