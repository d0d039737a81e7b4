// SPDX-License-Identifier: MIT OR Apache-2.0

//! The child of a launch: from the host into the jail, in the order that is promised.

use std::convert::Infallible;
use std::io::{stderr, stdin, stdout, Write};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{open, openat2, OFlag, OpenHow, ResolveFlag, AT_FDCWD};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{umask, Mode, SFlag};
use nix::unistd::{chdir, chroot, fchdir, setsid, Uid};

use super::control::MonitorEnd;
use super::door::Door;
use super::exec::Command;
use super::gate::{Closed, Opened};
use super::limits::Limits;
use super::monitor::{self, Lead};
use super::pty::{self, Pty};
use super::report::Reporter;
use super::start::OwnTerminal;
use super::waiting::Waiting;
use super::world::{self, UserNamespace, World};
use super::{inherited, seccomp, terminal, LaunchError, Plan};
use crate::caller::Caller;
use crate::isolation::Part;
use crate::jail::JailNumber;
use crate::network::Attached;
use crate::resources::Entrance;
use crate::root::{Identity, Root};
use crate::stat::{fstat, stat};
use crate::sys;
use crate::text::{reason, shown};
use crate::user::User;

/// What the child must know of the process it was forked from.
pub struct Parent {
    /// By what the jail is entered.
    pub door: Door,
    /// By what its control group is, where it has one.
    pub entrance: Option<Entrance>,
    /// What users there are in the jail, where they are its own.
    pub user_namespace: Option<UserNamespace>,
    /// Whether it lends the child its terminal.
    pub lends_terminal: bool,
    /// Whether the child gets a session of its own.
    pub apart: bool,
    /// Whether a monitor stays between the two.
    pub monitored: bool,
    /// Its network, where that was made outside.
    pub network: Option<Attached>,
    /// What the launcher is told who the command is by.
    pub control: Option<MonitorEnd>,
    /// The terminal that the jail gets.
    pub terminal: Option<OwnTerminal>,
}

/// Becomes what `plan` says; never returns.
pub fn run(
    plan: Plan,
    (root, world): (Root, World),
    parent: Parent,
    gate: Closed,
    mut reporter: Reporter,
) -> ! {
    let path = root.path().to_owned();
    let failure = match enter(&plan, (root, world), parent, gate, &mut reporter) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    let status = failure.status();
    if reporter.failure(&failure).is_err() {
        // The parent is gone or deaf: say it where it can still be seen.
        crate::complain!("jaula: {}: {failure}", shown(&path));
    }
    sys::exit_now(status)
}

fn enter(
    plan: &Plan,
    (mut root, world): (Root, World),
    parent: Parent,
    gate: Closed,
    reporter: &mut Reporter,
) -> Result<Infallible, LaunchError> {
    // Until it executes something it holds what is the host's, and in a jail that runs as root it
    // has no more capabilities than the others there: by these alone they could trace it.
    let guarded = prctl::set_dumpable(false);
    let (path, identity) = (root.path().to_owned(), root.identity());
    let at = |step: &'static str| {
        let path = path.as_path();
        move |why: String| LaunchError::about(path, format!("{step}: {why}"))
    };

    guarded
        .map_err(reason)
        .map_err(at("guarding it against being traced"))?;
    if parent.lends_terminal {
        terminal::take_foreground()
            .map_err(reason)
            .map_err(at("taking the terminal"))?;
    }
    if parent.apart {
        let session = setsid().map(drop).map_err(reason);
        session.map_err(at("making a session"))?;
    }
    refuse_directories().map_err(at("checking standard input, output and error"))?;
    let isolation = &plan.isolation;
    inherited::reset(isolation).map_err(at("resetting what it inherits"))?;
    let limits = Limits::prepare(isolation).map_err(at("setting limits"))?;
    if isolation.has(Part::Dev) {
        let owner = on_host(&plan.user, parent.user_namespace.as_ref());
        let given = owner.and_then(world::pipes::give_to);
        given.map_err(at(
            "giving its standard input, output and error to its user",
        ))?;
    }
    let inodes = world
        .enter(
            isolation,
            &mut root,
            parent.user_namespace.as_ref(),
            parent.network.as_ref(),
        )
        .map_err(at("making its world"))?;
    let own = parent.terminal.as_ref();
    let users = parent.user_namespace.as_ref();
    let pty = own.map(|own| {
        let of_process = isolation.has(Part::Mounts).then(own_root).transpose()?;
        let place = of_process.as_ref().map_or(root.directory(), AsFd::as_fd);
        own_terminal(own, &plan.user, users, place)
    });
    let pty = pty.transpose().map_err(at("making its terminal"))?;
    if let Some(control) = parent.control {
        let master = pty.as_ref().map(|pty| &pty.master);
        let lead = pty.as_ref().zip(own).map(|(pty, own)| Lead {
            slave: &pty.slave,
            foreground: own.foreground,
        });
        if parent.monitored {
            monitor::begin(&control, lead).map_err(at("starting its monitor"))?;
        }
        let told = control.hello(master.map(AsFd::as_fd));
        told.map_err(|error| at("telling who it is")(error.to_string()))?;
    }
    drop(pty);
    if let Some(entrance) = parent.entrance {
        // From here on, all that it does counts; whoever looks after it is outside.
        let entered = entrance.enter().map_err(|error| error.to_string());
        entered.map_err(at("entering its control group"))?;
    }

    let step = match plan.place.is_new() {
        true => "entering a new jail",
        false => "entering its jail",
    };
    parent.door.enter().map_err(at(step))?;
    let number = parent.door.number;
    drop(parent.door);
    if !isolation.has(Part::Mounts) {
        change_root(&root).map_err(at("entering the root"))?;
    }
    let mut kept = vec![reporter.descriptor(), gate.descriptor()];
    kept.extend(users.map(AsFd::as_fd));
    kept.extend(plan.waiting.as_ref().map(Waiting::descriptor));
    close_all_but(&kept, root).map_err(at("close_range"))?;
    verify_root(identity).map_err(at("verifying the root"))?;

    umask(Mode::from_bits_truncate(match isolation.has(Part::Umask) {
        true => isolation.umask,
        false => Caller::get().umask(),
    }));
    if let Some(users) = users {
        // What only the host's root may do is done.
        users.join().map_err(at("joining its user namespace"))?;
    }
    if isolation.has(Part::Seccomp) {
        // Nothing that comes is refused by it, and later it would take no_new_privs.
        seccomp::install(&plan.permissions).map_err(at("filtering system calls"))?;
    }
    plan.become_user().map_err(at("becoming its user"))?;
    if plan.waiting.is_none() {
        die_with(reporter).map_err(at("tying it to its launcher"))?;
    }
    if let Some(workdir) = &plan.workdir {
        // As the user, who may not be let in there.
        change_directory(workdir)
            .map_err(|errno| format!("{}: {}", shown(workdir), reason(errno)))
            .map_err(at("changing to the working directory"))?;
    }
    let command = Command::new(&plan.argv, &plan.environment)?;
    if plan.waiting.is_some() {
        // Later nobody may be there to be told.
        command.look_up()?;
    }
    if let Some(inodes) = inodes {
        let told = reporter.world(inodes);
        told.map_err(|error| at("reporting its namespaces")(error.to_string()))?;
    }
    reporter
        .number(number)
        .map_err(|error| at("reporting its number")(error.to_string()))?;
    let opened = gate.wait().map_err(|error| error.to_string());
    match opened.map_err(at("waiting for its launcher"))? {
        Opened::Now => {}
        Opened::Elsewhere => {
            wait_to_be_started(plan, number, reporter).map_err(at("waiting to be started"))?
        }
        Opened::Never => return Err(at("waiting for its launcher")("it has given up".into())),
    }
    if plan.announce && plan.place.is_new() {
        // That nobody reads standard error is no reason not to run.
        let _ = writeln!(stderr(), "jaula: jail {number} at {}", shown(&path));
    }
    inherited::reset_signals(isolation).map_err(at("resetting signals"))?;
    // From here on they are the command's.
    limits.set().map_err(at("setting limits"))?;
    Err(command.execute())
}

/// What the number of its user is on the host.
fn on_host(user: &User, users: Option<&UserNamespace>) -> Result<u32, String> {
    match users {
        None => Ok(user.uid),
        Some(users) => users.on_host(user.uid),
    }
}

/// The root directory of the calling process.
fn own_root() -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open("/", flags, Mode::empty()).map_err(reason)
}

/// Makes a terminal of the jail's own that of the calling process. Where the jail has no place for
/// one below `root`, it has no name: the host's users are to find it no more than the jail itself.
fn own_terminal(
    own: &OwnTerminal,
    user: &User,
    users: Option<&UserNamespace>,
    root: BorrowedFd<'_>,
) -> Result<Pty, String> {
    let terminals = match pty::terminals(root) {
        Some(terminals) => terminals,
        None => world::terminals(None, users).map_err(|why| Part::Pty.missing(why))?,
    };
    let owner = on_host(user, users)?;
    let pty = Pty::open(&terminals, Uid::from_raw(owner))?;
    pty::adopt(pty.slave.as_fd(), own.which).map_err(reason)?;
    Ok(pty)
}

/// Closes all that is open of the host's.
fn close_all_but(kept: &[BorrowedFd<'_>], root: Root) -> Result<(), String> {
    // By its number, with the others.
    let _ = root.into_directory().into_raw_fd();
    sys::close_all_except(kept).map_err(reason)
}

/// Waits for another process than the launcher; it is told from then on.
fn wait_to_be_started(
    plan: &Plan,
    number: JailNumber,
    reporter: &mut Reporter,
) -> Result<(), String> {
    let waiting = plan.waiting.as_ref().ok_or("nowhere")?;
    *reporter = waiting.wait(number)?;
    let told = reporter.number(number);
    told.map_err(|error| format!("saying that it goes on: {error}"))
}

/// A directory open as a standard descriptor would be a way out of the root, by fchdir(2).
fn refuse_directories() -> Result<(), String> {
    for stat in [fstat(stdin()), fstat(stdout()), fstat(stderr())] {
        let kind = SFlag::from_bits_truncate(stat.map_err(reason)?.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFDIR {
            return Err("one of them is a directory, which would be a way out of the jail".into());
        }
    }
    Ok(())
}

/// The root alone, in the mounts of the caller.
fn change_root(root: &Root) -> Result<(), String> {
    let step = |step: &'static str| move |errno| format!("{step}: {}", reason(errno));
    fchdir(root.directory()).map_err(step("chdir"))?;
    chroot(".").map_err(step("chroot"))?;
    chdir("/").map_err(step("chdir to its /"))
}

/// Changes to a directory below the root, which is the working directory.
///
/// Links that lead elsewhere than by a path are not followed: those in /proc lead to the roots and
/// descriptors of others, a launcher's among them, and this process may follow them until it executes.
fn change_directory(path: &Path) -> Result<(), Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);

    fchdir(openat2(AT_FDCWD, path, how)?)
}

fn verify_root(expected: Identity) -> Result<(), String> {
    for path in ["/", "."] {
        if Identity::from(stat(path).map_err(reason)?) != expected {
            return Err(format!(
                "{path} inside is another directory than the one asked for"
            ));
        }
    }
    Ok(())
}

/// Has the kernel kill this process when the launcher ends, however it ends.
///
/// Only now: a change of user clears it (prctl(2), PR_SET_PDEATHSIG).
fn die_with(reporter: &Reporter) -> Result<(), String> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(reason)?;
    // What a process has open is closed before its children are told of its end. Its number is
    // not seen from within a namespace of process ids.
    match reporter.is_deaf() {
        false => Ok(()),
        true => Err("the launcher has ended".into()),
    }
}
