// SPDX-License-Identifier: MIT OR Apache-2.0

//! The host's addresses that a new jail has: given to it before anything is in it, and taken back when it
//! has ended.

use std::os::fd::AsFd;

use crate::host_address::{self, Jail};
use crate::isolation::HostAddress;
use crate::resources::Group;

/// What was given to a jail.
#[derive(Debug, Default)]
pub struct Given(Option<Jail>);

impl Given {
    /// Gives a jail its addresses. What is in `group` later has these and no others.
    ///
    /// # Errors
    ///
    /// Why it cannot have them; it has none then.
    pub fn to(jail: Jail, wanted: &[HostAddress], group: Option<&Group>) -> Result<Given, String> {
        if wanted.is_empty() {
            return Ok(Given::default());
        }
        let group = group.ok_or("an address of the host needs a control group")?;
        let addresses = host_address::give(jail, wanted)?;
        let given = Given(Some(jail));
        let attached = group
            .directory()
            .and_then(|directory| host_address::attach(directory.as_fd(), &addresses));
        match attached {
            Ok(()) => Ok(given),
            Err(why) => {
                given.take_back();
                Err(why)
            }
        }
    }

    /// Takes them back. What is left of them the next launch takes back.
    pub fn take_back(&self) {
        if let Some(Err(why)) = self.0.map(host_address::take_back) {
            crate::complain!("jaula: warning: {why}");
        }
    }
}
