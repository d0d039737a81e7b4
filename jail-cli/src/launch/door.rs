// SPDX-License-Identifier: MIT OR Apache-2.0

//! The way into a jail: a descriptor of it, which names no other one that comes by its number, and of a
//! new jail one that owns it.

use super::Place;
use crate::jail::{get_jailnumber, JailNumber};
use crate::jailfd::{attach_jailfd, create_owned_jail, disown_jail, open_jail, JailFd, Rights};
use crate::jails::Created;

/// What a process enters a jail by.
pub struct Door {
    jail: JailFd,
    /// The jail.
    pub number: JailNumber,
    /// When it was made.
    pub created: Created,
}

/// What holds a new jail: when this process ends, however that comes about, the kernel ends the jail.
pub struct Owner(JailFd);

impl Door {
    /// Makes a new jail, or looks up one that exists, as `place` says.
    ///
    /// # Errors
    ///
    /// A text that says what failed.
    pub fn open(place: &Place) -> Result<(Door, Option<Owner>), String> {
        match place {
            Place::New(_) => Door::of_new().map_err(|why| format!("entering a new jail: {why}")),
            Place::Existing(existing) => {
                let door = Door::to(existing.number);
                let (door, created) = door.map_err(|why| format!("entering its jail: {why}"))?;
                match created == existing.created {
                    true => Ok((door, None)),
                    false => Err(format!(
                        "entering its jail: jail {} has ended, and another has its number",
                        existing.number
                    )),
                }
            }
        }
    }

    fn of_new() -> Result<(Door, Option<Owner>), String> {
        let owner = create_owned_jail(None).map_err(|error| error.to_string())?;
        let (number, created) = identity(&owner)?;
        let (door, found) = Door::to(number)?;
        match found == created {
            true => Ok((door, Some(Owner(owner)))),
            false => Err(format!("the kernel says that jail {number} is another one")),
        }
    }

    fn to(number: JailNumber) -> Result<(Door, Created), String> {
        let jail = open_jail(None, number, Rights::ATTACH).map_err(|error| error.to_string())?;
        let (number, created) = identity(&jail)?;
        let door = Door {
            jail,
            number,
            created,
        };
        Ok((door, created))
    }

    /// Enters the jail, for good.
    ///
    /// # Errors
    ///
    /// Why it cannot be entered, or that the kernel has led elsewhere.
    pub fn enter(&self) -> Result<(), String> {
        attach_jailfd(&self.jail).map_err(|error| error.to_string())?;
        let now = get_jailnumber().map_err(|error| error.to_string())?;
        match now == self.number {
            true => Ok(()),
            false => Err(format!(
                "the kernel says it was let into jail {}, but this is jail {now}",
                self.number
            )),
        }
    }
}

fn identity(jail: &JailFd) -> Result<(JailNumber, Created), String> {
    let status = jail
        .status()
        .map_err(|error| format!("reading of a jail: {error}"))?;
    Ok((status.number, status.created))
}

impl Owner {
    /// Lets the jail go: it no longer ends with this process.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn disown(self) -> Result<(), String> {
        disown_jail(&self.0).map_err(|error| error.to_string())
    }
}
