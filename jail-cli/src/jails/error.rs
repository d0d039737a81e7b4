// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can go wrong with what the kernel shows of jails, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statfs::{statfs, SECURITYFS_MAGIC};
use thiserror::Error;

use super::{JailId, JailName, Key, Setting, ABI};
use crate::error::JailError;
use crate::jail::{get_jailnumber, JailNumber};
use crate::text::{reason, shown};

/// Where securityfs belongs.
const SECURITYFS: &str = "/sys/kernel/security";

/// Why the kernel's jails cannot be seen or changed.
#[derive(Debug, Error)]
pub enum JailsError {
    /// The directory is not there.
    #[error("{}: does not exist", shown(.0))]
    Missing(PathBuf),
    /// securityfs is not mounted.
    #[error(
        "{SECURITYFS}: securityfs is not mounted there, and without it the kernel's jails cannot \
         be seen; mount it: mount -t securityfs securityfs {SECURITYFS}"
    )]
    NotMounted,
    /// The kernel has no jails at all.
    #[error(transparent)]
    Unavailable(#[from] JailError),
    /// The kernel has jails, and does not show them.
    #[error(
        "the running kernel has jaula but shows no jails in {SECURITYFS}/jaula; this jaula needs \
         a kernel with version {ABI} of that interface"
    )]
    NotShown,
    /// The kernel shows them in another way than this program understands.
    #[error(
        "the running kernel shows its jails in version {0} of the interface, and this jaula \
         understands version {ABI}; install the jaula that belongs to the kernel"
    )]
    Version(u32),
    /// There is no such jail, or none that the caller may see.
    #[error("{0}: no such jail; \"jaula ls\" lists those there are")]
    NoSuchJail(JailId),
    /// Several jails have the name.
    #[error("{name}: several jails have this name: {}; give the number", listed(.numbers))]
    Ambiguous {
        /// The name.
        name: JailName,
        /// The jails.
        numbers: Vec<JailNumber>,
    },
    /// A file has something else in it than the interface says.
    #[error("{}: has an unexpected value: {value:?}", shown(.file))]
    Garbled {
        /// Which file.
        file: PathBuf,
        /// What is in it.
        value: String,
    },
    /// The kernel refused to set something.
    #[error("jail {number}: setting {setting}: {why}")]
    Refused {
        /// The jail.
        number: JailNumber,
        /// What was to be set.
        setting: Setting,
        /// Why it was not.
        why: String,
    },
    /// A file could not be read.
    #[error("{step} {}: {why}", shown(.path))]
    Io {
        /// What was tried.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        why: String,
        /// The error number, where there is one.
        errno: Option<i32>,
    },
}

fn listed(numbers: &[JailNumber]) -> String {
    let words: Vec<String> = numbers.iter().map(JailNumber::to_string).collect();
    words.join(", ")
}

impl JailsError {
    pub(super) fn io(step: &'static str, path: &Path, error: &io::Error) -> Self {
        let errno = error.raw_os_error();
        JailsError::Io {
            step,
            path: path.to_owned(),
            why: errno.map_or_else(|| error.to_string(), |raw| reason(Errno::from_raw(raw))),
            errno,
        }
    }

    pub(super) fn garbled(file: &Path, value: &str) -> Self {
        JailsError::Garbled {
            file: file.to_owned(),
            value: value.to_owned(),
        }
    }

    pub(super) fn refused(number: JailNumber, setting: &Setting, error: &io::Error) -> Self {
        let why = match (setting.key, error.raw_os_error().map(Errno::from_raw)) {
            (Key::Name, Some(Errno::EEXIST)) => {
                "another jail beside it has this name (EEXIST)".to_owned()
            }
            (Key::Name, Some(Errno::EBUSY)) => {
                "it has a name already, which the kernel takes once and keeps (EBUSY)".to_owned()
            }
            (_, Some(Errno::EPERM | Errno::EACCES)) => {
                "not permitted; only root with CAP_SYS_ADMIN in a jail above it, or on the host, \
                 can set it"
                    .to_owned()
            }
            (_, Some(errno)) => reason(errno),
            (_, None) => error.to_string(),
        };
        JailsError::Refused {
            number,
            setting: setting.clone(),
            why,
        }
    }

    /// Whether this says that something has gone away.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, JailsError::Io { errno: Some(errno), .. } if is_gone(*errno))
    }

    /// Whether the kernel says that the jail of a file has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(
            self,
            JailsError::Io {
                errno: Some(libc::ENODEV),
                ..
            }
        )
    }

    /// Whether the kernel, as it was booted and set up, lets no jails be seen at all.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            JailsError::Missing(_)
                | JailsError::NotMounted
                | JailsError::Unavailable(_)
                | JailsError::NotShown
        )
    }
}

/// How the kernel answers about what has ended between two calls.
pub(super) fn is_gone(errno: i32) -> bool {
    [libc::ENOENT, libc::ENODEV, libc::ESRCH].contains(&errno)
}

/// Says why the directory of the running kernel is not there.
pub(super) fn explain_missing(error: JailsError) -> JailsError {
    if !matches!(error, JailsError::Missing(_)) {
        return error;
    }
    if let Err(error) = get_jailnumber() {
        return error.into();
    }
    match statfs(SECURITYFS) {
        Ok(found) if found.filesystem_type() == SECURITYFS_MAGIC => JailsError::NotShown,
        _ => JailsError::NotMounted,
    }
}
