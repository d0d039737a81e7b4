// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula exec`: one more process in a jail.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use jaula::admin::Admin;
use jaula::isolation::{Isolation, Part};
use jaula::jails::JailId;
use jaula::launch::{Launch, Place, RootChoice};
use jaula::privilege;
use jaula::user::UserSpec;

use super::run::Inside;
use super::Failure;

/// What is run, and in which jail.
#[derive(Debug, Args)]
pub struct Exec {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// Command to execute in place of a shell, and its arguments
    ///
    /// A name without a slash is searched in PATH inside the jail.
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<OsString>,

    /// Run as this user [default: the one the jail was started with]
    #[arg(short, long, value_name = "USER[:GROUP]", help_heading = "Command")]
    user: Option<UserSpec>,

    #[command(flatten)]
    inside: Inside,

    /// Root directory [default: the one the jail was started with]
    ///
    /// It must be given for a jail that jaula has not started or could not note.
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    root: Option<PathBuf>,

    /// Do not print warnings
    #[arg(short, long)]
    quiet: bool,
}

impl Exec {
    /// Runs it and returns the exit status of the command.
    pub fn run(self) -> Result<u8, Failure> {
        // What is noted about it can be read by root alone.
        privilege::require().map_err(Failure::failed)?;
        let jail = Admin::open()?.find(&self.jail)?;
        let root = match (self.root, &jail.record) {
            (Some(path), _) => RootChoice::Path(path),
            (None, Some(record)) => RootChoice::Noted(record.root.clone()),
            (None, None) => {
                return Err(Failure::failed(format!(
                    "{}: jaula has not started this jail and does not know its root directory; \
                     give it with --root",
                    self.jail
                )));
            }
        };
        let is_other = self.user.is_some();
        let user = match (self.user, &jail.record) {
            (Some(user), _) => user,
            (None, Some(record)) => record.user.parse().map_err(Failure::failed)?,
            (None, None) => UserSpec::default(),
        };
        let mut isolation = match &jail.record {
            Some(record) => record.isolation.clone(),
            None => Isolation::foreign(),
        };
        let variables = self.inside.variables()?;
        // Whether it gets a terminal of its own is its own affair.
        let of_terminals = [Part::Pty, Part::Session];
        isolation
            .without
            .retain(|part| !of_terminals.contains(part));
        isolation.without.extend(self.inside.without);
        if is_other {
            // What the user of the jail was given is not every user's.
            isolation.credentials.ambient.clear();
            isolation.credentials.group_add.clear();
        }
        self.inside.process.add_to(&mut isolation);
        let workdir = self.inside.workdir;
        let noted = jail.record.as_ref();
        let launch = Launch {
            root,
            place: Place::existing(&jail.info),
            user,
            shell: self.inside.shell,
            variables,
            command: self.command,
            isolation,
            workdir: workdir.or_else(|| noted?.workdir.clone()),
            noted: jail.record.map(Box::new),
            tty: false,
            quiet: self.quiet,
        };
        Ok(launch.run()?.status())
    }
}
