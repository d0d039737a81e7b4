// SPDX-License-Identifier: MIT OR Apache-2.0

//! Launching something in a new jail.
//!
//! The calling process stays outside and waits; a child of it enters the jail, step by step,
//! and executes the shell or command.

mod child;
mod diagnose;
mod error;
mod exec;
mod report;
mod supervise;
mod terminal;

use std::ffi::{c_int, OsString};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::getpid;

pub use error::{LaunchError, EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
pub use supervise::Ending;

use crate::environment::{Environment, Variable};
use crate::jail::{get_jailnumber, JailNumber};
use crate::root::Root;
use crate::text::reason;
use crate::user::{User, UserSpec};
use crate::{privilege, sys};
use report::Report;
use supervise::{supervise, Signals};
use terminal::Terminal;

/// What to launch.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The directory that becomes the root.
    pub root: PathBuf,
    /// Who it runs as, looked up in the root.
    pub user: UserSpec,
    /// The shell, as seen in the jail, in place of the user's own.
    pub shell: Option<PathBuf>,
    /// Variables added to the environment.
    pub variables: Vec<Variable>,
    /// The command and its arguments; the shell where it is empty.
    pub command: Vec<OsString>,
    /// Says nothing but errors.
    pub quiet: bool,
}

/// A launch with everything looked up.
struct Plan {
    user: User,
    environment: Environment,
    argv: Vec<OsString>,
    announce: bool,
    keep_ignored: Vec<c_int>,
}

impl Launch {
    /// Runs it in a new jail and returns how its first process ended.
    ///
    /// The calling process must have one thread. While it waits it passes SIGINT, SIGTERM,
    /// SIGHUP and SIGQUIT on, and lends the jail its terminal; afterwards its signal mask is
    /// as it was, and the default action of SIGCHLD is set.
    ///
    /// # Errors
    ///
    /// Whatever kept the shell or command from being executed, in words for the user, with
    /// the exit status that tells its kind.
    pub fn run(self) -> Result<Ending, LaunchError> {
        privilege::require().map_err(LaunchError::failed)?;
        let root = Root::open(&self.root).map_err(|why| LaunchError::about(&self.root, why))?;
        let plan = self.plan(&root)?;
        let number = get_jailnumber().map_err(|error| LaunchError::failed(error.to_string()))?;
        if !self.quiet && terminal::can_type_into_terminal() {
            eprintln!(
                "jaula: warning: what runs in the jail can type into this terminal as if it were \
                 you; \"sysctl dev.tty.legacy_tiocsti=0\" prevents it"
            );
        }
        start(plan, root, number)
    }

    fn plan(&self, root: &Root) -> Result<Plan, LaunchError> {
        let about = |why| LaunchError::about(&self.root, why);
        let user = User::resolve(root, &self.user).map_err(about)?;
        let shell = match &self.shell {
            Some(shell) => shell.clone().into_os_string(),
            None => user.shell.clone(),
        };
        let term = std::env::var_os("TERM");
        let environment = Environment::new(&user, &shell, term, &self.variables);
        let argv = match self.command.is_empty() {
            true => vec![shell],
            false => self.command.clone(),
        };
        Ok(Plan {
            user,
            environment,
            argv,
            announce: !self.quiet,
            keep_ignored: Vec::new(),
        })
    }
}

fn start(mut plan: Plan, root: Root, number: JailNumber) -> Result<Ending, LaunchError> {
    let path = root.path().to_owned();
    let failed = |what: &'static str| {
        let path = path.as_path();
        move |errno: Errno| LaunchError::about(path, format!("{what}: {}", reason(errno)))
    };
    let (reporter, listener) =
        report::channel().map_err(|error| LaunchError::about(&path, format!("pipe: {error}")))?;
    let signals = Signals::block().map_err(failed("blocking signals"))?;
    plan.keep_ignored = signals.ignored().to_vec();
    let mut terminal = Terminal::of_caller();
    let parent = child::Parent {
        pid: getpid(),
        number,
        lends_terminal: terminal.is_some(),
    };

    let child = match sys::fork().map_err(failed("fork"))? {
        sys::Fork::Child => child::run(plan, root, parent, reporter),
        sys::Fork::Parent(child) => child,
    };
    // The other end must close with the child for the report to end.
    drop((reporter, root));
    if let Some(terminal) = &mut terminal {
        terminal.lent();
    }
    let report = listener.read();
    let ending = supervise(child, &signals, &mut terminal);
    end(&mut terminal, &ending);

    let report = report
        .map_err(|error| LaunchError::about(&path, format!("reading the report: {error}")))?;
    match report {
        Report {
            failure: Some(failure),
            ..
        } => Err(failure),
        Report { number: None, .. } => Err(LaunchError::about(
            &path,
            "the child ended before it could enter a jail",
        )),
        Report {
            number: Some(_),
            failure: None,
        } => ending.map_err(failed("waiting for its first process")),
    }
}

fn end(terminal: &mut Option<Terminal>, ending: &Result<Ending, Errno>) {
    let Some(terminal) = terminal else { return };
    // A terminal that hung up meanwhile cannot be taken back, and need not be.
    let _ = terminal.take_back();
    if matches!(ending, Ok(Ending::Killed(_))) {
        terminal.restore_modes();
    }
}
