// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a jail anew when it has ended, by its supervisor.
//!
//! What is noted says at each moment how far that is, and whoever wants it to stop notes that: both
//! hold the lock of the jail's directory meanwhile. So nothing is made that was called off.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::sleep;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::attend::{begin, Begun, Own, Watched};
use super::detach::AGAIN;
use super::log::Log;
use super::place::{end_jail, Continued, Place};
use super::{Launch, LaunchError, TERM};
use crate::jail::JailNumber;
use crate::jails::Jails;
use crate::state::{Before, Record, Restart, Step, Store};

/// How a jail is made anew, and what is done on the host around that.
pub trait Again {
    /// What is launched, as it is to be now.
    ///
    /// # Errors
    ///
    /// What is in the way.
    fn launch(&self) -> Result<Launch, String>;

    /// What comes before.
    ///
    /// # Errors
    ///
    /// Why the jail must not be started.
    fn before(&self) -> Result<(), String>;

    /// What comes when something is executed in the new jail.
    ///
    /// # Errors
    ///
    /// Why it must not go on.
    fn started(&self, number: JailNumber) -> Result<(), String>;

    /// What comes when a jail has ended, or could not be started after what comes before.
    ///
    /// # Errors
    ///
    /// What went wrong.
    fn ended(&self, number: JailNumber) -> Result<(), String>;
}

/// Held by whoever starts a jail that is to be made anew, until what comes with its start has been done.
///
/// Its supervisor does nothing about the end of that jail before this is dropped, or its holder has ended.
#[must_use = "it is dropped when what comes with the start has been done"]
pub struct Starting(#[expect(dead_code, reason = "dropping it closes it")] OwnedFd);

/// The supervisor's side of [`Starting`].
pub(super) struct Started(File);

/// Makes both sides. They are closed on exec.
pub(super) fn starting() -> io::Result<(Starting, Started)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((Starting(write), Started(read.into())))
}

impl Started {
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn wait(mut self) {
        // Nothing is written to it. An error ends the wait as well.
        let _ = self.0.read_to_end(&mut Vec::new());
    }
}

/// Waits for a jail, and makes it anew as often as is asked for.
pub(super) fn carry_on(begun: Begun, again: &dyn Again, own: &Own, started: Started) {
    let mut begun = begun;
    let mut started = Some(started);
    loop {
        let watched = begun.watch();
        let Some(state) = State::after(watched) else {
            return;
        };
        if let Some(started) = started.take() {
            started.wait();
        }
        match state.make_anew(again, own) {
            Some(next) => begun = next,
            None => return,
        }
    }
}

/// A jail that has ended and is to be made anew.
struct State {
    /// What was noted last.
    record: Record,
    log: Option<Log>,
}

/// Why nothing is made.
enum Failed {
    /// It is tried again later.
    ForNow(String),
    /// It never is.
    ForGood(String),
}

impl State {
    /// Notes how a jail ended, and that it is to be made anew; `None` where it is not.
    fn after(watched: Watched) -> Option<Self> {
        let ended = watched.ending.as_ref().ok().map(|ending| (*ending).into());
        let record = change(&watched.record, |record| {
            record.ended = ended;
            record.asked_to_end |= watched.was_told_to_end;
            let is_to_end = record.is_to_end();
            match (&mut record.restart, ended) {
                (Some(restart), Some(ended)) if !is_to_end && restart.policy.wants(ended) => {
                    restart.wait_after(watched.ran);
                    restart.why = None;
                }
                _ => {}
            }
        })?;
        let waits = record.restart.as_ref().map(|restart| restart.step) == Some(Step::Waiting);
        waits.then(|| State {
            log: watched.into_log(),
            record,
        })
    }

    fn make_anew(mut self, again: &dyn Again, own: &Own) -> Option<Begun> {
        if let Err(why) = again.ended(self.record.number) {
            self.note(|restart| restart.why = Some(why.clone()))?;
        }
        self.settle()?;
        loop {
            sleep(self.restart()?.pause());
            self.note(|restart| {
                restart.step = Step::Starting;
                restart.why = None;
            })?;
            if self.record.is_to_end() {
                return None;
            }
            match self.attempt(again, own) {
                Ok(begun) => return Some(begun),
                Err(Failed::ForNow(why)) => self.note(|restart| {
                    restart.wait_after(Duration::ZERO);
                    restart.why = Some(why.clone());
                })?,
                Err(Failed::ForGood(why)) => {
                    self.note(|restart| {
                        restart.step = Step::Running;
                        restart.why = Some(why.clone());
                    })?;
                    return None;
                }
            }
            if self.record.is_to_end() {
                return None;
            }
        }
    }

    fn attempt(&mut self, again: &dyn Again, own: &Own) -> Result<Begun, Failed> {
        self.look_for_another()?;
        again.before().map_err(Failed::ForNow)?;
        let begun = self.start(again, own);
        if begun.is_err() {
            // Whoever calls it off meanwhile finds that this is still to be done.
            if self.record.is_to_end() {
                return begun;
            }
            let done = again.ended(self.record.number);
            self.settle().ok_or_else(gone)?;
            if let (Err(Failed::ForNow(first)), Err(then)) = (&begun, done) {
                return Err(Failed::ForNow(format!("{first}; then {then}")));
            }
        }
        begun
    }

    /// Somebody else can have taken its name; that one is not in the way of this, but asked for.
    fn look_for_another(&self) -> Result<(), Failed> {
        let Some(name) = &self.record.name else {
            return Ok(());
        };
        let found = Jails::open().and_then(|jails| jails.child(name));
        match found {
            Ok(None) => Ok(()),
            Ok(Some(other)) => Err(Failed::ForGood(format!(
                "jail {} has been given its name meanwhile",
                other.number
            ))),
            Err(error) => Err(Failed::ForNow(error.to_string())),
        }
    }

    fn start(&mut self, again: &dyn Again, own: &Own) -> Result<Begun, Failed> {
        let mut launch = again.launch().map_err(Failed::ForNow)?;
        let Place::New(new) = &mut launch.place else {
            return Err(Failed::ForGood("it is no new jail".into()));
        };
        // Until it is executed, this is what is to be done when it could not be.
        let due = new.after_stop_due;
        self.change(|record| record.after_stop_due = due)
            .ok_or_else(gone)?;
        if self.record.is_to_end() {
            return Err(gone());
        }
        let continued = Continued::of(&self.record);
        new.restart = self.restart().map(|restart| Restart {
            count: restart.count.saturating_add(1),
            before: Some(Before {
                number: self.record.number,
                created: self.record.created,
                ended: self.record.ended,
            }),
            ..restart.clone()
        });
        new.continued = Some(continued.clone());
        let begun = self.launch(launch, own);
        // From here on it has another number, if it came so far.
        (self.record.number, self.record.created) = continued.now();
        let begun = begun.map_err(|error| Failed::ForNow(error.to_string()))?;
        if let Err(why) = again.started(begun.number()) {
            let ended = end_jail(begun.number());
            let watched = begun.watch();
            let ending = watched.ending.as_ref().ok().map(|ending| (*ending).into());
            self.log = watched.into_log();
            self.change(|record| record.ended = ending)
                .ok_or_else(gone)?;
            let why = match ended {
                Ok(()) => why,
                Err(then) => format!("{why}; then {then}"),
            };
            return Err(Failed::ForNow(why));
        }
        // Who calls it off from now on finds a jail that runs.
        let _ = self.note(|restart| restart.step = Step::Running);
        Ok(begun)
    }

    fn launch(&mut self, launch: Launch, own: &Own) -> Result<Begun, LaunchError> {
        let term = launch.tty.then(|| OsString::from(TERM));
        let (mut plan, root) = launch.prepare(term)?;
        plan.detached = true;
        plan.announce = false;
        begin(plan, root, own, &mut self.log)
    }

    /// Notes that nothing is left to be done about the jail that has ended.
    fn settle(&mut self) -> Option<()> {
        match self.record.after_stop_due {
            true => self.change(|record| record.after_stop_due = false),
            false => Some(()),
        }
    }

    fn restart(&self) -> Option<&Restart> {
        self.record.restart.as_ref()
    }

    fn note(&mut self, note: impl Fn(&mut Restart)) -> Option<()> {
        self.change(|record| {
            if let Some(restart) = &mut record.restart {
                note(restart);
            }
        })
    }

    fn change(&mut self, note: impl Fn(&mut Record)) -> Option<()> {
        self.record = change(&self.record, note)?;
        Some(())
    }
}

fn gone() -> Failed {
    Failed::ForGood("it was called off".into())
}

/// Notes something about a jail, for as long as that takes; what is noted then, and `None` where
/// that has been forgotten: then nothing is to be made any more.
fn change(about: &Record, note: impl Fn(&mut Record)) -> Option<Record> {
    loop {
        let entry = match Store::default().lock(about.number) {
            Ok(entry) => entry?,
            Err(_) => {
                sleep(AGAIN);
                continue;
            }
        };
        let mut found = entry.read().ok()?;
        if found.created != about.created {
            return None;
        }
        note(&mut found);
        if entry.write(&found).is_ok() {
            return Some(found);
        }
        drop(entry);
        // There may be room for it again.
        sleep(AGAIN);
    }
}
