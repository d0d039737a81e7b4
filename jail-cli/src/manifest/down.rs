// SPDX-License-Identifier: MIT OR Apache-2.0

//! Taking the jails of a description down.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::again::Described;
use super::hook::Hook;
use super::present::{call_off, find};
use super::up::{Begun, Event, Tell};
use super::Manifest;
use crate::admin::{Admin, Jail};
use crate::jails::JailName;

/// How long what is not described any more has to end.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Takes all jails down that run, or the one that is named, each before those that it depends on.
///
/// Where the files of a directory are meant, so are jails that were started from files there and are not
/// described any more, or only in what cannot be used: they are stopped, without what was to be done
/// around that.
///
/// # Errors
///
/// How many steps went wrong; what it was has been told.
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
    if only.is_none() {
        for (name, jail) in undescribed(manifest, admin, &mut tell) {
            match admin.stop(&jail, USUAL_TIMEOUT) {
                Ok(()) => tell(&name, Event::Stopped(jail.info.number)),
                Err(why) => tell(&name, Event::Failed(why)),
            }
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
    match failures {
        0 => Ok(()),
        _ => Err(format!("{failures} steps have failed")),
    }
}

/// Jails that were started from a file of the directory, and what is there now does not describe.
fn undescribed(manifest: &Manifest, admin: &Admin, tell: Tell<'_>) -> Vec<(JailName, Jail)> {
    let directory = manifest.directory();
    let Some(directory) = directory.and_then(|path| fs::canonicalize(path).ok()) else {
        return Vec::new();
    };
    let is_of_here = |jail: &Jail| {
        let record = jail.record.as_ref()?;
        let file = record.described.as_ref()?;
        let is_of_here = file.parent() == Some(&directory) && !record.left_to_unit;
        is_of_here.then_some(())
    };
    let known: BTreeSet<&JailName> = manifest.order().map(|(name, _)| name).collect();
    let mut found = Vec::new();
    // What is about to be made anew has no jail.
    for record in admin.restarting().unwrap_or_default() {
        let file = record.described.as_ref().and_then(|file| file.parent());
        match record.name {
            Some(name)
                if file == Some(&directory) && !record.left_to_unit && !known.contains(&name) =>
            {
                match call_off(admin, &name) {
                    Ok(true) => tell(&name, Event::CalledOff),
                    Ok(false) => {}
                    Err(why) => tell(&name, Event::Failed(why)),
                }
            }
            _ => {}
        }
    }
    for jail in admin.children().unwrap_or_default() {
        let name = jail.info.name.clone();
        match (name, is_of_here(&jail)) {
            (Some(name), Some(())) if !known.contains(&name) => found.push((name, jail)),
            _ => {}
        }
    }
    found
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
