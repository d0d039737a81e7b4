// SPDX-License-Identifier: MIT OR Apache-2.0

//! The jails as the kernel knows them: what it shows in securityfs, and what can be set there.
//!
//! ```no_run
//! for jail in jaula::jails::Jails::open()?.list()? {
//!     println!("{} has {} processes and threads", jail.number, jail.tasks);
//! }
//! # Ok::<(), jaula::jails::JailsError>(())
//! ```

mod error;
mod id;
mod info;
mod setting;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use error::JailsError;
pub use id::{JailId, JailName};
pub use info::{Created, JailInfo, Life, Limits, State};
pub use setting::{Key, Setting, Value};

use crate::jail::{get_jailnumber, JailNumber};
use error::is_gone;

/// Where the kernel shows the jails.
pub const DIRECTORY: &str = "/sys/kernel/security/jaula";

/// The version of what is shown there that this program understands.
pub const ABI: u32 = 5;

/// The directory in which the kernel shows the jails.
#[derive(Clone, Debug)]
pub struct Jails {
    directory: PathBuf,
}

impl Jails {
    /// The jails of the running kernel.
    ///
    /// # Errors
    ///
    /// What is missing: securityfs, jaula in the kernel, or a version that is understood.
    pub fn open() -> Result<Self, JailsError> {
        Self::at(Path::new(DIRECTORY)).map_err(error::explain_missing)
    }

    /// The jails shown in `directory`.
    ///
    /// # Errors
    ///
    /// As [`Jails::open`].
    pub fn at(directory: &Path) -> Result<Self, JailsError> {
        let file = directory.join("version");
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(JailsError::Missing(directory.to_owned()));
            }
            result => result.map_err(|error| JailsError::io("reading", &file, &error))?,
        };
        match text.trim_end().parse() {
            Ok(ABI) => Ok(Jails {
                directory: directory.to_owned(),
            }),
            Ok(version) => Err(JailsError::Version(version)),
            Err(_) => Err(JailsError::garbled(&file, &text)),
        }
    }

    /// Every jail that the caller may see, by number: those below its own, and its own where
    /// that is one. A jail that ends meanwhile is left out.
    pub fn list(&self) -> Result<Vec<JailInfo>, JailsError> {
        let failed = |error| JailsError::io("listing", &self.directory, &error);
        let mut jails = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            if let Some(number) = number.and_then(JailNumber::new) {
                jails.extend(self.get(number)?);
            }
        }
        jails.sort_by_key(|jail| jail.number);
        Ok(jails)
    }

    /// The jail with this number; `None` where there is none that the caller may see.
    pub fn get(&self, number: JailNumber) -> Result<Option<JailInfo>, JailsError> {
        self.read(number, JailInfo::read)
    }

    /// Whether there is a jail with this number, and which one that is: of all values, the two that say it.
    ///
    /// # Errors
    ///
    /// As [`Jails::get`].
    pub fn life(&self, number: JailNumber) -> Result<Option<Life>, JailsError> {
        self.read(number, Life::read)
    }

    /// What is read of a jail; `None` where there is none that the caller may see.
    fn read<T>(
        &self,
        number: JailNumber,
        read: impl FnOnce(&Path) -> Result<T, JailsError>,
    ) -> Result<Option<T>, JailsError> {
        let directory = self.directory_of(number);
        match read(&directory) {
            // The kernel says so of an open file, some time before the directory goes.
            Err(error) if error.has_ended() => Ok(None),
            // A file that is not there although its directory is: another kernel than the
            // version says.
            Err(error) if error.is_gone() && !directory.exists() => Ok(None),
            result => result.map(Some),
        }
    }

    /// The jail that the administrator means by `id`.
    ///
    /// A name is first looked for among the children of the caller's own jail, where it is
    /// unique, then among all others.
    ///
    /// # Errors
    ///
    /// [`JailsError::NoSuchJail`], and [`JailsError::Ambiguous`] where several jails further
    /// down have the name.
    pub fn find(&self, id: &JailId) -> Result<JailInfo, JailsError> {
        let missing = || JailsError::NoSuchJail(id.clone());
        let name = match id {
            JailId::Number(number) => return self.get(*number)?.ok_or_else(missing),
            JailId::Name(name) => name,
        };
        let mut found = self.list()?;
        found.retain(|jail| jail.name.as_ref() == Some(name));
        let own = own();
        if let Some(child) = found.iter().position(|jail| jail.parent == own) {
            return Ok(found.swap_remove(child));
        }
        match found.len() {
            0 | 1 => found.pop().ok_or_else(missing),
            _ => Err(JailsError::Ambiguous {
                name: name.clone(),
                numbers: found.iter().map(|jail| jail.number).collect(),
            }),
        }
    }

    /// The jail with this name directly below the caller's own.
    pub fn child(&self, name: &JailName) -> Result<Option<JailInfo>, JailsError> {
        let own = own();
        let mut jails = self.list()?.into_iter();
        Ok(jails.find(|jail| jail.parent == own && jail.name.as_ref() == Some(name)))
    }

    /// What the kernel has for `key` of a jail, as it is written there.
    pub fn value(&self, number: JailNumber, key: Key) -> Result<String, JailsError> {
        let file = self.directory_of(number).join(key.file());
        let text = fs::read_to_string(&file);
        let text = text.map_err(|error| JailsError::io("reading", &file, &error))?;
        Ok(match text.trim_end_matches('\n') {
            // How an empty list is written.
            "" if key == Key::Allow => Setting::NOTHING.to_owned(),
            text => text.to_owned(),
        })
    }

    /// Sets something about a jail, for which the caller must be in one above it.
    pub fn set(&self, number: JailNumber, setting: &Setting) -> Result<(), JailsError> {
        let file = self.directory_of(number).join(setting.key.file());
        // Not created where it is missing, and written in one call: the kernel takes each
        // write for a value.
        let written = fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&file)
            .and_then(|mut file| io::Write::write_all(&mut file, setting.text().as_bytes()));
        written.map_err(|error| match error.raw_os_error() {
            Some(errno) if is_gone(errno) && !self.directory_of(number).exists() => {
                JailsError::NoSuchJail(JailId::Number(number))
            }
            _ => JailsError::refused(number, setting, &error),
        })
    }

    /// Sets several things, or nothing: where one is refused, those before it are set back.
    pub fn set_all(&self, number: JailNumber, settings: &[Setting]) -> Result<(), JailsError> {
        // A name cannot be taken back: it comes last.
        let (names, others): (Vec<_>, Vec<_>) = settings
            .iter()
            .partition(|setting| setting.key == Key::Name);
        let mut before = Vec::new();
        for setting in &others {
            // The kernel's own text, which reads as a setting again.
            before.push(Setting::new(setting.key, &self.value(number, setting.key)?).ok());
        }
        for (done, setting) in others.into_iter().chain(names).enumerate() {
            if let Err(error) = self.set(number, setting) {
                for setting in before[..done.min(before.len())].iter().rev().flatten() {
                    self.set(number, setting)?;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn directory_of(&self, number: JailNumber) -> PathBuf {
        self.directory.join(number.to_string())
    }
}

/// The jail of the caller.
pub(crate) fn own() -> JailNumber {
    // Where there are jails to be found, the call works.
    get_jailnumber().unwrap_or(JailNumber::HOST)
}

/// A jail for tests, read from a tree like the kernel's.
#[cfg(test)]
pub(crate) fn sample() -> JailInfo {
    tests::sample()
}

/// The tree that it is read from.
#[cfg(test)]
pub(crate) fn sample_tree() -> tempfile::TempDir {
    tests::sample_tree()
}

#[cfg(test)]
mod tests;
