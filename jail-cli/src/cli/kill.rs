// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula kill`: a signal for what runs in a jail.

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::JailId;
use jaula::signal::SignalNumber;

use super::Failure;

/// Which signal, and for whom.
#[derive(Debug, Args)]
pub struct Kill {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// Which signal: a number, or a name such as HUP, SIGTERM or RTMIN+3
    #[arg(short, long, default_value_t = SignalNumber::KILL)]
    signal: SignalNumber,

    /// Send it to all that runs in the jail and in those within it
    #[arg(short, long)]
    all: bool,
}

impl Kill {
    /// Sends it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let jail = admin.find(&self.jail)?;
        admin
            .note_kill(&jail, self.signal)
            .map_err(|why| Failure::failed(format!("{}: {why}", self.jail)))?;
        match self.all {
            true => admin.kill_all(&jail, self.signal),
            false => admin.kill_first(&jail, self.signal),
        }
        .map_err(|why| Failure::failed(format!("{}: {why}", self.jail)))?;
        Ok(0)
    }
}
