// SPDX-License-Identifier: MIT OR Apache-2.0

//! Launching something in a jail, a new one or one that exists.
//!
//! The calling process stays outside and waits; a child of it enters the jail, step by step,
//! and executes the shell or command. [`Launch::detach`] has a supervisor wait in its place.
//!
//! A launch has two halves. The first makes everything and leaves a child that waits right before
//! its execve ([`Created`]); the second lets it go on. [`Launch::create`] is the first alone.

mod addresses;
mod again;
mod attend;
mod child;
mod control;
mod credentials;
mod detach;
mod diagnose;
mod door;
mod ending;
mod error;
mod exec;
mod executed;
mod exposure;
mod gate;
mod ids;
mod inherited;
mod limits;
pub mod log;
mod monitor;
pub(crate) mod outer;
mod place;
mod pty;
mod relay;
mod report;
mod roots;
mod seccomp;
pub(crate) mod signals;
mod start;
mod supervise;
mod supervised;
mod terminal;
mod waiting;
mod world;

use std::ffi::OsString;
use std::path::PathBuf;

use caps::CapsHashSet;

pub use crate::state::Policy;
pub use again::{Again, Starting};
pub use ending::Ending;
pub use error::{LaunchError, EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
pub use place::{Existing, NewJail, Place, RootChoice, TASKS};
pub(crate) use roots::{root_in_jail, root_in_jail_alone};
pub use start::Created;
pub use supervised::Supervised;
pub use waiting::{is_waiting, let_go, Waiting};
pub use world::{knows_hidepid, Inodes};

use crate::environment::{Environment, Variable};
use crate::host_address;
use crate::isolation::{Isolation, Part, Permission, Permissions};
use crate::jail::{get_jailnumber, JailNumber};
use crate::privilege;
use crate::resources::{self, Group};
use crate::root::Root;
use crate::state::Record;
use crate::user::{User, UserSpec};
use roots::{From, Opened};
use start::{create, start};
use world::NotedWorld;

/// What a terminal is taken for that is attached to later, from whichever one: nearly all of them
/// do what that one does.
const TERM: &str = "xterm";

/// What to launch.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The directory that becomes the root.
    pub root: RootChoice,
    /// In which jail.
    pub place: Place,
    /// Who it runs as, looked up in the root.
    pub user: UserSpec,
    /// The shell, as seen in the jail, in place of the user's own.
    pub shell: Option<PathBuf>,
    /// Variables added to the environment.
    pub variables: Vec<Variable>,
    /// The command and its arguments; the shell where it is empty.
    pub command: Vec<OsString>,
    /// What is put around it.
    pub isolation: Isolation,
    /// Where it starts, as seen in the jail; at the root where nothing is said.
    pub workdir: Option<PathBuf>,
    /// What is noted about a jail that exists: its namespaces are joined where a process of it is
    /// left in them and the root is the same, and made once more where not.
    pub noted: Option<Box<Record>>,
    /// Whether a detached one gets a terminal.
    pub tty: bool,
    /// Says nothing but errors.
    pub quiet: bool,
}

/// A launch with everything looked up.
struct Plan {
    place: Place,
    path: PathBuf,
    user: User,
    user_text: String,
    environment: Environment,
    argv: Vec<OsString>,
    isolation: Isolation,
    permissions: Permissions,
    workdir: Option<PathBuf>,
    root_from: From,
    noted: Option<NotedWorld>,
    user_namespace: Option<u64>,
    announce: bool,
    tty: bool,
    detached: bool,
    waiting: Option<Waiting>,
    /// The control group of a jail that exists.
    group: Option<Group>,
}

impl Launch {
    /// Runs it and returns how its first process ended. A new jail has ended then as well,
    /// with all that was left in it, unless it is to be kept; where it could not be ended, that is
    /// said on standard error.
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
        let (plan, root) = self.prepare(std::env::var_os("TERM"))?;
        let types = !plan.isolation.has(Part::Seccomp);
        if plan.announce && types && terminal::can_type_into_terminal() {
            crate::complain!(
                "jaula: warning: what runs in the jail can type into this terminal as if it were \
                 you; \"sysctl dev.tty.legacy_tiocsti=0\" prevents it"
            );
        }
        let running = start(plan, root)?;
        let record = running.record.clone();
        let waited = running.wait();
        let tidied = waited.jail.and_then(|()| match (&record, &waited.ending) {
            (Some(record), _) if !record.keep => place::forget(record).map_err(LaunchError::failed),
            (Some(record), Ok(ending)) => {
                place::note_end(record, *ending).map_err(LaunchError::failed)
            }
            _ => Ok(()),
        });
        if let Err(error) = tidied {
            // How the command ended is told by the exit status all the same.
            crate::complain!("jaula: {error}");
        }
        waited.ending
    }

    /// Runs it with a supervisor in place of the caller, and returns the jail when the shell or
    /// command has been executed.
    ///
    /// The supervisor writes what the jail prints to its log ([`log`]), notes how its first
    /// process ended, and then ends what is left of the jail, unless it is to be kept. The
    /// calling process must have one thread.
    ///
    /// # Errors
    ///
    /// As [`Launch::run`].
    pub fn detach(self) -> Result<JailNumber, LaunchError> {
        let (plan, root) = self.prepare_detached()?;
        detach::detach(plan, root)
    }

    /// The same, with a supervisor that makes the jail anew when it has ended, as its [`NewJail`] says;
    /// `again` is how. That waits until [`Starting`] is dropped.
    ///
    /// # Errors
    ///
    /// As [`Launch::run`], about the first one; and where there could be no second.
    pub fn detach_again(self, again: &dyn Again) -> Result<(JailNumber, Starting), LaunchError> {
        self.root
            .check_can_be_made_anew()
            .map_err(|why| LaunchError::about(self.root.path(), why))?;
        let (plan, root) = self.prepare_detached()?;
        detach::detach_again(plan, root, again)
    }

    fn prepare_detached(self) -> Result<(Plan, Root), LaunchError> {
        // The caller's terminal is not the one that it gets.
        let term = self.tty.then(|| OsString::from(TERM));
        let (mut plan, root) = self.prepare(term)?;
        plan.place.log().check().map_err(LaunchError::failed)?;
        plan.detached = true;
        plan.announce = false;
        Ok((plan, root))
    }

    /// Makes everything and returns when the command is about to be executed, in a new jail. It
    /// waits then at `waiting` where it is [handed over](Created::hand_over), and has `variables`
    /// for an environment and nothing else.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// As [`Launch::run`].
    pub fn create(self, waiting: Waiting, variables: &[Variable]) -> Result<Created, LaunchError> {
        let (mut plan, root) = self.prepare(None)?;
        plan.environment = Environment::of(variables);
        plan.waiting = Some(waiting);
        // Nobody stays to relay a terminal.
        plan.detached = true;
        plan.announce = false;
        create(plan, root)
    }

    fn prepare(self, term: Option<OsString>) -> Result<(Plan, Root), LaunchError> {
        privilege::require().map_err(LaunchError::failed)?;
        // Whether there are jails at all is said without the rest.
        get_jailnumber().map_err(|error| LaunchError::failed(error.to_string()))?;
        self.isolation.check().map_err(LaunchError::failed)?;
        let group = self.group().map_err(LaunchError::failed)?;
        let path = self.root.path().to_owned();
        let about = |why| LaunchError::about(&path, why);
        let Opened { root, from } = self.open_root().map_err(about)?;
        let credentials = &self.isolation.credentials;
        let user = User::resolve(&root, &self.user, &credentials.group_add).map_err(about)?;
        if !self.quiet && self.place.is_new() {
            exposure::warn(&root, &self.isolation);
        }
        let shell = match &self.shell {
            Some(shell) => shell.clone().into_os_string(),
            None => user.shell.clone(),
        };
        let environment = Environment::new(&user, &shell, term, &self.variables);
        let argv = match self.command.is_empty() {
            true => vec![shell],
            false => self.command,
        };
        let permissions = match &self.place {
            Place::New(_) => self.isolation.permissions(),
            Place::Existing(existing) => existing.permissions.clone(),
        };
        check_ambient(&credentials.ambient(), &permissions, &user).map_err(about)?;
        let noted = self.noted.as_ref().map(|noted| NotedWorld {
            has_this_root: from.is_jails() || noted.root.is(&root),
            has_mounts: noted.isolation.has(Part::Mounts),
        });
        // By an absolute path, which may have to be followed among other mounts.
        let root = match &self.noted {
            Some(noted) if noted.root.is(&root) => root.at(noted.root.path.clone()),
            _ => root,
        };
        let plan = Plan {
            place: self.place,
            path,
            user,
            user_text: self.user.to_string(),
            environment,
            argv,
            isolation: self.isolation,
            permissions,
            workdir: self.workdir,
            root_from: from,
            noted,
            user_namespace: None,
            announce: !self.quiet,
            tty: self.tty,
            detached: false,
            waiting: None,
            group,
        };
        Ok((plan, root))
    }
}

impl Launch {
    /// The control group that a jail that exists has. Of a new one it is looked whether it can have one.
    fn group(&self) -> Result<Option<Group>, String> {
        let controls = &self.isolation.controls;
        let ip = &self.isolation.ip;
        match &self.place {
            Place::New(_) if controls.is_empty() && ip.is_empty() => Ok(None),
            Place::New(_) => {
                resources::check(controls)?;
                host_address::check(ip).map(|()| None)
            }
            Place::Existing(existing) => {
                let group = Group::of_jail(existing.number)?;
                if group.is_none() && !ip.is_empty() {
                    // Without it, it would have all of the host's.
                    return Err(format!(
                        "jail {} has an address of its own by a control group, which is gone",
                        existing.number
                    ));
                }
                match group.as_ref().is_some_and(Group::is_freezing) {
                    true => Err(format!(
                        "jail {} is paused, and nothing runs in it until \"jaula resume\"",
                        existing.number
                    )),
                    false => Ok(group),
                }
            }
        }
    }
}

/// Nobody has more in a jail than the jail may do.
fn check_ambient(
    ambient: &CapsHashSet,
    permissions: &Permissions,
    user: &User,
) -> Result<(), String> {
    if let Some(missing) = ambient.difference(&permissions.capabilities()).next() {
        let missing = Permission::Capability(*missing);
        return Err(format!(
            "the jail may not do what an ambient {missing} is for; \"--allow {missing}\" permits it"
        ));
    }
    match user.uid {
        0 if !ambient.is_empty() => {
            Err("ambient capabilities are for users that are not root, who has them all".into())
        }
        _ => Ok(()),
    }
}
