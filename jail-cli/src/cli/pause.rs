// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula pause` and `jaula resume`.

use clap::Args;

use jaula::admin::{Admin, Jail};
use jaula::jails::JailId;

use super::Failure;

/// Which jails.
#[derive(Debug, Args)]
pub struct Pause {
    /// Numbers or names of jails
    #[arg(value_name = "JAIL", required = true)]
    jails: Vec<JailId>,
}

impl Pause {
    /// Stops them.
    pub fn pause(self) -> Result<u8, Failure> {
        self.each(Admin::pause)
    }

    /// Lets them go on.
    pub fn resume(self) -> Result<u8, Failure> {
        self.each(Admin::resume)
    }

    fn each(self, act: fn(&Admin, &Jail) -> Result<(), String>) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        for id in &self.jails {
            let jail = admin.find(id)?;
            act(&admin, &jail).map_err(|why| Failure::failed(format!("{id}: {why}")))?;
        }
        Ok(0)
    }
}
