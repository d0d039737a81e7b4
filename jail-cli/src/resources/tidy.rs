// SPDX-License-Identifier: MIT OR Apache-2.0

//! Removing control groups whose jails have ended.

use std::fs;
use std::io;
use std::path::Path;

use super::{exclusive, place};
use crate::jail::JailNumber;
use crate::jails::Jails;
use crate::text::shown;

/// Removes what killed launchers have left, as far as that goes.
pub fn tidy(jails: &Jails) {
    for base in place::common() {
        for entry in fs::read_dir(&base).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            let Some(number) = number.and_then(JailNumber::new) else {
                continue;
            };
            // Whether it is alive is asked after the group was seen: the jail was there before that.
            if matches!(jails.get(number), Ok(None)) {
                let _ = remove(&entry.path());
            }
        }
    }
}

/// Removes a group, where it is there; nothing may be in it.
pub fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Err(format!(
            "removing the control group {}: something is still in it",
            shown(path)
        )),
        Err(error) => Err(format!(
            "removing the control group {}: {error}",
            shown(path)
        )),
        Ok(()) => {
            if let Some(base) = path.parent() {
                exclusive::settle(base);
            }
            Ok(())
        }
    }
}
