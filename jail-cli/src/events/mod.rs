// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens to jails: from the kernel's tracepoints, and from control groups.

mod groups;
mod trace;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use serde::Serialize;

use crate::admin::Admin;
use crate::jail::JailNumber;
use crate::jails::{Created, JailName};
use crate::resources::Group;

use groups::Counts;
use trace::Trace;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// There is a new jail.
    Created,
    /// A process has entered it.
    Entered,
    /// It has all that it may have of something.
    Limit {
        /// Of what: as `jaula set` calls it.
        of: String,
    },
    /// The kernel has killed processes of it for want of memory.
    OomKill {
        /// How many.
        count: u64,
    },
    /// It was refused something.
    Refused {
        /// The call.
        call: String,
        /// What it was about.
        kind: String,
        /// Whose that is.
        owner: JailNumber,
    },
    /// It was paused.
    Paused,
    /// It goes on.
    Resumed,
    /// It is gone.
    Ended,
    /// More has happened than could be told.
    Lost,
}

/// What has happened, and to which jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// Its number; 0 where it is about none.
    pub jail: JailNumber,
    /// Its name, where it has one by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<JailName>,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What is known of a jail.
struct Known {
    created: Created,
    name: Option<JailName>,
    group: Option<Group>,
    counts: Counts,
}

/// Watches jails from the moment at which it is made.
pub struct Watch {
    admin: Admin,
    trace: Trace,
    known: BTreeMap<JailNumber, Known>,
}

impl Watch {
    /// Begins.
    ///
    /// # Errors
    ///
    /// Where the kernel's tracepoints cannot be read.
    pub fn begin(admin: Admin) -> Result<Self, String> {
        let trace = Trace::begin()?;
        let mut watch = Watch {
            admin,
            trace,
            known: BTreeMap::new(),
        };
        watch.look(&mut Vec::new())?;
        Ok(watch)
    }

    /// What has happened since the last time.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    pub fn happened(&mut self) -> Result<Vec<Happened>, String> {
        let mut found = self.trace.read()?;
        self.look(&mut found)?;
        for happened in &mut found {
            let known = self.known.get(&happened.jail);
            happened.name = happened.name.take().or_else(|| known?.name.clone());
        }
        Ok(found)
    }

    /// Looks which jails there are, and at their groups.
    fn look(&mut self, found: &mut Vec<Happened>) -> Result<(), String> {
        let mut before = std::mem::take(&mut self.known);
        for jail in self.admin.list().map_err(|error| error.to_string())? {
            let number = jail.info.number;
            let known = before.remove(&number);
            let (mut counts, is_same) = match known {
                Some(known) if known.created == jail.info.created => (known.counts, true),
                Some(known) => {
                    found.push(told(number, known.name, Event::Ended));
                    (Counts::default(), false)
                }
                None => (Counts::default(), false),
            };
            let group = jail.group().cloned();
            if let Some(group) = &group {
                let now = Counts::of(group);
                // What was before it was seen has not happened now, unless it is new.
                let is_new = is_same || self.trace.has_created(number);
                if is_new {
                    let events = counts.until(&now).into_iter();
                    found.extend(events.map(|event| told(number, None, event)));
                }
                counts = now;
            }
            let known = Known {
                created: jail.info.created,
                name: jail.info.name,
                group,
                counts,
            };
            self.known.insert(number, known);
        }
        for (number, known) in before {
            if let Some(group) = known.group.filter(Group::exists) {
                let events = known.counts.until(&Counts::of(&group)).into_iter();
                found.extend(events.map(|event| told(number, known.name.clone(), event)));
            }
            found.push(told(number, known.name, Event::Ended));
        }
        // One that has come and gone in between.
        for number in self.trace.take_created() {
            let is_told = self.known.contains_key(&number)
                || found
                    .iter()
                    .any(|it| it.jail == number && it.event == Event::Ended);
            if !is_told {
                found.push(told(number, None, Event::Ended));
            }
        }
        Ok(())
    }
}

impl Watch {
    /// Can be read when something has happened of which tracepoints tell.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.trace.pipe()
    }
}

fn told(jail: JailNumber, name: Option<JailName>, event: Event) -> Happened {
    Happened { jail, name, event }
}
