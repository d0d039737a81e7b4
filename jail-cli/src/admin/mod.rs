// SPDX-License-Identifier: MIT OR Apache-2.0

//! The jails of this machine: what the kernel shows of each, with what jaula has noted.

pub mod copy;
mod due;
mod end;
mod hostname;
mod inside;
mod kill;
mod resources;
mod restart;
mod stop;
mod wait;

use serde::Serialize;

pub use hostname::{check_hostname, Uts};

use crate::jails::{own, JailId, JailInfo, JailName, Jails, JailsError};
use crate::state::{Record, Store};

/// A jail that exists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Jail {
    /// What the kernel shows.
    #[serde(flatten)]
    pub info: JailInfo,
    /// What jaula has noted, where it started the jail.
    #[serde(rename = "noted")]
    pub record: Option<Record>,
}

/// The jails of this machine.
#[derive(Clone, Debug)]
pub struct Admin {
    jails: Jails,
    store: Store,
}

impl Admin {
    /// Those of the running kernel.
    ///
    /// Control groups and addresses of jails that have ended, which killed launchers have left, are
    /// removed.
    pub fn open() -> Result<Self, JailsError> {
        let jails = Jails::open()?;
        crate::resources::tidy(&jails);
        crate::host_address::tidy(&jails);
        Ok(Self::with(jails, Store::default()))
    }

    /// Those that `jails` shows, with what is noted in `store`.
    pub fn with(jails: Jails, store: Store) -> Self {
        Admin { jails, store }
    }

    /// The kernel's side.
    pub fn jails(&self) -> &Jails {
        &self.jails
    }

    /// The noted side.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Every jail, by number.
    pub fn list(&self) -> Result<Vec<Jail>, JailsError> {
        let jails = self.jails.list()?.into_iter();
        Ok(jails.map(|info| self.noted(info)).collect())
    }

    /// The jail that the administrator means by `id`.
    ///
    /// While one is made anew there is none by its name; one further down that has the name as well,
    /// which whoever is in a jail may have given it, does not stand in for it.
    pub fn find(&self, id: &JailId) -> Result<Jail, JailsError> {
        let found = self.jails.find(id);
        let is_own = found.as_ref().is_ok_and(|info| info.parent == own());
        let is_named = matches!(id, JailId::Name(_));
        if is_named && !is_own && matches!(self.restarting_by(id), Ok(Some(_))) {
            return Err(JailsError::NoSuchJail(id.clone()));
        }
        found.map(|info| self.noted(info))
    }

    /// The jail with this name directly below the caller's own.
    pub fn child(&self, name: &JailName) -> Result<Option<Jail>, JailsError> {
        let child = self.jails.child(name)?;
        Ok(child.map(|info| self.noted(info)))
    }

    /// Those that the administrator means: the one by `id`, or all.
    pub fn select(&self, id: Option<&JailId>) -> Result<Vec<Jail>, JailsError> {
        match id {
            Some(id) => Ok(vec![self.find(id)?]),
            None => self.list(),
        }
    }

    /// What is noted about a jail that has ended: the one with this number, or the last one with
    /// this name.
    pub fn ended(&self, id: &JailId) -> Result<Option<Record>, String> {
        if self.store.is_closed() {
            return Err(
                "there is no such jail now, and what is noted about those that have ended can \
                        be read by root alone"
                    .into(),
            );
        }
        let mut last: Option<Record> = None;
        for number in self.store.numbers()? {
            let Some(record) = self.store.read(number) else {
                continue;
            };
            let meant = match id {
                JailId::Number(number) => record.number == *number,
                JailId::Name(name) => record.name.as_ref() == Some(name),
            };
            let later = last
                .as_ref()
                .is_none_or(|last| last.noted_at < record.noted_at);
            if meant && later && !self.is_alive(&record)? {
                last = Some(record);
            }
        }
        Ok(last)
    }

    /// Why nothing is known of what jaula notes about a jail that exists; `otherwise` is so where it
    /// could be read.
    pub fn unnoted(&self, otherwise: &str) -> String {
        match self.store.is_closed() {
            true => "what is noted about it can be read by root alone".into(),
            false => otherwise.into(),
        }
    }

    /// Notes the name that a jail has been given.
    pub fn rename(&self, record: &Record, name: JailName) -> Result<(), String> {
        self.change(record, |record| record.name = Some(name))
    }

    /// Notes something more about a jail, unless that was forgotten meanwhile.
    pub(crate) fn change(
        &self,
        record: &Record,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), String> {
        let Some(entry) = self.store.lock(record.number)? else {
            return Ok(());
        };
        match entry.read() {
            Ok(mut found) if found.created == record.created => {
                change(&mut found);
                entry.write(&found)
            }
            // By now another jail has the number.
            _ => Ok(()),
        }
    }

    fn is_alive(&self, record: &Record) -> Result<bool, String> {
        let jail = self.jails.life(record.number);
        let jail = jail.map_err(|error| error.to_string())?;
        Ok(jail.is_some_and(|jail| jail.created == record.created))
    }

    fn noted(&self, info: JailInfo) -> Jail {
        let record = self.store.of(&info);
        Jail { info, record }
    }
}
