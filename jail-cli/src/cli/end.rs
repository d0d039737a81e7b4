// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula stop` and `jaula rm`: the end of jails.

use std::time::Duration;

use clap::Args;

use jaula::admin::{Admin, Jail};
use jaula::jails::{JailId, JailsError};

use super::waiting::patiently;
use super::Failure;

/// Which jail is stopped.
#[derive(Debug, Args)]
pub struct Stop {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// Seconds that all in it have together to end
    #[arg(short, long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u32,
}

impl Stop {
    /// Stops it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let time = Duration::from_secs(self.timeout.into());
        let failed = |why: String| Failure::failed(format!("{}: {why}", self.jail));
        let doing = format!("stopping jail {}", self.jail);
        loop {
            match admin.find(&self.jail) {
                Ok(jail) => {
                    patiently(&doing, || admin.stop(&jail, time)).map_err(failed)?;
                    // Where it had ended by itself, another may have been made in its place.
                    let is_left = || match &self.jail {
                        // Only what is directly below is made anew.
                        JailId::Name(name) => !matches!(admin.child(name), Ok(None)),
                        number => admin.find(number).is_ok(),
                    };
                    let restarting = admin.restarting_by(&self.jail).map_err(failed)?;
                    let is_restarting = restarting.is_some();
                    let comes_again = match &jail.record {
                        // One that is being made just now may not be noted so far.
                        None => is_restarting,
                        Some(record) if record.restart.is_none() => false,
                        Some(_) => is_restarting || is_left(),
                    };
                    if !comes_again {
                        return Ok(0);
                    }
                }
                Err(missing @ JailsError::NoSuchJail(_)) => {
                    if call_off(&admin, &self.jail)? {
                        return Ok(0);
                    }
                    // It may have been made meanwhile.
                    if admin.find(&self.jail).is_err() {
                        return Err(missing.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Which jails are removed.
#[derive(Debug, Args)]
pub struct Rm {
    /// Number or name of the jail; it may have ended
    #[arg(
        value_name = "JAIL",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    jail: Option<JailId>,

    /// Remove every jail, and forget those that have ended
    #[arg(short, long)]
    all: bool,
}

impl Rm {
    /// Removes them. One that cannot be removed does not keep the others.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        match &self.jail {
            Some(id) => remove(&admin, id)?,
            None => remove_all(&admin)?,
        }
        Ok(0)
    }
}

fn remove(admin: &Admin, id: &JailId) -> Result<(), Failure> {
    let failed = |error: String| Failure::failed(format!("{id}: {error}"));
    match admin.find(id) {
        Ok(jail) => {
            end(admin, &jail).map_err(failed)?;
            // One that was being made just now may not have been noted so far.
            match jail.record.is_none() && call_off(admin, id)? {
                true => remove_ended(admin, id).map(drop),
                false => Ok(()),
            }
        }
        Err(missing @ JailsError::NoSuchJail(_)) => {
            call_off(admin, id)?;
            if remove_ended(admin, id)? {
                return Ok(());
            }
            match admin.find(id) {
                // It was made just now.
                Ok(jail) => end(admin, &jail).map_err(failed),
                Err(_) => Err(missing.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Forgets what is noted about one that has ended; whether something was.
fn remove_ended(admin: &Admin, id: &JailId) -> Result<bool, Failure> {
    let failed = |error: String| Failure::failed(format!("{id}: {error}"));
    match admin.ended(id).map_err(failed)? {
        Some(record) => admin.forget(&record).map_err(failed).map(|()| true),
        None => Ok(false),
    }
}

/// Sees to it that one that has ended is not made anew; whether one was to be.
fn call_off(admin: &Admin, id: &JailId) -> Result<bool, Failure> {
    let failed = |error: String| Failure::failed(format!("{id}: {error}"));
    match admin.restarting_by(id).map_err(failed)? {
        Some(record) => patiently(&format!("calling off jail {id}"), || {
            admin.call_off(&record)
        })
        .map_err(failed),
        None => Ok(false),
    }
}

fn remove_all(admin: &Admin) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for jail in admin.children().map_err(Failure::failed)? {
        if let Err(error) = end(admin, &jail) {
            failures.push(format!("{}: {error}", jail.info.label()));
        }
    }
    admin.forget_ended().map_err(Failure::failed)?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(failures.join("\njaula: "))),
    }
}

fn end(admin: &Admin, jail: &Jail) -> Result<(), String> {
    patiently(&format!("ending jail {}", jail.info.label()), || {
        admin.remove(jail)
    })
}
