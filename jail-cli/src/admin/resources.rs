// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail that runs may use of the machine, and stopping it for a while.

use nix::sys::signal::{SigSet, Signal};

use super::{Admin, Jail};
use crate::isolation::Control;
use crate::jailfd::{JailFd, Rights};
use crate::resources::{self, Adopted, Before, Group};
use crate::text::reason;

/// What was changed of a jail's control group.
#[derive(Debug)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// These values, which were others before.
    Values(Group, Before),
    /// There was none.
    Group(Adopted),
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

    /// Whether all of it stands still.
    pub fn is_paused(&self) -> bool {
        self.group().is_some_and(Group::is_freezing)
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
        let _undisturbed = Undisturbed::begin()?;
        let group = match jail.group() {
            Some(group) => group.clone(),
            None => match self.give_group(jail, controls)? {
                Given::New(adopted) => return Ok(Changed::Group(adopted)),
                Given::Meanwhile(group) => group,
            },
        };
        let before = group.change(controls)?;
        Ok(Changed::Values(group, before))
    }

    /// Has it as it was before it was changed.
    ///
    /// # Errors
    ///
    /// Where that cannot be noted.
    pub fn undo(&self, jail: &Jail, changed: Changed) -> Result<(), String> {
        let _undisturbed = Undisturbed::begin()?;
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
        let _held = self.hold(jail)?;
        let _undisturbed = Undisturbed::begin()?;
        match jail.group() {
            Some(group) => group.freeze(),
            None => {
                resources::check(&[])?;
                self.give_group(jail, &[])?.group().freeze()
            }
        }
    }

    /// Lets a jail go on that was paused.
    ///
    /// # Errors
    ///
    /// Where it was not.
    pub fn resume(&self, jail: &Jail) -> Result<(), String> {
        let _held = self.hold(jail)?;
        match jail.group().filter(|group| group.is_freezing()) {
            Some(group) => group.thaw(),
            None => Err("is not paused".into()),
        }
    }

    /// Its control group by now, which it may have been given a moment ago.
    pub(super) fn group_of(&self, jail: &Jail) -> Option<Group> {
        let noted = self.store.of(&jail.info).and_then(|record| record.group);
        noted
            .or_else(|| jail.group().cloned())
            .filter(Group::exists)
    }

    /// What keeps the number of a jail, and so the name of its group, from becoming another's.
    fn hold(&self, jail: &Jail) -> Result<JailFd, String> {
        self.open_jail(&jail.info, Rights::READ)?.ok_or_else(ended)
    }

    /// Gives a group to a jail that has none; the caller holds the jail.
    fn give_group(&self, jail: &Jail, controls: &[Control]) -> Result<Given, String> {
        let Some(record) = &jail.record else {
            return Err(self.unnoted(
                "jaula has not started this jail, or has not noted it, and would not find its \
                 control group again",
            ));
        };
        // Another can be about to do the same.
        let entry = self.store.lock(record.number)?.ok_or_else(ended)?;
        let mut record = entry.read()?;
        if record.created != jail.info.created {
            return Err(ended());
        }
        if let Some(group) = record.group.clone().filter(Group::exists) {
            return Ok(Given::Meanwhile(group));
        }
        let leader = record.first_process.is_running();
        let leader = leader.then_some(record.first_process.pid);
        let adopted = Group::adopt(jail.info.number, leader, controls)?;
        record.group = Some(adopted.group.clone());
        // Before anything is moved: who enters the jail from now on finds it.
        let gathered = entry
            .write(&record)
            .and_then(|()| adopted.gather(jail.info.number));
        match gathered {
            Ok(()) => Ok(Given::New(adopted)),
            Err(why) => {
                adopted.scatter();
                record.group = None;
                // What went wrong before is what is told.
                let _ = entry.write(&record);
                Err(why)
            }
        }
    }
}

/// How a jail has come to its group.
enum Given {
    /// It had none before.
    New(Adopted),
    /// Somebody else has given it one.
    Meanwhile(Group),
}

impl Given {
    fn group(&self) -> &Group {
        match self {
            Given::New(adopted) => &adopted.group,
            Given::Meanwhile(group) => group,
        }
    }
}

fn ended() -> String {
    "has ended".into()
}

/// Keeps signals that would end this process from doing so while something is half done.
struct Undisturbed {
    before: SigSet,
}

impl Undisturbed {
    fn begin() -> Result<Self, String> {
        let signals = [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ];
        let block = SigSet::from_iter(signals);
        let before = block.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
        let before = before.map_err(|errno| format!("blocking signals: {}", reason(errno)))?;
        Ok(Undisturbed { before })
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        // What came meanwhile ends it now.
        let _ = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blocked_is_what_was_blocked_before_when_it_is_over() {
        let of_thread = || SigSet::thread_get_mask().expect("its mask");
        let before = of_thread();
        let undisturbed = Undisturbed::begin().expect("blocked");
        assert!(of_thread().contains(Signal::SIGINT));
        drop(undisturbed);
        assert_eq!(of_thread(), before);
    }
}
