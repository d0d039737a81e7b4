// SPDX-License-Identifier: MIT OR Apache-2.0

//! Taking the jails of a description down.

use std::fs;
use std::time::Duration;

use super::again::Described;
use super::hook::Hook;
use super::present::{call_off, find};
use super::up::{Begun, Event, Tell};
use super::Manifest;
use crate::admin::{Admin, Jail};
use crate::jails::JailName;
use crate::state::Record;

/// How long what is not described any more has to end.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Takes all jails down that run, or the one that is named, each before those that it depends on.
///
/// Where the files of a directory are meant, so are jails that were started from files there and are not
/// described any more, or only in what cannot be used: they are stopped, without what was to be done
/// around that; also one that is named, and left to a unit of its own.
///
/// # Errors
///
/// Where the one that is named is neither described nor there, or it cannot be told what is there; how many
/// steps went wrong, and what it was has been told.
pub fn down(
    manifest: &Manifest,
    admin: &Admin,
    only: Option<&JailName>,
    tell: Tell<'_>,
) -> Result<(), String> {
    let mut failures = 0;
    let mut tell = |name: &JailName, event: Event| {
        failures += usize::from(matches!(event, Event::Failed(_)));
        tell(name, event);
    };
    let others = undescribed(manifest, admin, only, &mut tell);
    // Whatever else there may be, what is described is taken down.
    let (others, unseen) = match others {
        Ok(others) => (others, None),
        Err(why) => (Others::default(), Some(why)),
    };
    if let (Some(only), None) = (only, &unseen) {
        if others.is_empty() {
            manifest.require(only)?;
        }
    }
    for (name, jail) in others.there {
        match admin.stop(&jail, USUAL_TIMEOUT) {
            Ok(()) => tell(&name, Event::Stopped(jail.info.number)),
            Err(why) => tell(&name, Event::Failed(why)),
        }
        // It may have ended by itself meanwhile, to be made anew.
        if let Err(why) = call_off(admin, &name) {
            tell(&name, Event::Failed(why));
        }
    }
    for (name, member, is_meant) in manifest.meant(only).rev() {
        if !is_meant {
            tell(name, Event::LeftToUnit);
            continue;
        }
        let described = manifest.described_as(name, member);
        match call_off(admin, name) {
            Ok(true) => tell(name, Event::CalledOff),
            Ok(false) => {}
            Err(why) => tell(name, Event::Failed(why)),
        }
        match find(admin, name) {
            Ok(Some(jail)) => stop(admin, &described, &jail, &mut tell),
            Ok(None) => finish_ended(admin, &described, &mut tell),
            Err(why) => tell(name, Event::Failed(why)),
        }
    }
    match (failures, unseen) {
        (0, None) => Ok(()),
        (0, Some(why)) => Err(why),
        (_, None) => Err(format!("{failures} steps have failed")),
        (_, Some(why)) => Err(format!("{failures} steps have failed; {why}")),
    }
}

/// What was started from a directory, and is not described there any more.
#[derive(Default)]
struct Others {
    /// Jails that there are.
    there: Vec<(JailName, Jail)>,
    /// How many had ended, and were to be made anew.
    called_off: usize,
}

impl Others {
    fn is_empty(&self) -> bool {
        self.there.is_empty() && self.called_off == 0
    }
}

/// Jails that were started from a file of the directory, and what is there now does not describe: all but
/// those that are left to units of their own, or the one that is named. What is about to be made anew has
/// no jail, and is called off.
fn undescribed(
    manifest: &Manifest,
    admin: &Admin,
    only: Option<&JailName>,
    tell: Tell<'_>,
) -> Result<Others, String> {
    let Some(directory) = manifest.directory() else {
        return Ok(Others::default());
    };
    let directory = fs::canonicalize(directory)
        .map_err(|error| format!("looking what was started from here: {error}"))?;
    let name_of = |record: &Record| {
        let file = record.described.as_ref()?;
        let name = record.name.as_ref()?;
        let is_meant = match only {
            Some(only) => only == name,
            None => !record.left_to_unit,
        };
        let is_of_here = file.parent() == Some(&directory);
        (is_meant && is_of_here && manifest.get(name).is_none()).then(|| name.clone())
    };
    let mut others = Others::default();
    for name in admin.restarting()?.iter().filter_map(name_of) {
        match call_off(admin, &name) {
            Ok(true) => {
                others.called_off += 1;
                tell(&name, Event::CalledOff);
            }
            Ok(false) => {}
            Err(why) => {
                others.called_off += 1;
                tell(&name, Event::Failed(why));
            }
        }
    }
    let jails = admin.children()?.into_iter();
    let there = jails.filter_map(|jail| {
        let name = jail.record.as_ref().and_then(name_of)?;
        Some((name, jail))
    });
    others.there.extend(there);
    Ok(others)
}

fn stop(admin: &Admin, described: &Described<'_>, jail: &Jail, tell: Tell<'_>) {
    let number = jail.info.number;
    let name = described.name;
    if let Err(why) = described.run(Hook::BeforeStop, Some(number)) {
        tell(name, Event::Failed(why));
    }
    match admin.stop(jail, described.description.stop_timeout) {
        Ok(()) => tell(name, Event::Stopped(number)),
        // What is to be done when it has ended must not be done now.
        Err(why) => return tell(name, Event::Failed(why)),
    }
    // It may have ended by itself meanwhile, to be made anew.
    match call_off(admin, name) {
        Ok(_) => {}
        Err(why) => tell(name, Event::Failed(why)),
    }
    finish(admin, described, Some(number), tell);
}

/// Does what is to be done about one that has ended without having been stopped here.
pub(super) fn finish_ended(admin: &Admin, described: &Described<'_>, tell: Tell<'_>) {
    let name = described.name;
    let due = match admin.due(name) {
        Ok(mut due) => due.pop(),
        Err(why) => return tell(name, Event::Failed(why)),
    };
    if let Some(record) = due {
        finish(admin, described, Some(record.number), tell);
    }
}

/// Does what is to be done when a jail has ended, and notes that it has been done. Whether it
/// could be done is not tried again.
pub(super) fn finish(
    admin: &Admin,
    described: &Described<'_>,
    number: Option<crate::jail::JailNumber>,
    tell: Tell<'_>,
) {
    let done = described.run(Hook::AfterStop, number);
    for result in [done, admin.settle(described.name)] {
        if let Err(why) = result {
            tell(described.name, Event::Failed(why));
        }
    }
}

/// Takes down again what has just been brought up.
pub(super) fn undo(admin: &Admin, begun: &Begun<'_>, tell: Tell<'_>) {
    let described = &begun.described;
    let name = described.name;
    if begun.jail.is_some() {
        match call_off(admin, name) {
            Ok(_) => {}
            Err(why) => tell(name, Event::Failed(why)),
        }
        // By its name: it may have been made anew meanwhile.
        match find(admin, name) {
            Ok(Some(jail)) => return stop(admin, described, &jail, tell),
            Ok(None) => {}
            Err(why) => return tell(name, Event::Failed(why)),
        }
    }
    finish(admin, described, begun.jail, tell);
}
