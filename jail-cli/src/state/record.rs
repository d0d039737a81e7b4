// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is noted about one jail.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{boot, bytes, failed, Restart, Step};
use crate::isolation::Isolation;
use crate::jail::JailNumber;
use crate::jails::{Created, JailName};
use crate::launch::{log, Ending, Inodes};
use crate::layers::Contents;
use crate::process::ProcessId;
use crate::resources::Group;
use crate::root::{Identity, Root};
use crate::signal::SignalNumber;
use crate::text::shown;

/// The name of the file in the jail's directory.
pub(super) const FILE: &str = "record.json";

/// The root directory of a jail: where it is, and which one it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootDirectory {
    /// The path, absolute.
    #[serde(with = "bytes::one")]
    pub path: PathBuf,
    /// Device and inode number.
    identity: Identity,
    /// What it is made of, where it is no directory of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_of: Option<Contents>,
}

impl RootDirectory {
    /// The directory that `root` holds, found at `path`.
    pub fn new(path: PathBuf, root: &Root) -> Self {
        RootDirectory {
            path,
            identity: root.identity(),
            made_of: root.as_made().map(|made| made.contents().clone()),
        }
    }

    /// What it is made of, where it is no directory of the host.
    pub fn made_of(&self) -> Option<&Contents> {
        self.made_of.as_ref()
    }

    /// Where what a jail writes there lies on the host, where that is anywhere.
    pub fn written(&self) -> Option<&Path> {
        match &self.made_of {
            Some(contents) => contents.upper(),
            None => Some(&self.path),
        }
    }

    /// Whether `root` holds the same directory, wherever that is found now.
    pub(crate) fn is(&self, root: &Root) -> bool {
        root.identity() == self.identity
    }

    /// Whether it was this directory.
    pub(crate) fn has(&self, identity: Identity) -> bool {
        self.identity == identity
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or something else lies there now.
    pub fn open(&self) -> Result<Root, String> {
        let root = Root::open(&self.path)?;
        match self.is(&root) {
            true => Ok(root),
            false => Err(
                "is another directory than the one that the jail was started with; give the \
                 right one with --root"
                    .into(),
            ),
        }
    }
}

/// How the first process of a detached jail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// With this exit status.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

impl From<Ending> for Ended {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Exited(status) => Ended::Exited(status),
            Ending::Killed(signal) => Ended::Killed(signal),
        }
    }
}

impl From<Ended> for Ending {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Exited(status) => Ending::Exited(status),
            Ended::Killed(signal) => Ending::Killed(signal),
        }
    }
}

/// What is noted about one jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub number: JailNumber,
    /// When it was made, which tells it from a later jail with its number.
    pub created: Created,
    /// Which start of the machine that was after.
    #[serde(default)]
    pub boot: Option<String>,
    /// When it was noted, on the same clock.
    #[serde(default)]
    pub noted_at: Created,
    /// The name that it was started with, or was given later.
    pub name: Option<JailName>,
    /// Its root directory.
    pub root: RootDirectory,
    /// Whom its first process runs as, as it was asked for.
    pub user: String,
    /// What was executed, and its arguments.
    #[serde(with = "bytes::many")]
    pub command: Vec<OsString>,
    /// Whether it outlives its first process.
    pub keep: bool,
    /// Whether a supervisor writes what it prints to its log.
    pub detached: bool,
    /// The jaula that waits for it.
    pub supervisor: ProcessId,
    /// The process that was started in it.
    pub first_process: ProcessId,
    /// What it is asked to end by, where that is not SIGTERM.
    #[serde(default)]
    pub stop_signal: Option<SignalNumber>,
    /// The jaula that is stopping it, and ends what is left of it.
    #[serde(default)]
    pub stopped_by: Option<ProcessId>,
    /// Whether somebody has asked it to end: then it is not made anew.
    #[serde(default)]
    pub asked_to_end: bool,
    /// Its control group, where it has one.
    #[serde(default)]
    pub group: Option<Group>,
    /// How it is made anew when it has ended, where it is.
    #[serde(default)]
    pub restart: Option<Restart>,
    /// The file that describes it, where one does.
    #[serde(default, with = "bytes::optional")]
    pub described: Option<PathBuf>,
    /// Whether it is left to a unit of its own.
    #[serde(default)]
    pub left_to_unit: bool,
    /// Whether a command is still to be run on the host when the jail has ended.
    #[serde(default)]
    pub after_stop_due: bool,
    /// What is done with what it prints, where it is detached.
    #[serde(default)]
    pub log: log::Settings,
    /// What was put around the command.
    #[serde(default = "Isolation::plain")]
    pub isolation: Isolation,
    /// The working directory that was asked for.
    #[serde(default, with = "bytes::optional")]
    pub workdir: Option<PathBuf>,
    /// The namespaces that it was given: the inodes by which the kernel knows them.
    #[serde(default)]
    pub namespaces: Option<Inodes>,
    /// The same for its user namespace, where it has ids of its own.
    #[serde(default)]
    pub user_namespace: Option<u64>,
    /// How that process ended, where it has.
    pub ended: Option<Ended>,
}

impl Record {
    /// Reads it from the directory of a jail.
    ///
    /// # Errors
    ///
    /// Where it is not there, not whole, or of an earlier start of the machine.
    pub(super) fn read(directory: &Path) -> Result<Self, String> {
        let record = Self::read_any(directory)?;
        match record.is_of_this_boot() {
            true => Ok(record),
            false => Err(format!(
                "{}: is of an earlier start of the machine",
                shown(&directory.join(FILE))
            )),
        }
    }

    /// As [`Record::read`], of whichever start.
    pub(super) fn read_any(directory: &Path) -> Result<Self, String> {
        let path = directory.join(FILE);
        let text = fs::read(&path).map_err(|error| failed("reading", &path, &error))?;
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", shown(&path)))
    }

    /// Whether it is about the jails that there are now.
    pub(super) fn is_of_this_boot(&self) -> bool {
        boot::is_current(self.boot.as_deref())
    }

    /// Marks it as noted now.
    pub(crate) fn noted_now(self) -> Self {
        Record {
            boot: boot::current().map(str::to_owned),
            noted_at: Created::now(),
            ..self
        }
    }

    /// Whether it is to end, and so not to be made anew.
    pub fn is_to_end(&self) -> bool {
        self.asked_to_end || self.stopped_by.is_some()
    }

    /// Whether it is being made anew, where there is no such jail now, or perhaps will be: its supervisor
    /// has not said so far.
    pub fn is_restarting(&self) -> bool {
        let is_open = |restart: &Restart| restart.step != Step::Running || self.ended.is_none();
        self.restart.as_ref().is_some_and(is_open)
            && !self.is_to_end()
            && self.supervisor.is_running()
    }

    /// What the jail is asked to end by.
    pub fn stop_signal(&self) -> SignalNumber {
        self.stop_signal.unwrap_or(SignalNumber::TERM)
    }
}
