// SPDX-License-Identifier: MIT OR Apache-2.0

//! Asking a jail to end.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Admin, Jail};
use crate::jailfd::Rights;
use crate::process::{Held, Jailed, ProcessId};
use crate::resources::Group;
use crate::signal::SignalNumber;
use crate::state::Record;
use crate::text::reason;

/// How often is looked who is left.
const LOOK: Duration = Duration::from_millis(50);

impl Admin {
    /// Asks what runs in a jail to end, gives it some time, then ends the jail with all that is left
    /// in it. Its log is kept.
    ///
    /// First the first process alone is asked: it may know best in what order the others are to end, and
    /// a shell ends when what it waits for has. When it has ended, those are asked that are left, in the
    /// jails within it as well, and those that come meanwhile; each before what it has started. Whoever
    /// has not been asked by half of the time is asked then.
    pub fn stop(&self, jail: &Jail, time: Duration) -> Result<(), String> {
        self.ask_to_end(jail)?;
        // Who may not end it is told so at once.
        if self.open_jail(&jail.info, Rights::ADMINISTER)?.is_none() {
            return self.end(jail);
        }
        // Whatever becomes of that, the jail is to end.
        if let Err(why) = self.ask(jail, time) {
            crate::complain!(
                "jaula: warning: jail {}: asking it to end: {why}",
                jail.info.number
            );
        }
        self.end(jail)
    }

    fn ask(&self, jail: &Jail, time: Duration) -> Result<(), String> {
        let half = Instant::now() + time / 2;
        let deadline = half + time / 2;
        // As long as it is open, no other jail gets the number.
        let Some(_held) = self.open_jail(&jail.info, Rights::READ)? else {
            return Ok(());
        };
        if let Some(group) = self.group_of(jail).filter(Group::is_freezing) {
            // Else nothing in it could do as it is asked.
            group.thaw()?;
        }
        let record = jail.record.as_ref();
        let signal = record.map_or(SignalNumber::TERM, Record::stop_signal);
        let first = record.map(|record| record.first_process.hold());
        let first = first.transpose().map_err(reason)?.flatten();
        if let (Some(first), Some(record)) = (first, record) {
            // Else who waits for it would end the jail with it.
            let noted = self.note_stop(record);
            ask_one(&first, signal)
                .map_err(|why| format!("its first process, {}: {why}", record.first_process.pid))?;
            let left = half.saturating_duration_since(Instant::now());
            first.wait(left).map_err(reason)?;
            noted?;
        }
        let asked = record.iter().map(|record| record.first_process);
        self.ask_all(jail, signal, asked.collect(), (half, deadline))
    }

    /// Notes that this process stops the jail.
    fn note_stop(&self, record: &Record) -> Result<(), String> {
        let own = ProcessId::of(std::process::id() as i32)?;
        self.change(record, |found| found.stopped_by = Some(own))
    }

    /// Asks each that is in the jail or in one within it and was not `asked`, once, until nobody is left
    /// or the time is over; before half of it, none whose parent is there.
    fn ask_all(
        &self,
        jail: &Jail,
        signal: SignalNumber,
        mut asked: BTreeSet<ProcessId>,
        (half, deadline): (Instant, Instant),
    ) -> Result<(), String> {
        let mut failure = None;
        loop {
            let is_late = Instant::now() >= half;
            let is_due =
                |process: &Jailed, all: &BTreeSet<i32>| is_late || !all.contains(&process.parent);
            let left = self.send_to_new(jail, &mut asked, &is_due, &mut |process| {
                ask_one(process, signal)
            })?;
            if let Err(why) = left.result {
                failure.get_or_insert(why);
            }
            // One that cannot be asked does not keep the others from having their time.
            let time = deadline.saturating_duration_since(Instant::now());
            if left.processes == 0 || time.is_zero() {
                return failure.map_or(Ok(()), Err);
            }
            sleep(LOOK.min(time));
        }
    }
}

/// One that is stopped hears of it when it goes on.
fn ask_one(process: &Held, signal: SignalNumber) -> Result<(), String> {
    let sent = process.signal(signal);
    sent.and_then(|_| process.signal(SignalNumber::CONT))
        .map(drop)
        .map_err(reason)
}
