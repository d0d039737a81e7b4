// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula ROOT [-- COMMAND]`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use jaula::environment::Variable;
use jaula::launch::Launch;
use jaula::user::UserSpec;

use super::Failure;

/// What is launched, and how.
#[derive(Debug, Args)]
pub struct Run {
    /// Directory that becomes the root of the jail
    #[arg(value_name = "ROOT", required = true)]
    root: Option<PathBuf>,

    /// Command to execute in place of the shell, and its arguments
    ///
    /// A name without a slash is searched in PATH inside the jail.
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<OsString>,

    /// Run as USER, which is looked up in ROOT/etc/passwd, or as user number UID
    ///
    /// GROUP is looked up in ROOT/etc/group. Without one, the group is the one of the entry in
    /// passwd, or has the number of the user where there is none. Numbers need no entry.
    #[arg(
        short,
        long,
        value_name = "USER|UID[:GROUP|GID]",
        default_value = "1000:1000"
    )]
    user: UserSpec,

    /// Shell as seen in the jail [default: the user's own in ROOT/etc/passwd, or /bin/sh]
    #[arg(short, long, value_name = "PATH", value_parser = absolute)]
    shell: Option<PathBuf>,

    /// Set a variable in the environment; can be given several times
    ///
    /// The environment has HOME, USER, USERNAME, LOGNAME, SHELL and PATH of the user, TERM as
    /// it is outside, and nothing else.
    #[arg(short = 'e', long, value_name = "NAME=VALUE")]
    setenv: Vec<Variable>,

    /// Do not print the number of the jail, nor warnings
    #[arg(short, long)]
    quiet: bool,
}

impl Run {
    /// Runs it and returns the exit status of its first process.
    pub fn run(self) -> Result<u8, Failure> {
        let launch = Launch {
            root: self.root.unwrap_or_default(),
            user: self.user,
            shell: self.shell,
            variables: self.setenv,
            command: self.command,
            quiet: self.quiet,
        };
        Ok(launch.run()?.status())
    }
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    match text.starts_with('/') {
        true => Ok(text.into()),
        false => Err("expected an absolute path, as seen in the jail".into()),
    }
}

#[cfg(test)]
impl Run {
    pub fn root(&self) -> &str {
        self.root
            .as_deref()
            .and_then(|root| root.to_str())
            .unwrap_or_default()
    }

    pub fn command(&self) -> &[OsString] {
        &self.command
    }
}
