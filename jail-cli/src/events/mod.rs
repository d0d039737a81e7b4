// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens to jails: from the kernel's tracepoints, and from control groups.

mod groups;
mod trace;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use serde::Serialize;

use crate::admin::Admin;
use crate::jail::JailNumber;
use crate::jails::{Created, JailName};
use crate::resources::{Told, Watched};

use trace::Trace;

/// How often it is looked whether something has happened of which nothing tells.
const LOOK: Duration = Duration::from_millis(200);

/// The same, while there is a jail that is not older than this and has no group.
const SOON: Duration = Duration::from_millis(20);
const NEW: Duration = Duration::from_secs(1);

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
    /// When it was first seen.
    seen: Instant,
    /// Its control group, where it has one, and what that told last.
    group: Option<(Watched, Told)>,
}

/// Watches jails from the moment at which it is made.
pub struct Watch {
    admin: Admin,
    trace: Trace,
    known: BTreeMap<JailNumber, Known>,
    /// When those have ended of which more may be heard, and how many of their processes had been killed.
    gone: BTreeMap<JailNumber, (Instant, u64)>,
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
            gone: BTreeMap::new(),
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
        found.retain_mut(|happened| self.is_news(happened));
        self.look(&mut found)?;
        for happened in &mut found {
            let known = self.known.get(&happened.jail);
            happened.name = happened.name.take().or_else(|| known?.name.clone());
        }
        Ok(found)
    }

    /// Whether it was not told before. How many were killed is told from the groups as well, of all the time of
    /// a jail.
    fn is_news(&mut self, happened: &mut Happened) -> bool {
        let Event::OomKill { count } = &mut happened.event else {
            return true;
        };
        let known = self.known.get_mut(&happened.jail);
        let told = match known.and_then(|known| known.group.as_mut()) {
            Some((_, told)) => &mut told.oom_kills,
            None => {
                &mut self
                    .gone
                    .entry(happened.jail)
                    .or_insert((Instant::now(), 0))
                    .1
            }
        };
        let before = std::mem::replace(told, *count);
        *count = count.saturating_sub(before);
        *count > 0
    }

    /// Looks which jails there are, and at their groups.
    fn look(&mut self, found: &mut Vec<Happened>) -> Result<(), String> {
        let mut before = std::mem::take(&mut self.known);
        for jail in self.admin.list().map_err(|error| error.to_string())? {
            let number = jail.info.number;
            let known = before.remove(&number);
            let known = match known {
                Some(known) if known.created == jail.info.created => Some(known),
                Some(known) => {
                    found.push(told(number, known.name, Event::Ended));
                    None
                }
                None => None,
            };
            // What was before it was seen has not happened now, unless it is new.
            let is_new = known.is_some() || self.trace.has_created(number);
            let seen = known.as_ref().map_or_else(Instant::now, |known| known.seen);
            let group = known.and_then(|known| known.group).or_else(|| {
                let watched = Watched::open(jail.group()?);
                let now = watched.told().filter(|_| !is_new);
                Some((watched, now.unwrap_or_default()))
            });
            let mut known = Known {
                created: jail.info.created,
                name: jail.info.name,
                seen,
                group,
            };
            known.tell(number, found);
            self.known.insert(number, known);
        }
        for (number, mut known) in before {
            known.tell(number, found);
            found.push(told(number, known.name, Event::Ended));
            if let Some((_, told)) = known.group {
                self.gone.insert(number, (Instant::now(), told.oom_kills));
            }
        }
        self.gone.retain(|_, (when, _)| when.elapsed() < NEW);
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

impl Known {
    /// Tells what has happened in its group since that was last told.
    fn tell(&mut self, number: JailNumber, found: &mut Vec<Happened>) {
        let Some((watched, before)) = &mut self.group else {
            return;
        };
        if let Some(now) = watched.told() {
            let events = groups::between(before, &now).into_iter();
            found.extend(events.map(|event| told(number, self.name.clone(), event)));
            *before = now;
        }
    }
}

impl Watch {
    /// How long is waited for that, at most.
    pub fn patience(&self) -> Duration {
        // Its group is known when it has been noted, a moment after it was made.
        let is_new = |known: &Known| known.group.is_none() && known.seen.elapsed() < NEW;
        match self.known.values().any(is_new) {
            true => SOON,
            false => LOOK,
        }
    }

    /// What is ready when something has happened.
    pub fn changes(&self) -> Vec<PollFd<'_>> {
        let trace = self.trace.pipe().into_iter();
        let trace = trace.map(|pipe| PollFd::new(pipe, PollFlags::POLLIN));
        let groups = self.known.values().filter_map(|known| known.group.as_ref());
        trace
            .chain(groups.flat_map(|(watched, _)| watched.changes()))
            .collect()
    }
}

fn told(jail: JailNumber, name: Option<JailName>, event: Event) -> Happened {
    Happened { jail, name, event }
}
