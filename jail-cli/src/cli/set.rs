// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula set`: limits, and what else can be set about a jail that exists.

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::{JailId, Setting};

use super::Failure;

/// What is set about which jail.
#[derive(Debug, Args)]
pub struct Set {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// What is set: tasks.max, sem.max, shm.max, msg.max, shm_bytes.max, children.max, persist,
    /// name or allow
    ///
    /// A limit is a number, or "max" for none; a number of bytes may end in K, M or G. What the
    /// jail has already stays, even where that is more. children.max is a number. persist is 1
    /// for a jail that goes on existing with nothing in it, else 0. A name can be given once, to
    /// a jail that has none. allow is what the jail may do: names, as for "jaula run --allow",
    /// separated by commas, that replace what there is, or each with + or - before it, that change
    /// it; or none. Either all is set or nothing.
    #[arg(value_name = "KEY=VALUE", required = true)]
    settings: Vec<Setting>,
}

impl Set {
    /// Sets it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let jail = admin.find(&self.jail)?;
        admin.jails().set_all(jail.info.number, &self.settings)?;
        Ok(0)
    }
}
