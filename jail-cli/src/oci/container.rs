// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is noted about a container, and what can be done with it.
//!
//! A directory for each, /run/jaula/oci/ID, which only root enters, with `state.json` and `gate`,
//! the socket that its process waits at. It appears by one rename, when all is made. How far the
//! container is stands nowhere: the kernel is asked.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::{ContainerId, OciError, State, Status, VERSION};
use crate::jail::JailNumber;
use crate::jailfd::{end_jailfd, open_jail, JailFd, Rights};
use crate::jails::Created as Made;
use crate::launch::{is_waiting, let_go, Created, Waiting};
use crate::process::ProcessId;
use crate::state::{Entry, Scratch, Store, DIRECTORY};
use crate::text::{reason, shown};

const STATE: &str = "state.json";
const GATE: &str = "gate";

/// Only root has to do with it.
const MODE: u32 = 0o700;

/// What is noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    id: String,
    bundle: PathBuf,
    /// Its process.
    process: ProcessId,
    /// Its jail.
    jail: JailNumber,
    /// When that was made, which tells it from a later one with its number.
    made: Made,
    annotations: BTreeMap<String, String>,
}

impl Noted {
    /// What there is to be noted about a container that has just been made.
    pub fn about(
        id: &ContainerId,
        created: &Created,
        bundle: PathBuf,
        annotations: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let record = created.record().ok_or("nothing is known of its jail")?;
        Ok(Noted {
            id: id.as_str().to_owned(),
            bundle,
            process: created.process().map_err(|error| error.to_string())?,
            jail: record.number,
            made: record.created,
            annotations,
        })
    }
}

/// The directory of a container that is being made.
pub struct Draft(Scratch);

impl Draft {
    /// Makes one, where there is no such container yet.
    pub fn new(id: &ContainerId) -> Result<Self, OciError> {
        let above = directory();
        let failed = |error: io::Error| format!("creating {}: {error}", shown(&above));
        let mut builder = DirBuilder::new();
        builder.recursive(true).create(DIRECTORY).map_err(failed)?;
        match DirBuilder::new().mode(MODE).create(&above) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result.map_err(failed)?,
        }
        fs::set_permissions(&above, Permissions::from_mode(MODE)).map_err(failed)?;
        Scratch::remove_abandoned(&above)?;
        if above.join(id.as_str()).exists() {
            return Err(OciError::exists(id));
        }
        Ok(Draft(Scratch::new(&above)?))
    }

    /// Where its process is to wait.
    pub fn waiting(&self) -> Result<Waiting, String> {
        Waiting::at(&self.0.path().join(GATE))
    }

    /// It becomes that of a container.
    pub fn publish(self, id: &ContainerId, noted: &Noted) -> Result<Container, OciError> {
        let path = self.0.path().join(STATE);
        let about = |why: String| format!("{}: {why}", shown(&path));
        let text = serde_json::to_vec_pretty(noted).map_err(|error| about(error.to_string()))?;
        fs::write(&path, text).map_err(|error| about(error.to_string()))?;
        let place = directory().join(id.as_str());
        // It replaces none: none is empty.
        fs::rename(self.0.path(), &place).map_err(|error| match error.raw_os_error() {
            Some(libc::EEXIST | libc::ENOTEMPTY) => OciError::exists(id),
            _ => OciError::from(format!("creating {}: {error}", shown(&place))),
        })?;
        self.0.keep();
        Ok(Container {
            id: id.clone(),
            place,
            noted: noted.clone(),
        })
    }
}

/// A container.
#[derive(Clone, Debug)]
pub struct Container {
    id: ContainerId,
    place: PathBuf,
    noted: Noted,
}

impl Container {
    /// The one of that name.
    ///
    /// # Errors
    ///
    /// Where there is none, or what is noted about it cannot be read.
    pub fn find(id: &ContainerId) -> Result<Self, OciError> {
        let place = directory().join(id.as_str());
        let path = place.join(STATE);
        let about = |why: String| format!("{}: {why}", shown(&path));
        let text = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => OciError::missing(id),
            _ => OciError::from(about(error.to_string())),
        })?;
        let noted: Noted =
            serde_json::from_slice(&text).map_err(|error| about(error.to_string()))?;
        Ok(Container {
            id: id.clone(),
            place,
            noted,
        })
    }

    /// How far it is.
    ///
    /// # Errors
    ///
    /// Where that cannot be told.
    pub fn status(&self) -> Result<Status, OciError> {
        if self.jail()?.is_none() || !self.noted.process.is_running() {
            return Ok(Status::Stopped);
        }
        let gate = self.gate();
        match is_waiting(&gate) {
            Ok(true) => Ok(Status::Created),
            Ok(false) if self.noted.process.is_running() => Ok(Status::Running),
            Ok(false) => Ok(Status::Stopped),
            Err(error) => Err(format!("{}: {error}", shown(&gate)).into()),
        }
    }

    /// What is told of it.
    ///
    /// # Errors
    ///
    /// As [`Container::status`].
    pub fn state(&self) -> Result<State, OciError> {
        let status = self.status()?;
        Ok(State {
            oci_version: VERSION,
            id: self.noted.id.clone(),
            status,
            pid: match status {
                Status::Stopped => 0,
                Status::Created | Status::Running => self.noted.process.pid,
            },
            bundle: self.noted.bundle.clone(),
            annotations: self.noted.annotations.clone(),
        })
    }

    /// Lets its process go on, and returns when it has executed its program.
    ///
    /// # Errors
    ///
    /// Where it does not wait for that, and why it could not be executed.
    pub fn start(&self) -> Result<(), OciError> {
        let _alone = self.lock()?;
        let status = self.status()?;
        let not_created = || OciError::not_created(&self.id, status);
        if status != Status::Created {
            return Err(not_created());
        }
        let jail = self.jail()?.ok_or_else(not_created)?;
        let_go(&self.gate(), &jail, self.noted.process)
            .map_err(|error| OciError::launch(&self.id, &error))
    }

    /// Sends its process a signal.
    ///
    /// # Errors
    ///
    /// Where that has ended.
    pub fn kill(&self, signal: c_int) -> Result<(), OciError> {
        let not_running = || OciError::not_running(&self.id);
        let about = |errno| OciError::from(format!("container {}: {}", self.id, reason(errno)));
        // Held, and of its jail, it is no stranger that was given its number.
        let held = self.noted.process.hold().map_err(about)?;
        let held = held.ok_or_else(not_running)?;
        self.jail()?.ok_or_else(not_running)?;
        if !self.noted.process.is_in(self.noted.jail) {
            return Err(not_running());
        }
        match held.send(signal).map_err(about)? {
            true => Ok(()),
            false => Err(not_running()),
        }
    }

    /// Ends whatever is left of it, its process where it waits, and by `force` also where it runs;
    /// then forgets it.
    ///
    /// # Errors
    ///
    /// Where its process runs, and where something cannot be ended.
    pub fn delete(&self, force: bool) -> Result<(), OciError> {
        if force {
            // Who starts it waits for it, and holds the lock.
            self.end()?;
        }
        let entry = self.lock()?;
        match self.status()? {
            Status::Running => Err(OciError::not_stopped(&self.id, Status::Running)),
            Status::Created | Status::Stopped => {
                self.end()?;
                self.forget_jail()?;
                entry.remove().map_err(OciError::from)
            }
        }
    }

    /// Removes its directory alone.
    pub(super) fn remove(&self) -> Result<(), OciError> {
        self.lock()?.remove().map_err(OciError::from)
    }

    fn gate(&self) -> PathBuf {
        self.place.join(GATE)
    }

    fn lock(&self) -> Result<Entry, OciError> {
        let entry = Entry::lock_at(&self.place)?;
        let entry = entry.ok_or_else(|| OciError::missing(&self.id))?;
        // Another container may have got the name meanwhile.
        match Container::find(&self.id)?.noted == self.noted {
            true => Ok(entry),
            false => Err(OciError::missing(&self.id)),
        }
    }

    /// Its jail, held, with the right to end it; `None` where it has ended.
    fn jail(&self) -> Result<Option<JailFd>, OciError> {
        let number = self.noted.jail;
        let jail = match open_jail(None, number, Rights::ADMINISTER) {
            Err(error) if error.errno() == Errno::ESRCH => return Ok(None),
            result => result.map_err(|error| error.to_string())?,
        };
        let status = jail.status();
        let status = status.map_err(|error| format!("reading of jail {number}: {error}"))?;
        Ok((status.created == self.noted.made).then_some(jail))
    }

    fn end(&self) -> Result<(), OciError> {
        match self.jail()? {
            Some(jail) => end_jailfd(&jail).map_err(|error| error.to_string().into()),
            None => Ok(()),
        }
    }

    fn forget_jail(&self) -> Result<(), OciError> {
        let entry = Store::default().lock(self.noted.jail)?;
        match entry.map(|entry| (entry.read(), entry)) {
            Some((Ok(record), entry)) if record.created == self.noted.made => {
                entry.remove().map_err(OciError::from)
            }
            _ => Ok(()),
        }
    }
}

fn directory() -> PathBuf {
    Path::new(DIRECTORY).join("oci")
}
