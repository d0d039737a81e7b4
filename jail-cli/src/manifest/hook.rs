// SPDX-License-Identifier: MIT OR Apache-2.0

//! Commands that are run on the host before and after a jail starts and stops.

use std::fmt;
use std::path::Path;
use std::process::Command;

use super::command::{run, Outcome};
use super::Description;
use crate::caller::Caller;
use crate::environment::service_manager_variables;
use crate::jail::JailNumber;
use crate::jails::JailName;

/// When a command is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before the jail is started.
    BeforeStart,
    /// When something runs in it.
    AfterStart,
    /// Before it is asked to end.
    BeforeStop,
    /// When it has ended.
    AfterStop,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hook::BeforeStart => "before-start",
            Hook::AfterStart => "after-start",
            Hook::BeforeStop => "before-stop",
            Hook::AfterStop => "after-stop",
        })
    }
}

/// Whom a command is run for.
pub struct Occasion<'a> {
    pub directory: &'a Path,
    pub root: &'a Path,
    pub name: &'a JailName,
    pub number: Option<JailNumber>,
}

impl Occasion<'_> {
    /// Runs the command that `description` has for `hook`, if any, and waits for its end, as long as
    /// it may take.
    ///
    /// # Errors
    ///
    /// A text where it could not be run or did not end with status 0.
    pub fn run(&self, hook: Hook, description: &Description) -> Result<(), String> {
        let hooks = &description.hooks;
        let text = match hook {
            Hook::BeforeStart => &hooks.before_start,
            Hook::AfterStart => &hooks.after_start,
            Hook::BeforeStop => &hooks.before_stop,
            Hook::AfterStop => &hooks.after_stop,
        };
        let Some(text) = text else {
            return Ok(());
        };
        let mut command = Command::new("/bin/sh");
        Caller::get().hand_to(&mut command);
        // What is told by these is between jaula and who supervises it.
        for variable in service_manager_variables() {
            command.env_remove(variable);
        }
        command
            .args(["-c", text])
            .current_dir(self.directory)
            .env("JAULA_HOOK", hook.to_string())
            .env("JAULA_NAME", self.name.as_str())
            .env("JAULA_ROOT", self.root);
        match self.number {
            Some(number) => command.env("JAULA_NUMBER", number.to_string()),
            // Who calls jaula may be a hook about another jail.
            None => command.env_remove("JAULA_NUMBER"),
        };
        match run(&mut command, description.hook_timeout) {
            Ok(Outcome::Ended(status)) if status.success() => Ok(()),
            Ok(Outcome::Ended(status)) => {
                Err(format!("{hook}: the command ended with {status}: {text}"))
            }
            Ok(Outcome::TooLong) => Err(format!(
                "{hook}: the command was ended when it had not ended after {} s, its hook-timeout: \
                 {text}",
                description.hook_timeout.as_secs()
            )),
            Err(why) => Err(format!("{hook}: {why}")),
        }
    }
}
