// SPDX-License-Identifier: MIT OR Apache-2.0

//! Removing control groups whose jails have ended.

use std::fs;
use std::io;
use std::path::Path;

use super::{exclusive, place};
use crate::jail::JailNumber;
use crate::jails::Jails;
use crate::state::{Alone, Store};
use crate::text::shown;

/// Removes what killed launchers have left, as far as that goes.
pub fn tidy(jails: &Jails) {
    // What a jail takes for groups is not the host's, and the jails it sees are not all.
    if !place::is_on_host() {
        return;
    }
    for base in place::common() {
        let mut is_any = false;
        for entry in fs::read_dir(&base).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            let Some(number) = number.and_then(JailNumber::new) else {
                continue;
            };
            let is_over = || matches!(jails.life(number), Ok(None));
            if !is_over() {
                continue;
            }
            // A new jail can get the number meanwhile, but no group until this is over.
            let Ok(_alone) = alone(&base) else {
                continue;
            };
            // Whether it is alive is asked after the group was seen: the jail was there before that.
            is_any |= is_over() && remove_alone(&entry.path()).is_ok();
        }
        if is_any {
            exclusive::settle(&base);
        }
    }
}

/// Waits until nobody else makes or removes groups in `base`.
pub fn alone(base: &Path) -> Result<Alone, String> {
    Store::default().alone(base, || ())
}

/// Removes a group, where it is there; nothing may be in it. No other jail may get its number meanwhile.
pub fn remove(path: &Path) -> Result<(), String> {
    remove_alone(path)?;
    if let Some(base) = path.parent() {
        exclusive::settle(base);
    }
    Ok(())
}

/// The same, and processors that were its alone are given back later.
pub fn remove_alone(path: &Path) -> Result<(), String> {
    let failed = |why: String| format!("removing the control group {}: {why}", shown(path));
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
            Err(failed("something is still in it".into()))
        }
        result => result.map_err(|error| failed(error.to_string())),
    }
}
