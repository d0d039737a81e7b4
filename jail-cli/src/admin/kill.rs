// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sending signals into a jail.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Admin, Jail};
use crate::jail::JailNumber;
use crate::jailfd::Rights;
use crate::jails::JailInfo;
use crate::process::{jailed, Held, Jailed, ProcessId};
use crate::signal::SignalNumber;
use crate::text::reason;

/// How often is looked for those that were made meanwhile, and for how long. Who forks and ends again and
/// again can be gone each time, so that nobody is ever seen.
const ROUNDS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(5);

/// How long is waited where some are there and were not seen.
const LOOK: Duration = Duration::from_millis(5);

/// What nobody can handle: none may be left that was not sent it.
const UNHANDLED: [SignalNumber; 2] = [SignalNumber::KILL, SignalNumber::STOP];

/// Who is left, as far as they could be seen, and what went wrong with some of them.
pub(super) struct Left {
    pub processes: usize,
    /// With all of their threads.
    pub tasks: u64,
    pub result: Result<(), String>,
}

impl Admin {
    /// Sends a signal to the first process of a jail.
    ///
    /// # Errors
    ///
    /// Where there is none, or it cannot be sent anything.
    pub fn kill_first(&self, jail: &Jail, signal: SignalNumber) -> Result<(), String> {
        let Some(record) = &jail.record else {
            return Err(self.unnoted(
                "jaula has not started this jail, or has not noted it, and does not know its first \
                 process; --all sends a signal to all that is in it",
            ));
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
    /// Where nobody is there, some cannot be sent anything, or some have outrun a signal that ends or
    /// stops them.
    pub fn kill_all(&self, jail: &Jail, signal: SignalNumber) -> Result<(), String> {
        let Some(_held) = self.open_jail(&jail.info, Rights::READ)? else {
            return Err("has ended".into());
        };
        let mut sent = BTreeSet::new();
        let mut send = |process: &Held| {
            let sent = process.signal(signal).map(drop);
            sent.map_err(|errno| format!("sending {signal}: {}", reason(errno)))
        };
        let start = Instant::now();
        for round in 0..ROUNDS {
            if round > 0 && start.elapsed() > PATIENCE {
                break;
            }
            let before = sent.len();
            let left = self.send_to_new(jail, &mut sent, &|_, _| true, &mut send)?;
            left.result?;
            if sent.len() > before {
                continue;
            }
            // The kernel counts those as well that are too fast to be seen.
            if self.tasks(jail)? <= left.tasks {
                return match sent.is_empty() {
                    true => Err("nothing runs in it".into()),
                    false => Ok(()),
                };
            }
            sleep(LOOK);
        }
        match UNHANDLED.contains(&signal) || sent.is_empty() {
            true => Err(format!(
                "not all that runs in it could be sent {signal}: it makes processes faster than they \
                 are found, or they are not to be seen from here; \"jaula rm {}\" ends all of it",
                jail.info.label()
            )),
            false => Ok(()),
        }
    }

    /// How many processes and threads the kernel counts in a jail and those within it; zombies among
    /// them.
    fn tasks(&self, jail: &Jail) -> Result<u64, String> {
        let jails = self.within(jail)?;
        Ok(jails.iter().map(|info| info.tasks).sum())
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
        let jails: BTreeSet<JailNumber> =
            self.within(jail)?.iter().map(|info| info.number).collect();
        let mut inside = jailed()?;
        inside.retain(|process| jails.contains(&process.jail));
        let threads = |process: &Jailed| u64::try_from(process.threads).unwrap_or(0).max(1);
        let tasks = inside.iter().map(threads).sum();
        inside.retain(|process| !process.has_ended());
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
        Ok(Left {
            processes: inside.len(),
            tasks,
            result,
        })
    }

    /// A jail and all within it, where they are still there.
    fn within(&self, jail: &Jail) -> Result<Vec<JailInfo>, String> {
        let mut all = self.jails.list().map_err(|error| error.to_string())?;
        let mut found = BTreeSet::from([jail.info.number]);
        loop {
            let before = found.len();
            let children = all.iter().filter(|info| found.contains(&info.parent));
            let children: Vec<JailNumber> = children.map(|info| info.number).collect();
            found.extend(children);
            if found.len() == before {
                all.retain(|info| found.contains(&info.number));
                return Ok(all);
            }
        }
    }
}
