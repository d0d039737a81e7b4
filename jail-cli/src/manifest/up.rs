// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bringing the jails of a description up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jaula_rootfs::Settings;

use super::again::Described;
use super::down::{finish_ended, undo};
use super::hook::Hook;
use super::present::{call_off, running, running_or_ended};
use super::{Description, Manifest, Member};
use crate::admin::Admin;
use crate::jail::JailNumber;
use crate::jails::{JailId, JailName};
use crate::launch::Policy;
use crate::network;
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
    /// It was about to be made anew, and no longer is.
    CalledOff,
    /// It has ended.
    Stopped(JailNumber),
    /// It is left to a unit of its own.
    LeftToUnit,
    /// Something went wrong that does not keep the rest from being done.
    Failed(String),
}

/// Who is told what happens.
pub type Tell<'a> = &'a mut dyn FnMut(&JailName, Event);

/// A file of which nothing was brought up, or what was has been taken down again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub path: PathBuf,
    /// What went wrong.
    pub why: String,
}

/// How far a jail has been brought up.
pub(super) struct Begun<'a> {
    pub described: Described<'a>,
    /// What was started; nothing where only the hook before that was run.
    pub jail: Option<JailNumber>,
    file: usize,
}

impl Manifest {
    /// The jail of this name as it is described.
    ///
    /// # Errors
    ///
    /// Where it is not; what can be said about that.
    pub(super) fn described<'a>(&'a self, name: &JailName) -> Result<Described<'a>, String> {
        let found = self.jails.get_key_value(name);
        if let Some((name, member)) = found {
            return Ok(self.described_as(name, member));
        }
        let unusable = self.files.iter().filter_map(|file| file.fault.as_ref());
        let unusable: Vec<String> = unusable.map(ToString::to_string).collect();
        match unusable.is_empty() {
            true => Err(format!("{name}: is not described")),
            false => Err(format!(
                "{name}: is not described, unless in what cannot be used: {}",
                unusable.join("; ")
            )),
        }
    }

    /// Checks that a jail of this name is described.
    ///
    /// # Errors
    ///
    /// Where it is not; what can be said about that.
    pub fn require(&self, name: &JailName) -> Result<(), String> {
        self.described(name).map(drop)
    }

    pub(super) fn described_as<'a>(
        &'a self,
        name: &'a JailName,
        member: &'a Member,
    ) -> Described<'a> {
        let path = &self.files[member.file].path;
        Described {
            name,
            description: &member.description,
            file: place_of(path),
        }
    }

    /// Those that are meant: the one that is named, or all but those that are left to units of their own.
    pub(super) fn meant<'a>(
        &'a self,
        only: Option<&'a JailName>,
    ) -> impl DoubleEndedIterator<Item = (&'a JailName, &'a Member, bool)> {
        let members = self.members();
        let members = members.filter(move |(name, _)| only.is_none_or(|only| only == *name));
        members.map(move |(name, member)| {
            let is_left = only.is_none() && member.description.unit;
            (name, member, !is_left)
        })
    }
}

/// Brings all jails up, or the one that is named, each when those run that it depends on. One that runs
/// already is left alone.
///
/// Where one cannot be brought up, those of its file that were started here are taken down again, and
/// those of other files that depend on them. Which files came to nothing is returned.
pub fn up(
    manifest: &Manifest,
    admin: &Admin,
    only: Option<&JailName>,
    tell: Tell<'_>,
) -> Vec<Failed> {
    // What a jaula has left that was killed.
    if let Err(why) = network::tidy(admin.jails()) {
        crate::complain!("jaula: warning: {why}");
    }
    let mut bringing = Bringing {
        manifest,
        admin,
        begun: Vec::new(),
        failed: BTreeSet::new(),
        failures: Vec::new(),
    };
    for (name, member, is_meant) in manifest.meant(only) {
        if bringing.failed.contains(&member.file) {
            continue;
        }
        if !is_meant {
            tell(name, Event::LeftToUnit);
            continue;
        }
        let described = manifest.described_as(name, member);
        if let Err(why) = bringing.start(described, member.file, tell) {
            bringing.fail(member.file, format!("{name}: {why}"), tell);
        }
    }
    bringing.failures
}

/// The path of a file, by a directory that does not depend on the current one or on links. It itself may be
/// one, and is then known by where that lies.
fn place_of(file: &Path) -> Option<PathBuf> {
    let above = file.parent().filter(|above| !above.as_os_str().is_empty());
    let above = fs::canonicalize(above.unwrap_or(Path::new("."))).ok()?;
    Some(above.join(file.file_name()?))
}

struct Bringing<'a> {
    manifest: &'a Manifest,
    admin: &'a Admin,
    begun: Vec<Begun<'a>>,
    /// Files.
    failed: BTreeSet<usize>,
    failures: Vec<Failed>,
}

impl<'a> Bringing<'a> {
    fn start(
        &mut self,
        described: Described<'a>,
        file: usize,
        tell: Tell<'_>,
    ) -> Result<(), String> {
        if !prepare(self.admin, &described, tell)? {
            return Ok(());
        }
        described.run(Hook::BeforeStart, None)?;
        self.begun.push(Begun {
            described: described.clone(),
            jail: None,
            file,
        });
        build(&described, tell)?;
        let launch = described.launch()?;
        // Until its hook has been run, its supervisor runs none.
        let (number, _starting) = match described.description.restart {
            Policy::No => launch.detach().map(|number| (number, None)),
            _ => launch
                .detach_again(&described)
                .map(|(number, starting)| (number, Some(starting))),
        }
        .map_err(|error| error.to_string())?;
        if let Some(begun) = self.begun.last_mut() {
            begun.jail = Some(number);
        }
        tell(described.name, Event::Started(number));
        described.run(Hook::AfterStart, Some(number))
    }

    /// Takes down again what was started of a file, and of those that build on that.
    fn fail(&mut self, file: usize, why: String, tell: Tell<'_>) {
        self.give_up(file, why);
        while let Some((dependent, why)) = self.dependent() {
            self.give_up(dependent, why);
        }
        let failed = &self.failed;
        let (down, stay) = std::mem::take(&mut self.begun)
            .into_iter()
            .partition(|begun| failed.contains(&begun.file));
        self.begun = stay;
        let down: Vec<Begun<'_>> = down;
        for begun in down.iter().rev() {
            undo(self.admin, begun, tell);
        }
    }

    fn give_up(&mut self, file: usize, why: String) {
        self.failed.insert(file);
        self.failures.push(Failed {
            path: self.manifest.files()[file].path.clone(),
            why,
        });
    }

    /// A file of which something was started that depends on what is taken down.
    fn dependent(&self) -> Option<(usize, String)> {
        let goes = |name: &JailName| {
            self.begun
                .iter()
                .any(|begun| begun.described.name == name && self.failed.contains(&begun.file))
        };
        let stays = |begun: &&Begun<'_>| !self.failed.contains(&begun.file);
        self.begun.iter().filter(stays).find_map(|begun| {
            let lost = begun.described.description.depends.iter();
            let lost = lost.into_iter().find(|name| goes(name))?;
            let why = format!(
                "{}: it depends on {lost}, which is taken down again",
                begun.described.name
            );
            Some((begun.file, why))
        })
    }
}

/// Sees to what is left of an earlier jail, and to those that it depends on; whether it is to be started.
pub(super) fn prepare(
    admin: &Admin,
    described: &Described<'_>,
    tell: Tell<'_>,
) -> Result<bool, String> {
    let Described {
        name, description, ..
    } = *described;
    if call_off(admin, name)? {
        // Now is sooner than when it would have been made.
        tell(name, Event::CalledOff);
    }
    if let Some(jail) = running_or_ended(admin, name)? {
        tell(name, Event::Running(jail.info.number));
        return Ok(false);
    }
    finish_ended(admin, described, tell);
    for dependency in &description.depends {
        require_running(admin, dependency)?;
    }
    Ok(true)
}

/// Builds its root from its template, where there is one and nothing is there.
pub(super) fn build(described: &Described<'_>, tell: Tell<'_>) -> Result<(), String> {
    let Description { template, set, .. } = described.description;
    let Some(template) = template else {
        return Ok(());
    };
    let directory = described.description.directory();
    let root = described.description.root();
    if build_root((template, set), &root, directory)? {
        tell(described.name, Event::Built);
    }
    Ok(())
}

/// Builds a root directory that is not there or empty; whether that was so.
fn build_root(
    (name, set): (&str, &Settings),
    root: &Path,
    directory: &Path,
) -> Result<bool, String> {
    if root
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Ok(false);
    }
    let template = template::load(name, directory, set)?;
    let how = template::How::default();
    template::build(name, &template, root, &how, &mut |_| {})?;
    Ok(true)
}

/// That it was started does not mean that it still runs. One that is ending is not ended here: whoever
/// looks after it may be about to start it again, which he would not then.
fn require_running(admin: &Admin, dependency: &JailName) -> Result<(), String> {
    if running(admin, dependency)?.is_some() {
        return Ok(());
    }
    let ended = admin.ended(&JailId::Name(dependency.clone()))?;
    let Some(record) = ended else {
        return Err(format!("it depends on {dependency}, which does not run"));
    };
    let how = match record.ended {
        Some(Ended::Exited(status)) => format!(" with exit status {status}"),
        Some(Ended::Killed(signal)) => format!(", killed by signal {signal}"),
        None => String::new(),
    };
    let then = match record.is_restarting() {
        true => ", and is to be made anew",
        false => "",
    };
    Err(format!(
        "it depends on {dependency}, which has ended{how}{then}; see \"jaula logs {dependency}\""
    ))
}
