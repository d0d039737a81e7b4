// SPDX-License-Identifier: MIT OR Apache-2.0

//! What jaula notes of its own about the jails that it has started.
//!
//! One directory for each, /run/jaula/NUMBER, with `record.json` and, for a detached one, its
//! log. The kernel is always right: a directory is about a jail only where the time at which the
//! jail was made is the same in both, and which jails there are is never read here.
//!
//! A directory appears and disappears by one rename(2), a record is replaced by one, and whoever
//! changes a directory holds a lock on it (flock(2)); so whoever is killed in between leaves a
//! whole old state or a whole new one, and beside it at most something hidden that the next one
//! removes.

mod addresses;
mod alone;
mod boot;
pub(crate) mod bytes;
mod entry;
mod ids;
mod record;
mod restart;

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use addresses::{Held, HeldAddress, HeldAddresses};
pub use alone::Alone;
pub use entry::Entry;
pub use record::{Ended, Record, RootDirectory};
pub use restart::{Before, Policy, Restart, Step};

use crate::jail::JailNumber;
use crate::jails::{Created, JailInfo};
use crate::text::shown;
use entry::remove_tree;
pub(crate) use entry::Scratch;

/// Where the directories are.
pub const DIRECTORY: &str = "/run/jaula";

/// Nobody else may look: arguments can be secrets, and whoever could open a directory could lock it
/// as well (flock(2)), and hold up everybody.
const MODE: u32 = 0o700;

/// The mode of the directory around it, where that has to be made.
const MODE_AROUND: u32 = 0o755;

/// How many jails that have ended are remembered, with their logs.
const REMEMBERED: usize = 20;

/// The state of all jails.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self::at(Path::new(DIRECTORY))
    }
}

impl Store {
    /// The state kept in `directory`, which need not exist.
    pub fn at(directory: &Path) -> Self {
        Store {
            directory: directory.to_owned(),
        }
    }

    /// Notes `record` about a jail that has just been made, in place of whatever was there about
    /// an earlier one with its number.
    pub fn create(&self, record: &Record) -> Result<Entry, String> {
        self.prepare()?;
        let scratch = Scratch::new(&self.directory)?;
        let place = self.place(record.number);
        let entry = Entry::lock_at(scratch.path())?
            .ok_or_else(|| format!("{}: was taken away", shown(scratch.path())))?;
        entry.write(&record.clone().noted_now())?;
        put_in_place(scratch.path(), &place)?;
        scratch.keep();
        Ok(entry.moved_to(place))
    }

    /// Has what is noted about a jail that has ended become that of one that was made in its place, with
    /// its log; `record` says what is noted from now on.
    ///
    /// # Errors
    ///
    /// Where it is another's by now, or the jail was asked to end.
    pub fn carry_on(
        &self,
        (number, created): (JailNumber, Created),
        record: &Record,
    ) -> Result<Entry, String> {
        let gone = || format!("what was noted about jail {number} is gone");
        let entry = self.lock(number)?.ok_or_else(gone)?;
        let before = entry.read().ok();
        let before = before.filter(|before| before.created == created);
        let before = before.ok_or_else(gone)?;
        if before.is_to_end() {
            return Err("it was asked to end".into());
        }
        entry.write(&record.clone().noted_now())?;
        let place = self.place(record.number);
        if let Err(why) = put_in_place(entry.path(), &place) {
            // It could be written before.
            let _ = entry.write(&before);
            return Err(why);
        }
        Ok(entry.moved_to(place))
    }

    fn prepare(&self) -> Result<(), String> {
        let made = |directory: &Path, mode| {
            DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(directory)
                .map_err(|error| failed("creating", directory, &error))
        };
        if let Some(around) = self.directory.parent() {
            made(around, MODE_AROUND)?;
        }
        made(&self.directory, MODE)?;
        // Whatever the caller's umask, and an earlier jaula, have made of it.
        let mode = Permissions::from_mode(MODE);
        fs::set_permissions(&self.directory, mode)
            .map_err(|error| failed("setting the mode of", &self.directory, &error))
    }

    /// What is noted about the jail that the kernel shows as `jail`.
    pub fn of(&self, jail: &JailInfo) -> Option<Record> {
        self.read(jail.number)
            .filter(|record| record.created == jail.created)
    }

    /// What is noted under a number, about whichever jail; `None` where that is nothing, or
    /// cannot be read.
    pub fn read(&self, number: JailNumber) -> Option<Record> {
        let record = Record::read(&self.place(number)).ok()?;
        (record.number == number).then_some(record)
    }

    /// Takes the directory of a number, to change it; `None` where there is none.
    pub fn lock(&self, number: JailNumber) -> Result<Option<Entry>, String> {
        Entry::lock_at(&self.place(number))
    }

    /// The numbers that something is noted under, in order.
    pub fn numbers(&self) -> Result<Vec<JailNumber>, String> {
        let failed = |error| failed("listing", &self.directory, &error);
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            // Only root may list them; to others there are the jails that the kernel shows.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Vec::new()),
            result => result.map_err(failed)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            numbers.extend(number.and_then(JailNumber::new));
        }
        numbers.sort();
        Ok(numbers)
    }

    /// Removes what killed jaulas were about to note.
    pub fn remove_abandoned(&self) -> Result<(), String> {
        Scratch::remove_abandoned(&self.directory)
    }

    /// Removes what killed jaulas have left, and what is noted about jails that have ended, but
    /// for the last few of these. `is_alive` tells whether the kernel has the jail of a record.
    pub fn tidy(&self, is_alive: impl Fn(&Record) -> bool) -> Result<(), String> {
        self.remove_abandoned()?;
        let mut ended = Vec::new();
        for number in self.numbers()? {
            // Whether it is alive is asked after it was read: the jail was there before that.
            match self.read(number) {
                Some(record) if is_alive(&record) => {}
                // Its supervisor writes the rest of its log, or is about to note how it ended.
                Some(record) if record.supervisor.is_running() => {}
                Some(record) => ended.push((self.last_noted(number), number, record.created)),
                None => self.remove_stale(number)?,
            }
        }
        ended.sort();
        let surplus = ended.len().saturating_sub(REMEMBERED);
        for (_, number, created) in ended.into_iter().take(surplus) {
            let Some(entry) = self.lock(number)? else {
                continue;
            };
            if entry.read().is_ok_and(|record| record.created == created) {
                entry.remove()?;
            }
        }
        Ok(())
    }

    /// Whether what is noted may not be read by the caller.
    pub fn is_closed(&self) -> bool {
        let listed = fs::read_dir(&self.directory);
        listed.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Removes what is of an earlier boot, or was about to become that of another jail when who did that
    /// was killed.
    fn remove_stale(&self, number: JailNumber) -> Result<(), String> {
        let is_stale = |record: Result<Record, String>| {
            record.is_ok_and(|record| {
                !record.is_of_this_boot()
                    || (record.number != number && !record.supervisor.is_running())
            })
        };
        if !is_stale(Record::read_any(&self.place(number))) {
            return Ok(());
        }
        match self.lock(number)? {
            Some(entry) if is_stale(Record::read_any(entry.path())) => entry.remove(),
            _ => Ok(()),
        }
    }

    /// When something was last noted about a jail: once it has ended, when it did.
    fn last_noted(&self, number: JailNumber) -> Option<SystemTime> {
        let file = self.place(number).join(record::FILE);
        fs::metadata(file).and_then(|file| file.modified()).ok()
    }

    pub(crate) fn place(&self, number: JailNumber) -> PathBuf {
        self.directory.join(number.to_string())
    }
}

/// Moves a directory to where one about an earlier jail may lie, which goes.
fn put_in_place(path: &Path, place: &Path) -> Result<(), String> {
    loop {
        // An empty directory in the way would be replaced, but there is a record in each.
        match fs::rename(path, place) {
            Ok(()) => return Ok(()),
            Err(error) if is_in_the_way(&error) => {}
            Err(error) => return Err(failed("creating", place, &error)),
        }
        if let Some(stale) = Entry::lock_at(place)? {
            stale.remove()?;
        }
    }
}

fn is_in_the_way(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOTEMPTY | libc::EEXIST | libc::ENOTDIR)
    )
}

fn failed(step: &str, path: &Path, error: &io::Error) -> String {
    format!("{step} {}: {error}", shown(path))
}

/// Removes a directory and all that is in it, whether or not it is there.
fn remove(path: &Path) -> Result<(), String> {
    remove_tree(path).map_err(|error| failed("removing", path, &error))
}

/// A record for tests.
#[cfg(test)]
pub(crate) fn sample(number: u32, created: u32) -> Record {
    tests::record(number, created)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade_tests;
