// SPDX-License-Identifier: MIT OR Apache-2.0

//! One jail of a description, looked after by whoever has started jaula.

use sd_notify::NotifyState;

use super::again::Described;
use super::down::finish;
use super::hook::Hook;
use super::up::{build, prepare, Event, Tell};
use super::Manifest;
use crate::admin::Admin;
use crate::jails::JailName;
use crate::launch::{log, Place, Supervised};
use crate::state::{Alone, Store};

/// Starts the jail that is named and waits for its end; the exit status that stands for how its first
/// process ended, and 0 where somebody has asked the jail to end.
///
/// Whoever supervises this process is told as sd_notify(3) says when the command has been executed and
/// what is to be done after that has succeeded. What is to be done when the jail has ended is done as
/// well, unless who has stopped it does that.
///
/// # Errors
///
/// What went wrong; nothing is left of the jail.
pub fn foreground(
    manifest: &Manifest,
    admin: &Admin,
    name: &JailName,
    destination: Option<log::Destination>,
    alone: Vec<Alone>,
    tell: Tell<'_>,
) -> Result<u8, String> {
    let described = manifest.described(name)?;
    if described.description.keep {
        return Err(format!(
            "{name}: is to outlive its first process (\"keep\"), and what runs in the foreground ends with it"
        ));
    }
    let supervised = start(&described, admin, destination, tell)?;
    let record = supervised.record().clone();
    // From here on others may take it down.
    drop(alone);
    notify(&[
        NotifyState::Ready,
        NotifyState::Status(&format!("jail {} runs", record.number)),
    ]);
    let ending = supervised.wait();
    notify(&[NotifyState::Stopping]);
    let noted = Store::default().read(record.number);
    let noted = noted.filter(|noted| noted.created == record.created);
    // One that was removed is not noted any more.
    let was_asked = noted.is_none_or(|noted| noted.is_to_end());
    if was_asked {
        return ending.map(|_| 0).map_err(|error| error.to_string());
    }
    finish(admin, &described, Some(record.number), tell);
    let ending = ending.map_err(|error| error.to_string())?;
    Ok(ending.status())
}

fn start(
    described: &Described<'_>,
    admin: &Admin,
    destination: Option<log::Destination>,
    tell: Tell<'_>,
) -> Result<Supervised, String> {
    let name = described.name;
    let about = |why: String| format!("{name}: {why}");
    if !prepare(admin, described, tell).map_err(about)? {
        return Err(about(
            "it runs already, and is not looked after by this jaula; \"jaula stop\" ends it, and with \
             \"unit = true\" in its description it is left alone by \"jaula up\""
                .into(),
        ));
    }
    described.run(Hook::BeforeStart, None).map_err(about)?;
    let started = launch(described, destination, tell);
    if started.is_err() {
        finish(admin, described, None, tell);
    }
    started.map_err(about)
}

fn launch(
    described: &Described<'_>,
    destination: Option<log::Destination>,
    tell: Tell<'_>,
) -> Result<Supervised, String> {
    build(described, tell)?;
    let mut launch = described.launch()?;
    if let Place::New(new) = &mut launch.place {
        // Who supervises this process starts it again.
        new.restart = None;
        new.left_to_unit = true;
        if let Some(destination) = destination {
            new.log.destination = destination;
        }
    }
    let supervised = launch.supervise().map_err(|error| error.to_string())?;
    let number = supervised.number();
    tell(described.name, Event::Started(number));
    match described.run(Hook::AfterStart, Some(number)) {
        Ok(()) => Ok(supervised),
        Err(why) => {
            let ended = crate::jail::end_jail(number);
            let _ = supervised.wait();
            match ended {
                Ok(()) => Err(why),
                Err(then) => Err(format!("{why}; then {then}")),
            }
        }
    }
}

/// Tells whoever supervises this process, where somebody does.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        crate::complain!("jaula: warning: telling the service manager: {error}");
    }
}
