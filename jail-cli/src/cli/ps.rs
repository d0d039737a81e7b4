// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula ps`: the processes in jails.

use std::collections::BTreeMap;

use clap::Args;

use jaula::admin::Admin;
use jaula::jail::JailNumber;
use jaula::jails::JailId;
use jaula::process::{add_commands, jailed};

use super::table::{bytes, duration, Table};
use super::{output, Failure};

/// Whose processes are listed.
#[derive(Debug, Args)]
pub struct Ps {
    /// Number or name of a jail [default: all]
    #[arg(value_name = "JAIL")]
    jail: Option<JailId>,

    /// Print a JSON array
    #[arg(short, long)]
    json: bool,
}

impl Ps {
    /// Lists them, by jail.
    pub fn run(self) -> Result<u8, Failure> {
        let jails = Admin::open()?.select(self.jail.as_ref())?;
        let names: BTreeMap<JailNumber, String> = jails
            .iter()
            .map(|jail| (jail.info.number, jail.info.label()))
            .collect();
        let mut processes = jailed().map_err(Failure::failed)?;
        // One that was made after the list of jails is not in it.
        processes.retain(|process| names.contains_key(&process.jail));
        add_commands(&mut processes);
        if self.json {
            output::json(&processes)?;
            return Ok(0);
        }
        let mut table = Table::new(&[
            "JAIL", ">PID", ">PPID", ">UID", "STATE", ">THREADS", ">MEMORY", ">CPU", "COMMAND",
        ]);
        for process in processes {
            table.row([
                names[&process.jail].clone(),
                process.pid.to_string(),
                process.parent.to_string(),
                process.uid.to_string(),
                process.state.to_string(),
                process.threads.to_string(),
                bytes(process.memory),
                duration(process.cpu),
                process.command.join(" "),
            ]);
        }
        output::print(&table.text())?;
        Ok(0)
    }
}
