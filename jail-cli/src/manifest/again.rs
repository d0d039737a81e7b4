// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is launched for a description, and how its supervisor does it once more.

use std::path::PathBuf;

use super::hook::{Hook, Occasion};
use super::{read, Description};
use crate::environment::Variable;
use crate::jail::JailNumber;
use crate::jails::JailName;
use crate::kept::Kept;
use crate::launch::{Again, Launch, NewJail, Place, Policy};
use crate::state::Restart;

/// A jail as it is described.
#[derive(Clone, Debug)]
pub struct Described<'a> {
    pub name: &'a JailName,
    pub description: &'a Description,
    /// The file that it is described in.
    pub file: Option<PathBuf>,
}

impl Described<'_> {
    /// What is launched for it, with what it was set to and is to keep.
    ///
    /// # Errors
    ///
    /// Where a file of variables, or what is kept, cannot be read.
    pub fn launch(&self) -> Result<Launch, String> {
        let Described {
            name, description, ..
        } = *self;
        let mut isolation = description.isolation();
        let mut limits = description.limits.settings.clone();
        Kept::of(name)?.apply(&mut limits, &mut isolation)?;
        isolation.check()?;
        let restart = match description.restart {
            Policy::No => None,
            policy => Some(Restart::new(policy, description.restart_delay)),
        };
        Ok(Launch {
            root: description.root_choice(),
            place: Place::New(NewJail {
                name: Some(name.clone()),
                settings: limits.into_iter().chain(isolation.allowance()).collect(),
                keep: description.keep,
                after_stop_due: description.hooks.after_stop.is_some(),
                log: description.log(),
                stop_signal: description.stop_signal,
                restart,
                continued: None,
                described: self.file.clone(),
                left_to_unit: description.unit,
            }),
            user: description.user.clone(),
            shell: description.shell.clone(),
            variables: self.variables()?,
            command: description.command.iter().map(Into::into).collect(),
            isolation,
            workdir: description.workdir.clone(),
            noted: None,
            tty: description.tty,
            quiet: true,
        })
    }

    /// Those of its files, and then those that count more.
    fn variables(&self) -> Result<Vec<Variable>, String> {
        let mut variables = Vec::new();
        for file in &self.description.env_file {
            let path = self.description.directory().join(file);
            let read = read::beside(&path).and_then(Variable::read);
            variables.extend(read.map_err(|why| read::about(&path, &why))?);
        }
        variables.extend(self.description.environment.iter().cloned());
        Ok(variables)
    }

    /// Runs one of its commands.
    ///
    /// # Errors
    ///
    /// As [`Occasion::run`].
    pub fn run(&self, hook: Hook, number: Option<JailNumber>) -> Result<(), String> {
        let root = self.description.root();
        let occasion = Occasion {
            directory: self.description.directory(),
            root: &root,
            name: self.name,
            number,
        };
        occasion.run(hook, self.description)
    }
}

impl Again for Described<'_> {
    fn launch(&self) -> Result<Launch, String> {
        Described::launch(self)
    }

    fn before(&self) -> Result<(), String> {
        self.run(Hook::BeforeStart, None)
    }

    fn started(&self, number: JailNumber) -> Result<(), String> {
        self.run(Hook::AfterStart, Some(number))
    }

    fn ended(&self, number: JailNumber) -> Result<(), String> {
        self.run(Hook::AfterStop, Some(number))
    }
}
