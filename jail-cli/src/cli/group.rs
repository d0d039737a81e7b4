// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula up` and `jaula down`: the jails of a jaula.toml, or of a directory of such files.

use std::path::{Path, PathBuf};

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::JailName;
use jaula::launch::{log, EXIT_FAILED};
use jaula::manifest::{down, foreground, up, Event, Manifest};
use jaula::state::Alone;
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
        let (manifest, admin) = self.group.open()?;
        if self.check {
            return self.group.check(&manifest, &admin);
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
        let (manifest, admin) = self.open()?;
        let _alone = self.alone(&manifest, &admin)?;
        let mut tell = |name: &JailName, event: Event| self.tell(name, &event);
        down(&manifest, &admin, self.only.as_ref(), &mut tell)
            .map_err(|why| Failure::failed(format!("{}: {why}", shown(&self.file))))?;
        self.conclude(&manifest, Vec::new())
    }

    fn open(&self) -> Result<(Manifest, Admin), Failure> {
        // Without jails nothing of what follows makes sense.
        let admin = Admin::open()?;
        let manifest = match self.file.is_dir() {
            true => Manifest::load_directory(&self.file),
            false => Manifest::load(&self.file),
        };
        let manifest = manifest.map_err(Failure::failed)?;
        if let Some(only) = &self.only {
            manifest
                .require(only)
                .map_err(|why| Failure::failed(format!("{}: {why}", shown(&self.file))))?;
        }
        Ok((manifest, admin))
    }

    /// Says what came to nothing, and what that means.
    fn conclude(&self, manifest: &Manifest, failed: Vec<String>) -> Result<u8, Failure> {
        let faults = match &self.only {
            // Others are none of its business.
            Some(_) => Vec::new(),
            None => manifest.files().iter().collect(),
        };
        let faults = faults.iter().filter_map(|file| file.fault.as_ref());
        let messages: Vec<String> = faults.map(ToString::to_string).chain(failed).collect();
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
        let mut failed = Vec::new();
        for (name, description) in manifest.order() {
            let jail = admin.child(name)?;
            if jail.is_none() && !description.unit {
                failed.push(format!("{name}: does not run"));
            }
        }
        let faults = manifest.files().iter();
        let faults = faults.filter_map(|file| file.fault.as_ref());
        let messages: Vec<String> = faults.map(ToString::to_string).chain(failed).collect();
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
        let files = manifest.files().iter().map(|file| file.path.as_path());
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
