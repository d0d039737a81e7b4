// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula [run] ROOT [-- COMMAND]`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::Args;

use jaula::environment::Variable;
use jaula::isolation::Part;
use jaula::jails::JailName;
use jaula::launch::{log, Launch, NewJail, Place, RootChoice};
use jaula::signal::SignalNumber;
use jaula::user::UserSpec;

use super::around::Around;
use super::limits::Limits;
use super::process::Process;
use super::thrown_away::{Said, ThrownAway};
use super::{output, Failure};

/// What is launched, and how.
#[derive(Debug, Args)]
pub struct Run {
    /// Directory that becomes the root of the jail, or root file that says what it is made of
    ///
    /// With --template or --image there is none: what follows is the command.
    #[arg(value_name = "ROOT", required_unless_present = "built", value_hint = clap::ValueHint::AnyPath)]
    root: Option<PathBuf>,

    /// Command to execute in place of the shell, and its arguments
    ///
    /// A name without a slash is searched in PATH inside the jail.
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<OsString>,

    /// Print neither the number of the jail nor warnings
    #[arg(short, long)]
    quiet: bool,

    /// Name by which every command of jaula knows the jail
    ///
    /// 1 to 63 letters, digits, '_' and '-', not digits alone. No other jail beside it may have
    /// the name.
    #[arg(short, long, help_heading = "Jail")]
    name: Option<JailName>,

    /// Run in the background: print the number of the jail, and return
    ///
    /// A supervisor stays. The number is printed once the shell or COMMAND has been executed. What
    /// the jail prints is shown by "jaula logs"; its standard input is empty.
    #[arg(short, long, help_heading = "Jail")]
    detach: bool,

    /// With --detach: have a terminal, for "jaula console"
    ///
    /// What it shows is in "jaula logs" as well.
    #[arg(short, long, requires = "detach", help_heading = "Jail")]
    tty: bool,

    /// Keep the jail when its first process has ended
    ///
    /// It then stays, with or without processes, until "jaula stop" or "jaula rm".
    #[arg(short, long, help_heading = "Jail")]
    keep: bool,

    /// With --detach: where its output goes
    ///
    /// kept: "jaula logs" shows it. journald: into the host's journal, each line as an entry with the
    /// number and the name of the jail in its fields JAULA_JAIL and JAULA_NAME.
    #[arg(
        long,
        value_name = "kept|journald",
        default_value = "kept",
        requires = "detach",
        help_heading = "Jail"
    )]
    log: log::Destination,

    /// With --detach: how much of its output is kept at least
    ///
    /// At most it is twice as much, in memory, and a quarter of that for the times. K, M and G stand
    /// for powers of 1024, here and wherever BYTES are asked for.
    #[arg(long, value_name = "BYTES", default_value = "1M", requires = "detach", value_parser = log::size, help_heading = "Jail")]
    log_size: u64,

    /// Signal by which "jaula stop" asks the jail to end [default: TERM]
    ///
    /// A number, or a name such as HUP, SIGTERM or RTMIN+3.
    #[arg(long, value_name = "SIGNAL", help_heading = "Jail")]
    stop_signal: Option<SignalNumber>,

    /// Run as this user of the jail, and group [default: 1000:1000, or what --image says]
    ///
    /// Each is a name in ROOT/etc/passwd or ROOT/etc/group, or a number, which needs no entry there.
    /// Without GROUP, the group is that of the user's entry, and the user is also in the groups that
    /// name it as a member; a number without an entry is also its group.
    #[arg(short, long, value_name = "USER[:GROUP]", help_heading = "Command")]
    user: Option<UserSpec>,

    #[command(flatten)]
    thrown_away: ThrownAway,

    // The headings of the help come in the order in which options first have them.
    #[command(flatten)]
    around: Around,

    #[command(flatten)]
    inside: Inside,

    #[command(flatten)]
    limits: Limits,
}

/// What is found inside.
#[derive(Debug, Args)]
pub struct Inside {
    /// Shell, as seen in the jail [default: the user's, or /bin/sh]
    #[arg(short, long, value_name = "PATH", value_parser = absolute(), help_heading = "Command")]
    pub shell: Option<PathBuf>,

    /// Set a variable in the environment; repeatable
    ///
    /// Otherwise the environment has HOME, USER, USERNAME, LOGNAME, SHELL and PATH of the user, TERM
    /// as it is outside, and nothing else. In the background there is no TERM, or xterm with --tty.
    #[arg(short = 'e', long, value_name = "NAME=VALUE", value_parser = variable(), help_heading = "Command")]
    setenv: Vec<Variable>,

    /// Set variables from the lines of a file; repeatable
    ///
    /// A line is NAME=VALUE, or NAME for the caller's variable, where there is one. Lines that are
    /// empty or begin with "#" are passed over, and nothing is unquoted. --setenv takes precedence.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Command")]
    env_file: Vec<PathBuf>,

    #[command(flatten)]
    pub process: Process,

    /// Start in DIR, as seen in the jail [default: /]
    #[arg(short, long, value_name = "DIR", value_parser = absolute(), help_heading = "Command")]
    pub workdir: Option<PathBuf>,

    /// Leave out parts of what is put around the command
    ///
    /// mounts: a mount namespace of its own, in which ROOT is all there is; proc: a /proc that shows
    /// the jail alone, and dev: a small /dev, where ROOT has such directories; seccomp: a filter of
    /// system calls; no-new-privs; capabilities: that they are cut to what the jail may use; reset:
    /// that what a process has of its caller is reset, see --inherit; rlimits; umask; session: one of
    /// its own, where no standard descriptor is a terminal; pty: a terminal of its own, where one is.
    #[arg(
        long,
        value_name = "PART,...",
        value_delimiter = ',',
        help_heading = "Around the command"
    )]
    pub without: Vec<Part>,
}

impl Inside {
    /// The variables to be set, those that count more last.
    pub fn variables(&self) -> Result<Vec<Variable>, Failure> {
        let mut variables = Vec::new();
        for file in &self.env_file {
            variables.extend(Variable::read_all(file).map_err(Failure::failed)?);
        }
        variables.extend(self.setenv.iter().cloned());
        Ok(variables)
    }
}

impl Run {
    /// Runs it and returns the exit status of its first process; at once, where that is not
    /// waited for.
    pub fn run(mut self) -> Result<u8, Failure> {
        let stored = self.thrown_away.store(self.quiet)?;
        let root = match &stored {
            None => RootChoice::Path(self.root.take().unwrap_or_default()),
            Some(stored) => {
                // What follows is the command, as it is where there is a root.
                let first = self.root.take().map(PathBuf::into_os_string);
                self.command = first.into_iter().chain(self.command).collect();
                RootChoice::Made(stored.contents.clone())
            }
        };
        let config = stored.as_ref().and_then(|stored| stored.config.as_ref());
        let said = config.map(Said::of).transpose()?.unwrap_or_default();
        if !self.quiet {
            said.warn_of_volumes(self.around.mounts().iter());
        }
        let mut variables = said.variables;
        variables.extend(self.inside.variables()?);
        if self.command.is_empty() && self.inside.shell.is_none() {
            self.command = said.cmd;
        }
        if !self.command.is_empty() {
            self.command = said.entrypoint.into_iter().chain(self.command).collect();
        }
        let mut isolation = self.around.isolation(self.inside.without);
        self.inside.process.add_to(&mut isolation);
        let mut settings = self.limits.settings();
        isolation.controls = self.limits.controls().map_err(Failure::failed)?;
        settings.extend(isolation.allowance());
        let launch = Launch {
            root,
            place: Place::New(NewJail {
                name: self.name,
                settings,
                keep: self.keep,
                after_stop_due: false,
                log: log::Settings {
                    destination: self.log,
                    size: self.log_size,
                },
                stop_signal: self.stop_signal.or(said.stop_signal),
                ..NewJail::default()
            }),
            user: self.user.or(said.user).unwrap_or_default(),
            shell: self.inside.shell,
            variables,
            command: self.command,
            isolation,
            workdir: self.inside.workdir.or(said.workdir),
            noted: None,
            tty: self.tty,
            quiet: self.quiet,
        };
        if self.detach {
            output::print(&format!("{}\n", launch.detach()?))?;
            return Ok(0);
        }
        Ok(launch.run()?.status())
    }
}

fn variable() -> impl TypedValueParser<Value = Variable> {
    OsStringValueParser::new().try_map(|text| Variable::parse(&text))
}

fn absolute() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text| {
        let path = PathBuf::from(text);
        match path.is_absolute() && !contains_nul(path.as_os_str()) {
            true => Ok(path),
            false => Err("expected an absolute path, as seen in the jail"),
        }
    })
}

fn contains_nul(text: &OsStr) -> bool {
    text.as_encoded_bytes().contains(&0)
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
