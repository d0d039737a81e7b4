// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control group of a jail: what all of it together may use of memory, processors and disks.
//!
//! A jail has one only where something of it is asked for. It is named after the jail's number, lies
//! where [`place`] says, is there before anything runs in the jail, and goes when the jail has ended.
//! What is in the jail never sees it: a jail has no control groups mounted and may mount none.

mod around;
mod exclusive;
mod freeze;
mod gather;
mod place;
mod tidy;
mod usage;
mod values;
mod watched;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::isolation::Control;
use crate::jail::JailNumber;
use crate::text::shown;
use crate::trace_marker::tell_oom_kills;

pub use place::{check, missing_controllers as missing};
pub use tidy::tidy;
pub use usage::{Pressure, Usage};
pub use watched::{Told, Watched};

/// How long is waited for the last of its processes to be gone: they have ended by then.
const EMPTY: Duration = Duration::from_secs(10);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// The control group of a jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Group {
    path: PathBuf,
}

impl Group {
    /// Makes the group of a new jail, with all of `controls` set.
    ///
    /// # Errors
    ///
    /// Which of them cannot be set, and what the kernel says. Nothing is left then.
    pub fn create(number: JailNumber, controls: &[Control]) -> Result<Self, String> {
        Self::create_in(&place::for_caller()?, number, controls)
    }

    fn create_in(
        base: &place::Base,
        number: JailNumber,
        controls: &[Control],
    ) -> Result<Self, String> {
        base.enable(controls)?;
        let path = base.directory().join(number.to_string());
        {
            // Else one that has seen an earlier jail of this number end could remove it again.
            let _alone = tidy::alone(base.directory())?;
            // The number is this jail's now: what has its name is of an earlier one.
            tidy::remove_alone(&path)?;
            fs::create_dir(&path).map_err(|error| format!("creating {}: {error}", shown(&path)))?;
        }
        let group = Group { path };
        match group.set_all(controls) {
            Ok(()) => Ok(group),
            Err(why) => {
                let _ = tidy::remove(&group.path);
                Err(why)
            }
        }
    }

    /// Makes one for a jail that runs and has none; `leader` is one of its processes. Nothing is in it
    /// until [`Adopted::gather`].
    ///
    /// # Errors
    ///
    /// As [`Group::create`].
    pub fn adopt(
        number: JailNumber,
        leader: Option<i32>,
        controls: &[Control],
    ) -> Result<Adopted, String> {
        let base = match leader {
            Some(leader) => place::for_process(leader)?,
            None => place::for_caller()?,
        };
        let group = Self::create_in(&base, number, controls)?;
        // Where it is by now: what was in the group around this one may have been moved.
        let origin = leader.and_then(|leader| place::own_group(&leader.to_string()).ok());
        Ok(Adopted {
            group,
            origin: origin.unwrap_or_else(|| place::top().to_owned()),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Its directory, to attach programs to.
    ///
    /// # Errors
    ///
    /// Where it is gone.
    pub fn directory(&self) -> Result<OwnedFd, String> {
        let opened = File::open(&self.path);
        opened
            .map(OwnedFd::from)
            .map_err(|error| self.about("", &error))
    }

    /// By what a process enters it that writes to it.
    ///
    /// # Errors
    ///
    /// Where it is gone.
    pub fn entrance(&self) -> Result<Entrance, String> {
        let file = "cgroup.procs";
        let opened = OpenOptions::new().write(true).open(self.path.join(file));
        opened
            .map(|file| Entrance(file.into()))
            .map_err(|error| self.about(file, &error))
    }

    /// Has a process in it that is held where it is.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn add(&self, pid: i32) -> Result<(), String> {
        let file = "cgroup.procs";
        self.write(file, &pid.to_string())
            .map_err(|error| self.about(file, &error))
    }

    /// Sets one value after the other.
    ///
    /// # Errors
    ///
    /// The first that cannot be set, and what the kernel says.
    pub fn set_all(&self, controls: &[Control]) -> Result<(), String> {
        controls
            .iter()
            .try_for_each(|control| values::set(self, control))
    }

    /// Sets all, or nothing, of a jail that runs, and returns what was there before.
    ///
    /// # Errors
    ///
    /// As [`Group::set_all`].
    pub fn change(&self, controls: &[Control]) -> Result<Before, String> {
        place::around(&self.path)?.enable(controls)?;
        let mut before = Before(Vec::new());
        for control in controls {
            let there = self.read(control.file()).ok();
            // Of some the kernel says only afterwards that they do not count: these are to be undone too.
            before.0.extend(there.map(|there| (control.clone(), there)));
            if let Err(why) = values::set(self, control) {
                self.restore(before);
                return Err(why);
            }
        }
        Ok(before)
    }

    /// Sets what was changed to what it was.
    pub fn restore(&self, before: Before) {
        for (control, there) in before.0.into_iter().rev() {
            values::restore(self, &control, &there);
        }
    }

    /// Removes it, when all that was in it has ended.
    ///
    /// # Errors
    ///
    /// Where something is still in it.
    pub fn remove(&self) -> Result<(), String> {
        let (number, killed) = (self.path.file_name(), self.oom_kills());
        let number = number.and_then(|name| name.to_str()?.parse().ok());
        if let (Some(number), 1..) = (number.and_then(JailNumber::new), killed) {
            // Nobody can see it afterwards.
            tell_oom_kills(number, killed);
        }
        let deadline = Instant::now() + EMPTY;
        loop {
            match tidy::remove(&self.path) {
                Err(_) if Instant::now() < deadline => std::thread::sleep(LOOK),
                result => return result,
            }
        }
    }

    fn read(&self, file: &str) -> Result<String, String> {
        fs::read_to_string(self.path.join(file)).map_err(|error| self.about(file, &error))
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        write(&self.path.join(file), value)
    }

    fn about(&self, file: &str, error: &io::Error) -> String {
        format!("{}: {error}", shown(&self.path.join(file)))
    }
}

/// The control group of a jail that had none when it was started.
#[derive(Debug)]
pub struct Adopted {
    /// The group.
    pub group: Group,
    /// That in which its processes were.
    origin: PathBuf,
}

impl Adopted {
    /// Moves all into it that is in the jail.
    ///
    /// What they have of memory by then stays with the group in which they were.
    ///
    /// # Errors
    ///
    /// What cannot be moved.
    pub fn gather(&self, number: JailNumber) -> Result<(), String> {
        gather::gather(&self.group, number)
    }

    /// Gives it up: what is in it by then goes back to where it was.
    pub fn scatter(&self) {
        // Not to the group around this one: no group has both processes and groups with limits.
        gather::scatter(&self.group, &self.origin);
        let _ = tidy::remove(self.group.path());
    }
}

/// What values were before they were changed, as the kernel showed them.
#[derive(Debug)]
pub struct Before(Vec<(Control, String)>);

/// The way into a control group.
pub struct Entrance(OwnedFd);

impl Entrance {
    /// Has the calling process in the group.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn enter(self) -> io::Result<()> {
        File::from(self.0).write_all(b"0")
    }
}

impl AsFd for Entrance {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One write(2): the kernel takes each for a value.
fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(value.as_bytes())
}
