// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula wait`: how the first process of a jail ends.

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::JailId;
use jaula::launch::Ending;

use super::waiting::patiently;
use super::{output, Failure};

/// Which jails are waited for.
#[derive(Debug, Args)]
pub struct Wait {
    /// Numbers or names of jails; they may have ended
    #[arg(value_name = "JAIL", required = true)]
    jails: Vec<JailId>,
}

impl Wait {
    /// Waits for each, and prints how it ended.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        // All of them, before another one gets a name.
        let records = self.jails.iter().map(|id| Ok((id, admin.record(id)?)));
        let records: Vec<_> = records
            .collect::<Result<_, String>>()
            .map_err(Failure::failed)?;
        for (id, record) in records {
            let ended = patiently(&format!("waiting for jail {id}"), || admin.wait(&record));
            let ended = ended.map_err(|why| Failure::failed(format!("{id}: {why}")))?;
            output::print(&format!("{}\n", Ending::from(ended).status()))?;
        }
        Ok(0)
    }
}
