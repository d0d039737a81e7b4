// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sending signals into a jail.

use std::collections::BTreeSet;

use super::{Admin, Jail};
use crate::jail::JailNumber;
use crate::jailfd::Rights;
use crate::process::{jailed, Held, Jailed, ProcessId};
use crate::signal::SignalNumber;
use crate::text::reason;

/// How often is looked for those that were made meanwhile: nobody outruns a signal that ends or stops
/// him for longer.
const ROUNDS: usize = 100;

/// How many are left, and what went wrong with some of them.
type Left = (usize, Result<(), String>);

impl Admin {
    /// Sends a signal to the first process of a jail.
    ///
    /// # Errors
    ///
    /// Where there is none, or it cannot be sent anything.
    pub fn kill_first(&self, jail: &Jail, signal: SignalNumber) -> Result<(), String> {
        let Some(record) = &jail.record else {
            return Err(
                "jaula has not started this jail, or has not noted it, and does not know its first \
                 process; --all sends a signal to all that is in it"
                    .into(),
            );
        };
        let first = record.first_process.hold().map_err(reason)?;
        let sent = match first {
            Some(first) => first.signal(signal).map_err(|errno| {
                let pid = record.first_process.pid;
                format!("sending {signal} to process {pid}: {}", reason(errno))
            })?,
            None => false,
        };
        match sent {
            true => Ok(()),
            false => Err(
                "its first process has ended; --all sends a signal to what is left in it".into(),
            ),
        }
    }

    /// Sends a signal to each that is in a jail or in one within it, once.
    ///
    /// # Errors
    ///
    /// Where nobody is there, or some cannot be sent anything.
    pub fn kill_all(&self, jail: &Jail, signal: SignalNumber) -> Result<(), String> {
        let Some(_held) = self.open_jail(&jail.info, Rights::READ)? else {
            return Err("has ended".into());
        };
        let mut sent = BTreeSet::new();
        let mut send = |process: &Held| {
            let sent = process.signal(signal).map(drop);
            sent.map_err(|errno| format!("sending {signal}: {}", reason(errno)))
        };
        for _ in 0..ROUNDS {
            let before = sent.len();
            self.send_to_new(jail, &mut sent, &|_, _| true, &mut send)?
                .1?;
            if sent.len() == before {
                break;
            }
        }
        match sent.is_empty() {
            true => Err("nothing runs in it".into()),
            false => Ok(()),
        }
    }

    /// Has `send` see to each that is in the jail or in one within it, is not in `done` yet, and whose
    /// turn it is; that is asked with the numbers of all that are there. A descriptor of the jail must be open.
    pub(super) fn send_to_new(
        &self,
        jail: &Jail,
        done: &mut BTreeSet<ProcessId>,
        is_due: &dyn Fn(&Jailed, &BTreeSet<i32>) -> bool,
        send: &mut dyn FnMut(&Held) -> Result<(), String>,
    ) -> Result<Left, String> {
        let jails = self.within(jail)?;
        let mut inside = jailed()?;
        inside.retain(|process| jails.contains(&process.jail) && !process.has_ended());
        let pids = inside.iter().map(|process| process.pid).collect();
        let mut result = Ok(());
        for process in &inside {
            if !is_due(process, &pids) || !done.insert(process.id()) {
                continue;
            }
            // By what cannot become another process, or another jail's.
            let held = process.id().hold_in(|jail| jails.contains(&jail));
            let sent = match held.map_err(reason)? {
                Some(held) => send(&held),
                None => Ok(()),
            };
            if let Err(why) = sent {
                result = result.and(Err(format!("process {}: {why}", process.pid)));
            }
        }
        Ok((inside.len(), result))
    }

    /// A jail and all within it.
    fn within(&self, jail: &Jail) -> Result<BTreeSet<JailNumber>, String> {
        let all = self.jails.list().map_err(|error| error.to_string())?;
        let mut found = BTreeSet::from([jail.info.number]);
        loop {
            let before = found.len();
            let children = all.iter().filter(|info| found.contains(&info.parent));
            let children: Vec<JailNumber> = children.map(|info| info.number).collect();
            found.extend(children);
            if found.len() == before {
                return Ok(found);
            }
        }
    }
}
