// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula up` and `jaula down`: the jails of a jaula.toml, or of a directory of such files.

use std::path::{Path, PathBuf};

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::{JailId, JailName};
use jaula::launch::{log, EXIT_FAILED};
use jaula::manifest::{down, foreground, up, Event, Manifest, ManifestError};
use jaula::state::{Alone, Ended, Record};
use jaula::text::shown;

use super::Failure;

/// Exit status: some files of a directory came to nothing, and others did not.
const SOME_FAILED: u8 = 1;

/// Which jails, and whether that is said.
#[derive(Debug, Args)]
pub struct Group {
    /// File that describes the jails, see jaula.toml(5), or a directory of such files
    ///
    /// Of a directory, all files whose names end in ".toml" are read, in the order of their names.
    #[arg(value_name = "FILE|DIR", default_value = "jaula.toml", value_hint = clap::ValueHint::AnyPath)]
    file: PathBuf,

    /// Only the jail of this name
    ///
    /// Also where its description leaves it to a unit of its own. What it depends on must run.
    #[arg(long, value_name = "NAME")]
    only: Option<JailName>,

    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// Which jails are brought up, and how.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    group: Group,

    /// With --only: stay, and end as its command does
    ///
    /// Jaula is the supervisor of the jail then, and tells the service manager that has started it when
    /// the command has been executed (sd_notify(3)). The exit status is 0 where somebody has stopped or
    /// removed the jail. "restart" in its description is for the service manager to do.
    #[arg(long, requires = "only")]
    foreground: bool,

    /// With --foreground: where its output goes, in place of what its description says
    #[arg(long, value_name = "kept|journald", requires = "foreground")]
    log: Option<log::Destination>,

    /// Start nothing: tell what does not run, and what cannot be used
    #[arg(long, conflicts_with_all = ["foreground", "only"])]
    check: bool,
}

impl Up {
    /// Brings them up.
    pub fn run(self) -> Result<u8, Failure> {
        let manifest = self.group.manifest();
        if self.group.is_nothing(&manifest) {
            // A kernel that has no jails is as good as any.
            return Ok(0);
        }
        let (manifest, admin) = Group::open(manifest)?;
        if self.check {
            return self.group.check(&manifest, &admin);
        }
        if let Some(only) = &self.group.only {
            let described = manifest.require(only);
            described.map_err(|why| self.group.failed(&why))?;
        }
        let alone = self.group.alone(&manifest, &admin)?;
        let mut tell = |name: &JailName, event: Event| self.group.tell(name, &event);
        if let (true, Some(name)) = (self.foreground, &self.group.only) {
            return foreground(&manifest, &admin, name, self.log, alone, &mut tell)
                .map_err(Failure::failed);
        }
        let failed = up(&manifest, &admin, self.group.only.as_ref(), &mut tell);
        let messages = failed
            .iter()
            .map(|failed| format!("{}: {}", shown(&failed.path), failed.why));
        self.group.conclude(&manifest, messages.collect())
    }
}

impl Group {
    /// Takes them down.
    pub fn down(self) -> Result<u8, Failure> {
        let manifest = self.manifest();
        // Where nothing is described any more, something may have been started all the same.
        if self.is_nothing(&manifest) && Admin::open().is_err_and(|error| error.is_unavailable()) {
            return Ok(0);
        }
        let (manifest, admin) = Group::open(manifest)?;
        let _alone = self.alone(&manifest, &admin)?;
        let mut tell = |name: &JailName, event: Event| self.tell(name, &event);
        down(&manifest, &admin, self.only.as_ref(), &mut tell).map_err(|why| self.failed(&why))?;
        // What was started of a file that is wrong has been taken down as well.
        for fault in faults(&manifest, self.only.as_ref()) {
            jaula::complain!("jaula: {fault}");
        }
        Ok(0)
    }

    fn manifest(&self) -> Result<Manifest, ManifestError> {
        match self.file.is_dir() {
            true => Manifest::load_directory(&self.file),
            false => Manifest::load(&self.file),
        }
    }

    /// Whether nothing is described, and nothing was asked for by its name.
    fn is_nothing(&self, manifest: &Result<Manifest, ManifestError>) -> bool {
        let is_empty = |manifest: &Manifest| manifest.files().is_empty();
        self.only.is_none() && manifest.as_ref().is_ok_and(is_empty)
    }

    /// What is described, and the jails that there are.
    fn open(manifest: Result<Manifest, ManifestError>) -> Result<(Manifest, Admin), Failure> {
        // Without jails nothing of what follows makes sense, whatever is described.
        let admin = Admin::open()?;
        Ok((manifest.map_err(Failure::failed)?, admin))
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::failed(format!("{}: {why}", shown(&self.file)))
    }

    /// Says what came to nothing, and what that means.
    fn conclude(&self, manifest: &Manifest, failed: Vec<String>) -> Result<u8, Failure> {
        let mut messages = faults(manifest, self.only.as_ref());
        messages.extend(failed);
        match messages.len() {
            0 => Ok(0),
            failed if failed < manifest.files().len() && self.only.is_none() => {
                for message in messages {
                    jaula::complain!("jaula: {message}");
                }
                Ok(SOME_FAILED)
            }
            _ => Err(Failure::Other(EXIT_FAILED, messages.join("\njaula: "))),
        }
    }

    fn check(&self, manifest: &Manifest, admin: &Admin) -> Result<u8, Failure> {
        let mut messages = faults(manifest, None);
        for (name, description) in manifest.order() {
            if description.unit || admin.child(name)?.is_some() {
                continue;
            }
            let ended = admin.ended(&JailId::Name(name.clone()));
            let record = ended.map_err(Failure::failed)?;
            if record.as_ref().is_some_and(Record::is_to_end) {
                messages.push(format!("{name}: was stopped"));
                continue;
            }
            match record.and_then(|record| record.ended) {
                // It has done what it was started for.
                Some(Ended::Exited(0)) => {}
                Some(Ended::Exited(status)) => {
                    messages.push(format!("{name}: has ended with exit status {status}"));
                }
                Some(Ended::Killed(signal)) => {
                    messages.push(format!("{name}: has ended, killed by signal {signal}"));
                }
                None => messages.push(format!("{name}: does not run")),
            }
        }
        match messages.is_empty() {
            true => Ok(0),
            false => Err(Failure::Other(SOME_FAILED, messages.join("\njaula: "))),
        }
    }

    /// Two that bring the same jails up and down would undo what the other does.
    fn alone(&self, manifest: &Manifest, admin: &Admin) -> Result<Vec<Alone>, Failure> {
        let wait = |path: &Path| {
            if !self.quiet {
                let path = shown(path);
                jaula::complain!("jaula: {path}: waiting for another jaula that works on it");
            }
        };
        // Who works on one of the files takes that alone; all others take the directory first.
        let directory = manifest.directory().into_iter();
        // Nothing is done about one that cannot be used.
        let files = manifest.files().iter().filter(|file| file.fault.is_none());
        let files = files.map(|file| file.path.as_path());
        let mut alone = Vec::new();
        for path in directory.chain(files) {
            let lock = admin.store().alone(path, || wait(path));
            alone.push(lock.map_err(Failure::failed)?);
        }
        Ok(alone)
    }

    fn tell(&self, name: &JailName, event: &Event) {
        let text = match event {
            Event::Failed(why) => return jaula::complain!("jaula: {name}: {why}"),
            _ if self.quiet => return,
            Event::Built => "its root was built".to_owned(),
            Event::Started(number) => format!("started, jail {number}"),
            Event::Running(number) => format!("runs already, jail {number}"),
            Event::CalledOff => "had ended, and is no longer to be made anew".to_owned(),
            Event::Stopped(number) => format!("stopped, was jail {number}"),
            Event::LeftToUnit => format!("is left to a unit of its own, jaula@{name}.service"),
        };
        jaula::complain!("jaula: {name}: {text}");
    }
}

/// What is wrong with files, unless only one jail is meant: others are none of its business then.
fn faults(manifest: &Manifest, only: Option<&JailName>) -> Vec<String> {
    let files = manifest.files().iter().filter(|_| only.is_none());
    let faults = files.filter_map(|file| file.fault.as_ref());
    faults.map(ToString::to_string).collect()
}
