// SPDX-License-Identifier: MIT OR Apache-2.0

//! A jail as in the background, whose supervisor is the calling process.

use std::ffi::OsString;

use super::attend::{begin, Begun, Own};
use super::detach::note_and_finish;
use super::{Ending, Launch, LaunchError, TERM};
use crate::jail::JailNumber;
use crate::state::Record;

/// A jail that runs, and ends with this process.
pub struct Supervised(Begun);

impl Launch {
    /// Runs it as [`Launch::detach`] does, with the calling process in place of a supervisor of its own,
    /// and returns when the shell or command has been executed.
    ///
    /// The calling process must have one thread. While the jail runs it passes signals on to the first
    /// process, and has nothing to read.
    ///
    /// # Errors
    ///
    /// As [`Launch::run`].
    pub fn supervise(self) -> Result<Supervised, LaunchError> {
        let term = self.tty.then(|| OsString::from(TERM));
        let (mut plan, root) = self.prepare(term)?;
        plan.place.log().check().map_err(LaunchError::failed)?;
        plan.detached = true;
        plan.announce = false;
        let own = Own::as_now();
        let own = own.map_err(|error| LaunchError::about(&plan.path, error))?;
        begin(plan, root, &own, &mut None).map(Supervised)
    }
}

impl Supervised {
    /// The jail.
    pub fn number(&self) -> JailNumber {
        self.0.number()
    }

    /// What is noted about it.
    pub fn record(&self) -> &Record {
        self.0.record()
    }

    /// Waits until its first process has ended, and notes how; what is left of the jail ends then, unless
    /// it is to be kept, and with this process at the latest.
    ///
    /// # Errors
    ///
    /// Where it could not be waited for.
    pub fn wait(self) -> Result<Ending, LaunchError> {
        let watched = self.0.watch();
        let ending = watched.ending.clone();
        note_and_finish(watched);
        ending
    }
}
