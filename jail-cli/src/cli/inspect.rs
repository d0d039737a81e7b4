// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula inspect`: all that is known of a jail.

use clap::Args;
use serde::Serialize;

use jaula::admin::{Admin, Jail};
use jaula::jails::{JailId, JailsError};
use jaula::process::{add_commands, jailed, Jailed};
use jaula::state::Record;

use super::{output, Failure};

/// Which jail is looked at.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Number or name of the jail; it may have ended
    #[arg(value_name = "JAIL")]
    jail: JailId,
}

#[derive(Serialize)]
struct Alive {
    #[serde(flatten)]
    jail: Jail,
    age_seconds: f64,
    processes: Vec<Jailed>,
}

#[derive(Serialize)]
struct Ended {
    state: &'static str,
    noted: Record,
}

impl Inspect {
    /// Prints it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        match admin.find(&self.jail) {
            Ok(jail) => {
                let mut processes = jailed().map_err(Failure::failed)?;
                processes.retain(|process| process.jail == jail.info.number);
                add_commands(&mut processes);
                output::json(&Alive {
                    age_seconds: jail.info.created.age().as_secs_f64(),
                    jail,
                    processes,
                })?;
            }
            Err(missing @ JailsError::NoSuchJail(_)) => {
                let noted = admin.ended(&self.jail);
                let noted =
                    noted.map_err(|why| Failure::failed(format!("{}: {why}", self.jail)))?;
                output::json(&Ended {
                    state: "ended",
                    noted: noted.ok_or(missing)?,
                })?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(0)
    }
}
