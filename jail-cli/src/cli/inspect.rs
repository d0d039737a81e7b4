// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula inspect`: all that is known of a jail.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Not;

use clap::Args;
use nix::unistd::geteuid;
use serde::Serialize;

use jaula::admin::{Admin, Jail};
use jaula::host_address;
use jaula::jails::{JailId, JailsError};
use jaula::kept::Kept;
use jaula::network::seen::{connection, Connection};
use jaula::process::{add_commands, jailed, Jailed};
use jaula::state::Record;

use super::ls::RESTARTING;
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
    /// Whether it stands still.
    #[serde(skip_serializing_if = "Not::not")]
    paused: bool,
    /// What 127.0.0.1 is in it, where it has an address of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    loopback: Option<Ipv4Addr>,
    /// What it is connected to, with its addresses there.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Connection>,
    /// What it was set to and is to keep.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kept: BTreeMap<String, String>,
    processes: Vec<Jailed>,
}

#[derive(Serialize)]
struct Ended {
    state: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kept: BTreeMap<String, String>,
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
                    kept: kept(jail.record.as_ref())?,
                    age_seconds: jail.info.created.age().as_secs_f64(),
                    loopback: loopback(&jail),
                    paused: jail.is_paused(),
                    network: network(&jail)?,
                    jail,
                    processes,
                })?;
            }
            Err(missing @ JailsError::NoSuchJail(_)) => {
                let noted = admin.ended(&self.jail);
                let noted =
                    noted.map_err(|why| Failure::failed(format!("{}: {why}", self.jail)))?;
                let noted = noted.ok_or(missing)?;
                output::json(&Ended {
                    state: match noted.is_restarting() {
                        true => RESTARTING,
                        false => "ended",
                    },
                    kept: kept(Some(&noted))?,
                    noted,
                })?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(0)
    }
}

/// Root alone can read it.
fn loopback(jail: &Jail) -> Option<Ipv4Addr> {
    let record = jail.record.as_ref();
    let record = record.filter(|record| !record.isolation.ip.is_empty())?;
    host_address::loopback_of((record.number, record.created))
}

/// Root alone can read it.
fn network(jail: &Jail) -> Result<Option<Connection>, Failure> {
    let record = jail.record.as_ref();
    let attachment = record.and_then(|record| record.isolation.network.attachment());
    match (attachment, record) {
        (Some(attachment), Some(record)) if geteuid().is_root() => {
            let found = connection(&attachment.to, record.number, record.created);
            found.map_err(Failure::failed)
        }
        _ => Ok(None),
    }
}

/// What a jail was set to and is to keep, where it is described. Root alone can read it.
fn kept(noted: Option<&Record>) -> Result<BTreeMap<String, String>, Failure> {
    let described = noted.filter(|record| record.described.is_some());
    match described.and_then(|record| record.name.as_ref()) {
        Some(name) if geteuid().is_root() => {
            let kept = Kept::of(name).map_err(Failure::failed)?;
            Ok(kept.values().clone())
        }
        _ => Ok(BTreeMap::new()),
    }
}
