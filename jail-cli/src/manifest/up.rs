// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bringing the jails of a description up, and taking them down.

use std::path::Path;

use super::hook::{Hook, Occasion};
use super::present::{find, running};
use super::{Description, Manifest};
use crate::admin::{Admin, Jail};
use crate::environment::Variable;
use crate::jail::JailNumber;
use crate::jails::{JailId, JailName, JailsError};
use crate::launch::{Launch, NewJail, Place, RootChoice};
use crate::state::Ended;
use crate::template;

/// What has happened to one of the jails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its root was built.
    Built,
    /// It runs now.
    Started(JailNumber),
    /// It was running already.
    Running(JailNumber),
    /// It has ended.
    Stopped(JailNumber),
    /// Something went wrong that does not keep the rest from being done.
    Failed(String),
}

/// How far a jail has been brought up.
struct Begun<'a> {
    name: &'a JailName,
    description: &'a Description,
    /// What was started; nothing where only the hook before that was run.
    jail: Option<JailNumber>,
}

/// Brings all jails up, each when those run that it depends on. One that runs already is left
/// alone.
///
/// # Errors
///
/// What went wrong with the first that could not be brought up; those that were started before
/// it have been taken down again.
pub fn up(
    manifest: &Manifest,
    admin: &Admin,
    tell: &mut dyn FnMut(&JailName, Event),
) -> Result<(), String> {
    let mut begun = Vec::new();
    let result = manifest.order().try_for_each(|(name, description)| {
        start(manifest, admin, name, description, &mut begun, tell)
            .map_err(|why| format!("{name}: {why}"))
    });
    if result.is_err() {
        for jail in begun.into_iter().rev() {
            undo(manifest, admin, &jail, tell);
        }
    }
    result
}

/// Takes all jails down that run, each before those that it depends on.
///
/// # Errors
///
/// How many of them went wrong; what it was has been told.
pub fn down(
    manifest: &Manifest,
    admin: &Admin,
    tell: &mut dyn FnMut(&JailName, Event),
) -> Result<(), String> {
    let mut failures = 0;
    for (name, description) in manifest.order().rev() {
        let mut tell = |name: &JailName, event: Event| {
            failures += usize::from(matches!(event, Event::Failed(_)));
            tell(name, event);
        };
        match find(admin, name) {
            Ok(Some(jail)) => stop(manifest, admin, name, description, &jail, &mut tell),
            Ok(None) => finish_ended(manifest, admin, name, description, &mut tell),
            Err(why) => tell(name, Event::Failed(why)),
        }
    }
    match failures {
        0 => Ok(()),
        _ => Err(format!("{failures} steps have failed")),
    }
}

fn start<'a>(
    manifest: &Manifest,
    admin: &Admin,
    name: &'a JailName,
    description: &'a Description,
    begun: &mut Vec<Begun<'a>>,
    tell: &mut dyn FnMut(&JailName, Event),
) -> Result<(), String> {
    if let Some(jail) = running(admin, name)? {
        tell(name, Event::Running(jail.info.number));
        return Ok(());
    }
    finish_ended(manifest, admin, name, description, tell);
    for dependency in &description.depends {
        require_running(admin, dependency)?;
    }
    let root = manifest.root(description);
    let mut occasion = Occasion {
        directory: manifest.directory(),
        root: &root,
        name,
        number: None,
    };
    occasion.run(Hook::BeforeStart, description)?;
    begun.push(Begun {
        name,
        description,
        jail: None,
    });
    if let Some(template) = &description.template {
        if build_root(template, &root, manifest.directory())? {
            tell(name, Event::Built);
        }
    }
    let variables = variables(manifest, description)?;
    let number = launch(name, description, &root, variables).detach();
    let number = number.map_err(|error| error.to_string())?;
    if let Some(begun) = begun.last_mut() {
        begun.jail = Some(number);
    }
    tell(name, Event::Started(number));
    occasion.number = Some(number);
    occasion.run(Hook::AfterStart, description)
}

/// Those of its files, and then those that count more.
fn variables(manifest: &Manifest, description: &Description) -> Result<Vec<Variable>, String> {
    let mut variables = Vec::new();
    for file in &description.env_file {
        variables.extend(Variable::read_all(&manifest.directory().join(file))?);
    }
    variables.extend(description.environment.iter().cloned());
    Ok(variables)
}

fn launch(
    name: &JailName,
    description: &Description,
    root: &Path,
    variables: Vec<Variable>,
) -> Launch {
    let isolation = description.isolation();
    Launch {
        root: RootChoice::Path(root.to_owned()),
        place: Place::New(NewJail {
            name: Some(name.clone()),
            settings: description
                .limits
                .iter()
                .cloned()
                .chain(isolation.allowance())
                .collect(),
            keep: description.keep,
            after_stop_due: description.hooks.after_stop.is_some(),
            log: description.log(),
            stop_signal: description.stop_signal,
        }),
        user: description.user.clone(),
        shell: description.shell.clone(),
        variables,
        command: description.command.iter().map(Into::into).collect(),
        isolation,
        workdir: description.workdir.clone(),
        noted: None,
        tty: description.tty,
        quiet: true,
    }
}

/// Builds a root directory that is not there or empty; whether that was so.
fn build_root(template: &str, root: &Path, directory: &Path) -> Result<bool, String> {
    if root
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Ok(false);
    }
    let template = template::load(template, directory)?;
    template::build(&template, root, false)?;
    Ok(true)
}

/// That it was started does not mean that it still runs.
fn require_running(admin: &Admin, dependency: &JailName) -> Result<(), String> {
    if running(admin, dependency)?.is_some() {
        return Ok(());
    }
    let ended = admin.ended(&JailId::Name(dependency.clone()))?;
    let how = match ended.and_then(|record| record.ended) {
        Some(Ended::Exited(status)) => format!(" with exit status {status}"),
        Some(Ended::Killed(signal)) => format!(", killed by signal {signal}"),
        None => String::new(),
    };
    Err(format!(
        "it depends on {dependency}, which has ended{how}; see \"jaula logs {dependency}\""
    ))
}

fn stop(
    manifest: &Manifest,
    admin: &Admin,
    name: &JailName,
    description: &Description,
    jail: &Jail,
    tell: &mut dyn FnMut(&JailName, Event),
) {
    let root = manifest.root(description);
    let occasion = Occasion {
        directory: manifest.directory(),
        root: &root,
        name,
        number: Some(jail.info.number),
    };
    if let Err(why) = occasion.run(Hook::BeforeStop, description) {
        tell(name, Event::Failed(why));
    }
    match admin.stop(jail, description.stop_timeout) {
        Ok(()) => tell(name, Event::Stopped(jail.info.number)),
        // What is to be done when it has ended must not be done now.
        Err(why) => return tell(name, Event::Failed(why)),
    }
    finish(admin, &occasion, description, tell);
}

/// Does what is to be done about one that has ended without having been stopped here.
fn finish_ended(
    manifest: &Manifest,
    admin: &Admin,
    name: &JailName,
    description: &Description,
    tell: &mut dyn FnMut(&JailName, Event),
) {
    let due = match admin.due(name) {
        Ok(mut due) => due.pop(),
        Err(why) => return tell(name, Event::Failed(why)),
    };
    if let Some(record) = due {
        let root = manifest.root(description);
        let occasion = Occasion {
            directory: manifest.directory(),
            root: &root,
            name,
            number: Some(record.number),
        };
        finish(admin, &occasion, description, tell);
    }
}

/// Does what is to be done when a jail has ended, and notes that it has been done. Whether it
/// could be done is not tried again.
fn finish(
    admin: &Admin,
    occasion: &Occasion<'_>,
    description: &Description,
    tell: &mut dyn FnMut(&JailName, Event),
) {
    let done = occasion.run(Hook::AfterStop, description);
    for result in [done, admin.settle(occasion.name)] {
        if let Err(why) = result {
            tell(occasion.name, Event::Failed(why));
        }
    }
}

fn undo(
    manifest: &Manifest,
    admin: &Admin,
    begun: &Begun<'_>,
    tell: &mut dyn FnMut(&JailName, Event),
) {
    let Begun {
        name,
        description,
        jail,
    } = *begun;
    if let Some(number) = jail {
        match admin.find(&JailId::Number(number)) {
            Ok(jail) => return stop(manifest, admin, name, description, &jail, tell),
            Err(JailsError::NoSuchJail(_)) => {}
            Err(error) => return tell(name, Event::Failed(error.to_string())),
        }
    }
    let root = manifest.root(description);
    let occasion = Occasion {
        directory: manifest.directory(),
        root: &root,
        name,
        number: jail,
    };
    finish(admin, &occasion, description, tell);
}
