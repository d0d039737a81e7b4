// SPDX-License-Identifier: MIT OR Apache-2.0

//! A jail that gets a name while it runs.

use super::definition::Definitions;
use super::member::{self, Connected};
use super::{names, pool, For};
use crate::isolation::To;
use crate::jails::{JailName, Jails};

/// Has others find a jail by the name that it has been given.
///
/// # Errors
///
/// What could not be written.
pub fn rename(jail: For, name: &JailName, jails: &Jails) -> Result<(), String> {
    if !member::is_used() {
        return Ok(());
    }
    let connected = Connected::lock()?;
    for to in connected.places()? {
        let noted = connected.read(&to, jail.number);
        let Some(mut noted) = noted.filter(|noted| noted.jail() == jail) else {
            continue;
        };
        noted.name = Some(name.clone());
        connected.note(&to, &noted)?;
        if let To::Network(network) = &to {
            let definitions = Definitions::default();
            let mut kept = pool::kept(&definitions, network)?;
            pool::keep(&mut kept, name, &noted.addresses);
            pool::note(&definitions, network, &kept)?;
        }
        names::write_hosts(&connected, &to, &connected.alive(&to, jails)?)?;
    }
    Ok(())
}
