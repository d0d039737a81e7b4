// SPDX-License-Identifier: MIT OR Apache-2.0

//! From the fork to the moment at which something runs in the jail.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::signal::{kill, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{getpid, Pid};

use super::addresses::Given;
use super::control::{self, Hello, LauncherEnd, Request};
use super::door::{Door, Owner};
use super::ending::{is_seen_stopped, is_stopped, Ending};
use super::gate::{self, Gate};
use super::place::{end_jail, forget, leave_to_stop, Admission, Admitted, Place};
use super::pty::Which;
use super::relay::Relay;
use super::report::{self, Listener};
use super::signals::Signals;
use super::supervise::{supervise, supervise_monitor};
use super::terminal::{self, Terminal};
use super::world::{Inodes, UserNamespace, World};
use super::{child, executed, From, LaunchError, Plan};
use crate::isolation::{Init, Part};
use crate::jail::JailNumber;
use crate::jails::{self, JailInfo};
use crate::network::{self, Attached, Wanted};
use crate::process::ProcessId;
use crate::resources::Group;
use crate::root::Root;
use crate::state::{Entry, Record, RootDirectory, Store};
use crate::sys;
use crate::text::{reason, shown};

/// Something that runs in a jail, and the process that started it.
pub(super) struct Running {
    path: PathBuf,
    child: Pid,
    /// What is executed: the child itself, or what that looks after.
    command: Pid,
    detached: bool,
    signals: Signals,
    terminal: Option<Terminal>,
    /// Whether the child has a session of its own.
    apart: bool,
    /// What looks after the command, where that is not the child itself.
    control: Option<LauncherEnd>,
    /// Between the caller's terminal and that of the jail's own.
    relay: Option<Relay>,
    /// The terminal of the jail's own, where the caller has none.
    master: Option<OwnedFd>,
    place: Place,
    /// The jail.
    pub number: JailNumber,
    /// What is noted about it, where it is new.
    pub record: Option<Record>,
    /// What ends the jail with this process, where it is new and not kept.
    owner: Option<Owner>,
    /// What is held of its root as long as that is used.
    root_locks: Vec<OwnedFd>,
    /// The control group of a new jail, where it has one.
    group: Option<Group>,
    /// The host's addresses that a new jail has.
    given: Given,
    /// The jail, where this has connected it to a network.
    connected: Option<network::For>,
}

const WAITING_FOR_CHILD: &str = "waiting for the child that enters the jail";
const TOO_EARLY: &str = "the child ended before it could enter a jail";

/// The world that a child is to enter, and the jail that a new one is to be noted about, locked.
type WorldOf = (World, Option<Entry>);

/// What a wait has come to.
pub(super) struct Waited {
    /// How the process ended that was started.
    pub ending: Result<Ending, LaunchError>,
    /// Whether what was left of the jail has ended.
    pub jail: Result<(), LaunchError>,
    /// Whether somebody wanted this process to end, and so what it waited for.
    pub was_told_to_end: bool,
}

/// What waits in its jail, right before it is executed.
///
/// Dropping it ends that, and a new jail, of which the owner is here.
pub struct Created {
    running: Running,
    listener: Listener,
    gate: Gate,
}

/// Starts what `plan` says and returns when it is executed.
///
/// # Errors
///
/// Whatever was in the way; nothing is left then of a new jail.
pub(super) fn start(plan: Plan, root: Root) -> Result<Running, LaunchError> {
    create(plan, root)?.start()
}

/// Makes all that `plan` says and returns when nothing is left to be done but to execute it.
///
/// # Errors
///
/// As [`start`].
pub(super) fn create(mut plan: Plan, root: Root) -> Result<Created, LaunchError> {
    let path = root.path().to_owned();
    let failed = |what: &'static str| {
        let path = path.as_path();
        move |errno: Errno| LaunchError::about(path, format!("{what}: {}", reason(errno)))
    };
    let pipe = |error| LaunchError::about(&path, format!("pipe: {error}"));
    let (reporter, listener) = report::channel().map_err(pipe)?;
    let (gate, closed) = gate::new().map_err(pipe)?;
    let mut terminal = Terminal::of_caller();
    let own = plan.own_terminal(terminal.is_some());
    let relayed = own.as_ref().filter(|_| !plan.detached);
    let signals = Signals::block(relayed.is_some()).map_err(failed("blocking signals"))?;
    let is_separate = plan.isolation.has(Part::Session) && !terminal::is_used();
    let apart = is_separate || own.is_some() || plan.waiting.is_some();
    if own.is_some() || plan.waiting.is_some() {
        terminal = None;
    }
    let (world, entry) = plan.world()?;
    let user_namespace = plan.user_namespace()?;
    let mut root = plan
        .ready(root, user_namespace.as_ref())
        .map_err(|why| LaunchError::about(&path, why))?;
    let noted_root = plan.noted_root(&root)?;
    let is_first = world.has_first_process(&plan.isolation);
    let monitored = match plan.isolation.new.init {
        Init::Jaula => is_first || own.is_some(),
        Init::None => own.is_some() && !is_first,
    };
    let (control, command) = match monitored || own.is_some() {
        true => {
            let (launcher, monitor) = control::channel()
                .map_err(|error| LaunchError::about(&path, format!("sockets: {error}")))?;
            (Some(launcher), Some(monitor))
        }
        false => (None, None),
    };
    let wanted = plan.wanted_network(&world);
    if let Some(wanted) = &wanted {
        wanted
            .check()
            .map_err(|why| LaunchError::about(&path, why))?;
    }
    let (door, owner) = Door::open(&plan.place).map_err(|why| LaunchError::about(&path, why))?;
    let (network, connected) = match &wanted {
        Some(wanted) => {
            let network = plan.network(wanted, &door, user_namespace.as_ref());
            let (network, is_new) = network.map_err(|why| LaunchError::about(&path, why))?;
            (
                Some(network),
                (is_new && wanted.is_connected()).then_some(network::For {
                    number: door.number,
                    created: door.created,
                }),
            )
        }
        None => (None, None),
    };
    let unconnected = |why: String| {
        disconnect(connected);
        LaunchError::about(&path, why)
    };
    let group = plan.group(door.number).map_err(unconnected)?;
    let given = plan.give_addresses(&door, group.as_ref()).map_err(|why| {
        remove_group(group.as_ref().filter(|_| plan.place.is_new()));
        unconnected(why)
    })?;
    let entrance = group.as_ref().map(Group::entrance).transpose();
    let group = group.filter(|_| plan.place.is_new());
    let not_begun = |why| {
        remove_group(group.as_ref());
        given.take_back();
        unconnected(why)
    };
    let parent = child::Parent {
        door,
        entrance: entrance.map_err(not_begun)?,
        user_namespace,
        lends_terminal: terminal.is_some(),
        apart,
        monitored,
        network,
        control: command,
        terminal: own.clone(),
    };

    let forked = fork_into(&world, &plan).map_err(not_begun)?;
    let child = match forked {
        sys::Fork::Child => {
            // Held by the child too, it could never be seen to be closed for good.
            drop(gate);
            // Whoever is in the jail must not own it.
            drop(owner);
            drop(control);
            child::run(plan, (root, world), parent, closed, reporter)
        }
        sys::Fork::Parent(child) => child,
    };
    let root_locks = root.take_locks();
    // The other ends must close with the child for the report to end.
    drop((
        reporter,
        closed,
        root,
        world,
        parent.control,
        parent.entrance,
        parent.network,
    ));
    let number = parent.door.number;
    if let Some(terminal) = &mut terminal {
        terminal.lent();
    }
    let mut running = Running {
        path,
        child,
        command: child,
        detached: plan.detached,
        signals,
        terminal,
        apart,
        control,
        relay: None,
        master: None,
        place: plan.place.clone(),
        number,
        record: None,
        owner,
        root_locks,
        group,
        given,
        connected,
    };
    match running.admit(&plan, noted_root, own.as_ref(), listener, entry) {
        Ok(listener) => {
            running.control = running.control.filter(|_| monitored);
            Ok(Created {
                running,
                listener,
                gate,
            })
        }
        Err(error) => Err(running.give_up(error)),
    }
}

impl Created {
    /// Lets it go on, and returns when it is executed.
    ///
    /// # Errors
    ///
    /// As [`start`].
    pub(super) fn start(self) -> Result<Running, LaunchError> {
        let mut running = self.running;
        match running.let_go(self.listener, self.gate) {
            Ok(()) => Ok(running),
            Err(error) => Err(running.give_up(error)),
        }
    }

    /// Gives it up to whoever adopts orphans, for another process to let it go on: it waits where
    /// it was told to. Until the end of this call it goes with the calling process, whatever
    /// becomes of that.
    ///
    /// # Errors
    ///
    /// Whatever was in the way; nothing is left then.
    pub fn hand_over(self) -> Result<(), LaunchError> {
        let mut running = self.running;
        let disowned = running.owner.take().map_or(Ok(()), Owner::disown);
        // It ends where it hears nothing.
        let left = disowned.and_then(|()| self.gate.leave().map_err(|error| error.to_string()));
        left.map_err(|why| {
            let why = format!("leaving it to another process: {why}");
            let error = LaunchError::about(&running.path, why);
            running.give_up(error)
        })
    }

    /// Ends it, and forgets it.
    pub fn abandon(self) {
        let mut running = self.running;
        running.end_child();
        running.abandon();
    }

    /// The process that waits.
    pub fn process(&self) -> Result<ProcessId, LaunchError> {
        ProcessId::of(self.running.child.as_raw()).map_err(LaunchError::failed)
    }

    /// What is noted about its jail.
    pub fn record(&self) -> Option<&Record> {
        self.running.record.as_ref()
    }

    /// The master side of its terminal, where it has one.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.running.master.as_ref().map(AsFd::as_fd)
    }
}

/// Forks; the child is in the namespace of process ids that the jail has of its own, where it has
/// one, and the caller stays in the one it is in.
fn fork_into(world: &World, plan: &Plan) -> Result<sys::Fork, String> {
    let fork = || sys::fork().map_err(|errno| format!("fork: {}", reason(errno)));
    let new = world.has_first_process(&plan.isolation);
    if !new && !world.leads_children() {
        return fork();
    }
    let own = sys::own_pidfd().map_err(|errno| format!("pidfd: {}", reason(errno)))?;
    match world {
        World::Joined(joined) => joined.lead_children()?,
        World::New => unshare(CloneFlags::CLONE_NEWPID).map_err(|errno| {
            let why = reason(errno);
            format!(
                "making a new pid namespace: {why}; leave out --new-pid where the kernel has none"
            )
        })?,
    }
    let forked = fork()?;
    if let sys::Fork::Parent(child) = forked {
        // Else it could make no threads any more.
        setns(&own, CloneFlags::CLONE_NEWPID).map_err(|errno| {
            // It waits for what nobody is going to say.
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            format!("going back to its pid namespace: {}", reason(errno))
        })?;
    }
    Ok(forked)
}

impl Running {
    /// Hears that the child is in its jail and ready, and sees to the jail.
    fn admit(
        &mut self,
        plan: &Plan,
        root: Option<RootDirectory>,
        own: Option<&OwnTerminal>,
        mut listener: Listener,
        entry: Option<Entry>,
    ) -> Result<Listener, LaunchError> {
        let about = |why: String| LaunchError::about(&plan.path, why);
        let unreadable = |why| about(format!("{WAITING_FOR_CHILD}: {why}"));
        let (mut was_stopped, mut hello) = (false, None);
        let mut watch = || {
            let control = self.control.as_ref().filter(|_| hello.is_none());
            hello = hello.take().or_else(|| control?.hello().ok());
            let command = hello
                .as_ref()
                .map_or(self.child, |hello: &Hello| hello.command);
            watch((self.child, command), &self.signals, &mut was_stopped)
        };
        let Some(number) = listener.number(&mut watch).map_err(unreadable)? else {
            let failure = listener.failure(&mut watch).map_err(unreadable)?;
            return Err(failure.unwrap_or_else(|| about(TOO_EARLY.into())));
        };
        let control = self.control.as_ref().filter(|_| hello.is_none());
        if let Some(control) = control {
            let said = control.hello();
            hello = Some(said.map_err(|why| about(format!("hearing from the command: {why}")))?);
        }
        if let Some(hello) = &hello {
            self.command = hello.command;
        }
        self.master = hello.and_then(|hello| hello.master);
        let relayed = own.filter(|_| !plan.detached);
        if let (Some(own), Some(master)) = (relayed, self.master.take_if(|_| !plan.detached)) {
            let relay = Relay::new(own.which, own.foreground, master);
            let relay = relay.map_err(|errno| about(format!("its terminal: {}", reason(errno))))?;
            self.relay = Some(relay);
        }
        let world = listener.world();
        let note = |jail: &JailInfo| {
            let record = plan.record(jail, self.command, root.as_ref(), world)?;
            let group = self.group.clone();
            Ok(Record { group, ..record })
        };
        let admission = Admission {
            place: &plan.place,
            note: &note,
            // Else its ids would be given to others.
            // Or its upper to another jail.
            must_be_noted: plan.detached
                || plan.user_namespace.is_some()
                // Or nobody would find what is limited.
                || self.group.is_some()
                || plan.place.is_kept() && !self.root_locks.is_empty(),
            world,
            user_namespace: plan.user_namespace,
            root_again: root.as_ref().filter(|_| !plan.place.is_new()),
            entry: entry.as_ref(),
        };
        if let Place::Existing(existing) = &plan.place {
            // It can have been given one after that was looked for, before this process was in it.
            let group = Group::of_jail(existing.number).map_err(about)?;
            if let Some(group) = group.filter(|group| plan.group.as_ref() != Some(group)) {
                group.add(self.command.as_raw()).map_err(about)?;
            }
        }
        match admission.admit(number).map_err(about)? {
            Admitted::Noted(record) => self.record = Some(*record),
            Admitted::Unnoted => {}
            Admitted::Unseen(why) => {
                if plan.announce {
                    crate::complain!("jaula: warning: the jail is not noted: {why}");
                }
            }
        }
        Ok(listener)
    }

    /// Lets the child go on, and waits until it has executed something.
    fn let_go(&mut self, listener: Listener, gate: Gate) -> Result<(), LaunchError> {
        let about = |why: String| LaunchError::about(&self.path, why);
        // One that is kept has no owner from before anything runs in it; it is not empty any more.
        if let Some(owner) = self.owner.take_if(|_| self.place.is_kept()) {
            owner.disown().map_err(about)?;
        }
        // A child that has ended meanwhile says why in its report.
        let _ = gate.open();
        let (mut was_stopped, processes) = (false, (self.child, self.command));
        let mut watch = || watch(processes, &self.signals, &mut was_stopped);
        match listener.failure(&mut watch) {
            // Whoever waits for it is told how it ended; nobody waits for what is detached.
            Ok(None) if self.detached => {
                executed::check(self.command, self.control.as_ref()).map_err(about)
            }
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(why) => Err(about(format!("{WAITING_FOR_CHILD}: {why}"))),
        }
    }

    /// Leaves nothing of it, for this reason, which is what is told.
    fn give_up(mut self, error: LaunchError) -> LaunchError {
        self.end_child();
        self.abandon();
        error
    }

    fn end_child(&mut self) {
        let control = self.control.take();
        match control.filter(|_| self.command != self.child) {
            // Nobody in the jail stops it, and what it looks after it does not leave there.
            Some(monitor) => monitor.ask(Request::Signal(libc::SIGKILL)),
            // It may be stopped, and then would never end by itself.
            None => drop(kill(self.child, Signal::SIGKILL)),
        }
        drop(self.relay.take());
        let ending = supervise(self.child, &self.signals, &mut self.terminal, self.apart);
        give_back(&mut self.terminal, &ending);
    }
}

/// Whether there is reason to wait on for what the command reports, which is the child or what
/// that looks after.
fn watch(
    (child, command): (Pid, Pid),
    signals: &Signals,
    was_stopped: &mut bool,
) -> Result<(), String> {
    if let Some(signal) = signals.take_ending().map_err(reason)? {
        return Err(format!("{signal} came before anything was executed"));
    }
    // Whoever is in the jail can do that to it, and would hold up the caller for ever. Seen once,
    // both may just be continued after a stop of their whole group.
    let is_stopped = match child == command {
        true => is_stopped(child).map_err(reason)?,
        false => is_seen_stopped(command),
    };
    match std::mem::replace(was_stopped, is_stopped) && is_stopped {
        true => Err(report::STOPPED.into()),
        false => Ok(()),
    }
}

fn give_back(terminal: &mut Option<Terminal>, ending: &Result<Ending, Errno>) {
    let Some(terminal) = terminal else { return };
    // A terminal that hung up meanwhile cannot be taken back, and need not be.
    let _ = terminal.take_back();
    if matches!(ending, Ok(Ending::Killed(_))) {
        terminal.restore_modes();
    }
}

impl Running {
    /// The master side of its terminal, where it has one that the caller has to serve: it must
    /// then be waited for by [`Self::wait_and_drain`].
    pub fn take_terminal(&mut self) -> Option<OwnedFd> {
        self.master.take()
    }

    /// Waits until the process has ended that was started; then ends what is left of a new jail,
    /// unless it is to be kept.
    pub fn wait(self) -> Waited {
        self.wait_and_drain(|| {})
    }

    /// The same, where it has a terminal that somebody else has the master side of: `drain` is
    /// called when the process has ended and before its terminal goes.
    pub fn wait_and_drain(mut self, drain: impl FnOnce()) -> Waited {
        let (child, signals) = (self.child, &self.signals);
        let leave_to_stop = || {
            if let Some(record) = &self.record {
                leave_to_stop(record);
            }
        };
        let (terminal, apart) = (&mut self.terminal, self.apart);
        let ending = match (self.relay.take(), self.control.take()) {
            (Some(relay), control) => relay.run(child, control, signals, &leave_to_stop),
            (None, Some(control)) => {
                let monitor = (child, control);
                let farewell = || {
                    leave_to_stop();
                    drain();
                };
                supervise_monitor(monitor, signals, terminal, apart, farewell)
            }
            (None, None) => supervise(child, signals, terminal, apart),
        };
        give_back(terminal, &ending);
        let about = |why: String| LaunchError::about(&self.path, why);
        let was_told_to_end = self.signals.was_told_to_end();
        // From here on, a signal ends this process and not the end of the jail.
        drop(self.signals);
        let jail = match self.place.is_kept() {
            true => Ok(()),
            false => {
                leave_to_stop();
                end_jail(self.number)
                    .map_err(|why| about(format!("ending jail {}: {why}", self.number)))
            }
        };
        if jail.is_ok() && !self.place.is_kept() {
            // It may have been given one while it ran.
            let noted = self.record.as_ref().and_then(noted_group);
            let group = self.group.or(noted);
            tell_of_memory(self.number, group.as_ref());
            remove_group(group.as_ref());
            self.given.take_back();
        }
        drop((self.owner, self.root_locks));
        if !self.place.is_kept() {
            disconnect(self.connected);
        }
        let ending = ending
            .map_err(|errno| about(format!("waiting for its first process: {}", reason(errno))));
        Waited {
            ending,
            jail,
            was_told_to_end,
        }
    }

    /// Ends it before its time.
    pub fn abandon(self) {
        if self.place.is_new() {
            // What went wrong before is what is told.
            let _ = end_jail(self.number);
            // It can be why nothing came of it.
            tell_of_memory(self.number, self.group.as_ref());
            remove_group(self.group.as_ref());
            self.given.take_back();
            if let Some(record) = self.record.as_ref().filter(|_| !self.place.is_continued()) {
                let _ = forget(record);
            }
        }
        disconnect(self.connected);
    }
}

/// Takes a jail from its network that is there no more, or that was never started.
fn disconnect(connected: Option<network::For>) {
    if let Some(why) = connected.and_then(|jail| network::tear_down(jail).err()) {
        // The next that is connected, or looks at networks, tries it again.
        crate::complain!("jaula: warning: {why}");
    }
}

/// Says that the kernel has killed something of it for want of memory: to whom it belonged, that looks
/// like any other end.
fn tell_of_memory(number: JailNumber, group: Option<&Group>) {
    let killed = group.map_or(0, Group::oom_kills);
    if killed > 0 {
        crate::complain!(
            "jaula: jail {number}: the kernel killed {killed} of its processes for want of memory"
        );
    }
}

/// The control group that is noted about a jail by now.
fn noted_group(record: &Record) -> Option<Group> {
    let noted = Store::default().read(record.number)?;
    noted.group.filter(|_| noted.created == record.created)
}

/// Removes the control group of a jail that has ended. What is left of it the next launch removes.
fn remove_group(group: Option<&Group>) {
    if let Some(Err(why)) = group.map(Group::remove) {
        crate::complain!("jaula: warning: {why}");
    }
}

/// A terminal that a jail has of its own.
#[derive(Clone, Debug)]
pub(super) struct OwnTerminal {
    /// Which standard descriptors of the command it is.
    pub which: Which,
    /// Whether the command begins in the foreground of it.
    pub foreground: bool,
}

impl Plan {
    /// The control group of the jail, where something is asked for that it counts, or it has one.
    fn group(&self, number: JailNumber) -> Result<Option<Group>, String> {
        match &self.place {
            Place::New(_) if self.isolation.controls.is_empty() && self.isolation.ip.is_empty() => {
                Ok(None)
            }
            Place::New(_) => Group::create(number, &self.isolation.controls).map(Some),
            Place::Existing(_) => Ok(self.group.clone()),
        }
    }

    /// Gives a new jail the addresses that it is to have.
    fn give_addresses(&self, door: &Door, group: Option<&Group>) -> Result<Given, String> {
        match &self.place {
            Place::New(_) => Given::to((door.number, door.created), &self.isolation.ip, group),
            Place::Existing(_) => Ok(Given::default()),
        }
    }

    /// The terminal that the jail gets, where it gets one: for what the caller has on one, which
    /// is `alone` there, or has not.
    fn own_terminal(&self, alone: bool) -> Option<OwnTerminal> {
        if self.detached {
            return self.tty.then_some(OwnTerminal {
                which: [true; 3],
                foreground: true,
            });
        }
        let which = terminal::used();
        let is_used = which.contains(&true);
        (self.isolation.has(Part::Pty) && is_used).then_some(OwnTerminal {
            which,
            foreground: alone,
        })
    }

    /// The world that the child is to enter.
    ///
    /// Two that find none left in a jail must not make one each: the second waits here, until what
    /// the first has made is noted and somebody is in it.
    fn world(&mut self) -> Result<WorldOf, LaunchError> {
        let existing = match &self.place {
            Place::Existing(existing) if self.noted.is_some() => existing,
            _ => return Ok((World::New, None)),
        };
        let entry = match &mut self.root_from {
            From::Again(entry) => entry.take(),
            _ => Store::default()
                .lock(existing.number)
                .map_err(LaunchError::failed)?,
        };
        let record = entry.as_ref().and_then(|entry| entry.read().ok());
        let noted = record.filter(|record| record.created == existing.created);
        let inodes = noted.and_then(|record| record.namespaces);
        let world = match (&self.noted, inodes) {
            (Some(noted), Some(inodes)) => {
                World::of_jail(existing.number, &self.isolation, noted, &inodes)?
            }
            _ => World::New,
        };
        if matches!((&world, &self.root_from), (World::New, From::Jail)) {
            let why = "the last process that had its root has just ended";
            return Err(LaunchError::about(&self.path, why));
        }
        let is_noted = matches!(world, World::New) && self.noted.is_some_and(|it| it.has_this_root);
        Ok((world, entry.filter(|_| is_noted)))
    }

    /// What the jail is to have of networks, where that is made outside of it.
    fn wanted_network(&self, world: &World) -> Option<Wanted<'_>> {
        let (name, existing) = match &self.place {
            Place::New(new) => (new.name.as_ref(), None),
            Place::Existing(existing) => (existing.name.as_ref(), Some(existing.number)),
        };
        let wanted = Wanted::of(&self.isolation, &self.permissions, name, existing);
        wanted.filter(|_| matches!(world, World::New))
    }

    /// The network of a jail, and whether it is a new one.
    fn network(
        &self,
        wanted: &Wanted<'_>,
        door: &Door,
        users: Option<&UserNamespace>,
    ) -> Result<(Attached, bool), String> {
        if let Place::Existing(existing) = &self.place {
            // With another root, something can be run in it whose network is the jail's all the same.
            let noted = Store::default().read(existing.number);
            let noted = noted.filter(|noted| noted.created == existing.created);
            let inode = noted.and_then(|noted| noted.namespaces?.of("net"));
            let found = inode.map(|inode| wanted.find(existing.number, inode));
            if let Some(found) = found.transpose()?.flatten() {
                return Ok((found, false));
            }
        }
        let jail = network::For {
            number: door.number,
            created: door.created,
        };
        let owned = users.and_then(UserNamespace::network);
        Ok((wanted.set_up(jail, owned)?, true))
    }

    /// The root as it is noted, for a new jail or one that is made once more. Its path must be known before anything changes.
    fn noted_root(&self, root: &Root) -> Result<Option<RootDirectory>, LaunchError> {
        if !self.place.is_new() && !matches!(self.root_from, From::Again(_)) {
            return Ok(None);
        }
        let path = root.path().canonicalize();
        let path = path.map_err(|error| LaunchError::about(root.path(), error))?;
        Ok(Some(RootDirectory::new(path, root)))
    }

    fn record(
        &self,
        jail: &JailInfo,
        child: Pid,
        root: Option<&RootDirectory>,
        namespaces: Option<Inodes>,
    ) -> Result<Record, String> {
        let root = root.ok_or_else(|| format!("{}: has no root", shown(&self.path)))?;
        let new = self.place.new_jail();
        Ok(Record {
            number: jail.number,
            created: jail.created,
            boot: None,
            noted_at: jails::Created::default(),
            name: jail.name.clone(),
            root: root.clone(),
            user: self.user_text.clone(),
            command: self.argv.clone(),
            keep: self.place.is_kept(),
            detached: self.detached && self.waiting.is_none(),
            supervisor: ProcessId::of(getpid().as_raw())?,
            first_process: ProcessId::of(child.as_raw())?,
            stop_signal: self.place.stop_signal(),
            stopped_by: None,
            asked_to_end: false,
            group: None,
            restart: new.restart,
            described: new.described,
            left_to_unit: new.left_to_unit,
            after_stop_due: self.place.is_after_stop_due(),
            log: self.place.log(),
            isolation: self.isolation.clone(),
            workdir: self.workdir.clone(),
            namespaces,
            user_namespace: self.user_namespace,
            ended: None,
        })
    }
}
