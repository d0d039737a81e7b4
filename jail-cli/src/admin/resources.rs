// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail that runs may use of the machine, and stopping it for a while.

use super::{Admin, Jail};
use crate::isolation::Control;
use crate::resources::{self, Before, Group};

/// What was changed of a jail's control group.
#[derive(Debug)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// These values, which were others before.
    Values(Group, Before),
    /// There was none.
    Group(Group),
}

impl Jail {
    /// Its control group, where it has one.
    pub fn group(&self) -> Option<&Group> {
        let group = self
            .record
            .as_ref()
            .and_then(|record| record.group.as_ref());
        group.filter(|group| group.exists())
    }
}

impl Admin {
    /// Sets all of `controls`, or nothing. A jail without a control group gets one.
    ///
    /// # Errors
    ///
    /// Which cannot be set, and what the kernel says.
    pub fn set_controls(&self, jail: &Jail, controls: &[Control]) -> Result<Changed, String> {
        if controls.is_empty() {
            return Ok(Changed::Nothing);
        }
        resources::check(controls)?;
        match jail.group() {
            Some(group) => {
                let before = group.change(controls)?;
                Ok(Changed::Values(group.clone(), before))
            }
            None => self.give_group(jail, controls).map(Changed::Group),
        }
    }

    /// Has it as it was before it was changed.
    ///
    /// # Errors
    ///
    /// Where that cannot be noted.
    pub fn undo(&self, jail: &Jail, changed: Changed) -> Result<(), String> {
        match changed {
            Changed::Nothing => Ok(()),
            Changed::Values(group, before) => {
                group.restore(before);
                Ok(())
            }
            Changed::Group(group) => {
                group.scatter();
                match &jail.record {
                    Some(record) => self.change(record, |record| record.group = None),
                    None => Ok(()),
                }
            }
        }
    }

    /// Stops all that is in a jail, and in those within it, until it is resumed.
    ///
    /// # Errors
    ///
    /// Where something cannot be stopped: then all goes on.
    pub fn pause(&self, jail: &Jail) -> Result<(), String> {
        match jail.group() {
            Some(group) => group.freeze(),
            None => {
                resources::check(&[])?;
                self.give_group(jail, &[])?.freeze()
            }
        }
    }

    /// Lets a jail go on that was paused.
    ///
    /// # Errors
    ///
    /// Where it was not.
    pub fn resume(&self, jail: &Jail) -> Result<(), String> {
        match jail.group().filter(|group| group.is_freezing()) {
            Some(group) => group.thaw(),
            None => Err("is not paused".into()),
        }
    }

    fn give_group(&self, jail: &Jail, controls: &[Control]) -> Result<Group, String> {
        let Some(record) = &jail.record else {
            return Err(self.unnoted(
                "jaula has not started this jail, or has not noted it, and would not find its \
                 control group again",
            ));
        };
        let leader = record.first_process.is_running();
        let leader = leader.then_some(record.first_process.pid);
        let group = Group::adopt(jail.info.number, leader, controls)?;
        let noted = self.change(record, |record| record.group = Some(group.clone()));
        match noted {
            Ok(()) => Ok(group),
            Err(why) => {
                group.scatter();
                Err(why)
            }
        }
    }
}
