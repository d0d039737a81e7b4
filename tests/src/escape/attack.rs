// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a row of the table says.

use super::need::Need;
use super::scene::{Scene, Target};
use crate::ktap::Failure;
use crate::sys::Errno;
use std::fmt;

/// How an attempt ended that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The kernel refused it.
    Refused(Errno),
    /// Nothing was refused, and nothing reached.
    NoEffect,
    /// This kernel has not got what is attacked.
    NotHere(String),
    /// What the attempt needs did not work.
    Broken(String),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOSYS => Stop::NotHere("the kernel has no such call".into()),
            errno => Stop::Refused(errno),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Broken(failure.message)
    }
}

/// What an attempt gave; success is the attacker's.
pub type Attempt = Result<(), Stop>;

/// A step on the way to the attack itself.
pub trait Needed<T> {
    /// Says that an attack has not begun where this step fails.
    fn needed(self, what: &str) -> Result<T, Stop>;
}

impl<T> Needed<T> for Result<T, Errno> {
    fn needed(self, what: &str) -> Result<T, Stop> {
        self.map_err(|errno| match Stop::from(errno) {
            Stop::Refused(errno) => Stop::Broken(format!("{what}: {errno}")),
            other => other,
        })
    }
}

impl<T> Needed<T> for std::io::Result<T> {
    fn needed(self, what: &str) -> Result<T, Stop> {
        self.map_err(|error| Stop::Broken(format!("{what}: {error}")))
    }
}

/// What part of the wall is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Signals to others.
    Signals,
    /// Tracing others, and their memory and descriptors.
    Tracing,
    /// Priorities, limits and relations of others.
    Scheduling,
    /// Abstract unix sockets.
    Sockets,
    /// POSIX message queues.
    Queues,
    /// Keys and keyrings.
    Keys,
    /// io_uring.
    Uring,
    /// What /proc tells about others.
    Proc,
    /// The root directory, mounts and devices.
    Files,
    /// The machine and the kernel.
    Kernel,
    /// All of it from a user namespace.
    Namespaces,
    /// The way into a jail.
    Entering,
}

impl Area {
    /// All of them, in the order of the table.
    pub const ALL: [Area; 12] = [
        Area::Signals,
        Area::Tracing,
        Area::Scheduling,
        Area::Sockets,
        Area::Queues,
        Area::Keys,
        Area::Uring,
        Area::Proc,
        Area::Files,
        Area::Kernel,
        Area::Namespaces,
        Area::Entering,
    ];
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Area::Signals => "signals",
            Area::Tracing => "tracing",
            Area::Scheduling => "scheduling",
            Area::Sockets => "sockets",
            Area::Queues => "mqueues",
            Area::Keys => "keys",
            Area::Uring => "io_uring",
            Area::Proc => "proc",
            Area::Files => "files",
            Area::Kernel => "kernel",
            Area::Namespaces => "user namespace",
            Area::Entering => "entering",
        })
    }
}

/// How an attempt is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// With success.
    Succeeds,
    /// With this error.
    Fails(Errno),
    /// Without error, and without having reached anybody.
    Nothing,
}

/// What comes of it from above: from an ancestor of the target's jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// As on any Linux.
    AsLinux,
    /// It is refused like all others.
    Refused,
    /// As on any Linux from the host; from a jail this error, for want of a capability.
    FromHost(Errno),
    /// As on any Linux from the host; in a jail it is refused wherever the target is.
    HostAlone,
}

/// From where to where an attack goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From a process to one on the other side of a wall.
    Crossing,
    /// Out of a jail, without a particular target.
    Breakout,
    /// The same from a user namespace that the attacker has made.
    Namespaced,
    /// By a process that enters a jail in the course of it.
    Entering,
}

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Root.
    Root,
    /// An ordinary user, who is the target's owner, too.
    User,
}

impl Role {
    /// The user's number.
    pub fn id(self) -> u32 {
        match self {
            Role::Root => 0,
            Role::User => 1000,
        }
    }
}

/// Tells whether a target has felt an attack.
pub type Proof = fn(&Target) -> Result<bool, Failure>;

/// One attack.
#[derive(Clone, Copy)]
pub struct Attack {
    /// The part of the wall.
    pub area: Area,
    /// From where to where.
    pub kind: Kind,
    /// What is tried.
    pub name: &'static str,
    /// Tries it.
    pub attempt: fn(&Scene) -> Attempt,
    /// Tells whether the target has felt it, where a call that succeeds does not say so.
    pub proof: Option<Proof>,
    /// What Linux gives to root.
    pub root: Expected,
    /// What Linux gives to the user.
    pub user: Expected,
    /// What a jail gives where Linux would not refuse it.
    pub jail: Expected,
    /// What a jail gives to the user, where it asks before Linux does.
    pub jail_user: Option<Expected>,
    /// The file of the attacker's jail in which the refusal is counted.
    pub counter: Option<&'static str>,
    /// What comes of it from above, for who has what it takes.
    pub down: Down,
    /// What it takes from above, if more than on Linux.
    pub needs: Option<Need>,
    /// What fails for who has not got that, if not with the same error as from elsewhere.
    pub refused_from_above: Option<Errno>,
    /// Who alone tries it, if not everybody.
    pub only: Option<Role>,
}

impl Attack {
    const fn new(
        area: Area,
        kind: Kind,
        name: &'static str,
        attempt: fn(&Scene) -> Attempt,
        refused: Errno,
    ) -> Attack {
        Attack {
            area,
            kind,
            name,
            attempt,
            proof: None,
            root: Expected::Succeeds,
            user: Expected::Succeeds,
            jail: Expected::Fails(refused),
            jail_user: None,
            counter: None,
            down: Down::AsLinux,
            needs: None,
            refused_from_above: None,
            only: None,
        }
    }

    /// An attack on another process, which Linux allows to the same user.
    pub const fn crossing(
        area: Area,
        name: &'static str,
        attempt: fn(&Scene) -> Attempt,
        refused: Errno,
    ) -> Attack {
        Attack::new(area, Kind::Crossing, name, attempt, refused)
    }

    /// An attack that takes a capability, which Linux allows to root alone.
    pub const fn breakout(
        area: Area,
        name: &'static str,
        attempt: fn(&Scene) -> Attempt,
    ) -> Attack {
        let attack = Attack::new(area, Kind::Breakout, name, attempt, Errno::EPERM);
        attack
            .for_user(Expected::Fails(Errno::EPERM))
            .counted("refusals.capability")
    }

    /// An attack from a user namespace, which Linux allows.
    pub const fn namespaced(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
        Attack::new(
            Area::Namespaces,
            Kind::Namespaced,
            name,
            attempt,
            Errno::EPERM,
        )
        .counted("refusals.capability")
    }

    /// An attack by a process that enters a jail in the course of it.
    pub const fn entering(
        area: Area,
        name: &'static str,
        attempt: fn(&Scene) -> Attempt,
        refused: Errno,
    ) -> Attack {
        Attack::new(area, Kind::Entering, name, attempt, refused)
    }

    /// Names the counter of the refusal.
    pub const fn counted(mut self, counter: &'static str) -> Attack {
        self.counter = Some(counter);
        self
    }

    /// The refusal is not counted.
    pub const fn uncounted(mut self) -> Attack {
        self.counter = None;
        self
    }

    /// Says how to see what a call does not tell; in a jail the call fails as the rest says.
    pub const fn proven(mut self, proof: Proof) -> Attack {
        self.proof = Some(proof);
        self
    }

    /// In a jail it fails without an error: the call succeeds, and reaches nobody.
    pub const fn without_error(mut self) -> Attack {
        self.jail = Expected::Nothing;
        self
    }

    /// What Linux gives to root, if not success.
    pub const fn for_root(mut self, expected: Expected) -> Attack {
        self.root = expected;
        self
    }

    /// What Linux gives to the user, if not success.
    pub const fn for_user(mut self, expected: Expected) -> Attack {
        self.user = expected;
        self
    }

    /// What Linux gives to everybody, if not success.
    pub const fn for_all(self, expected: Expected) -> Attack {
        self.for_root(expected).for_user(expected)
    }

    /// What a jail gives to the user where it asks before Linux does.
    pub const fn for_user_in_jail(mut self, expected: Expected) -> Attack {
        self.jail_user = Some(expected);
        self
    }

    /// In a jail it fails with this error.
    pub const fn refused_with(mut self, errno: Errno) -> Attack {
        self.jail = Expected::Fails(errno);
        self
    }

    /// What comes of it from above, if not the same as on Linux.
    pub const fn from_above(mut self, down: Down) -> Attack {
        self.down = down;
        self
    }

    /// What it takes from above. Without it the attack ends as from elsewhere.
    pub const fn needs(mut self, need: Need) -> Attack {
        self.needs = Some(need);
        self
    }

    /// Without what it takes it fails from above with this error.
    pub const fn refused_from_above_with(mut self, errno: Errno) -> Attack {
        self.refused_from_above = Some(errno);
        self
    }

    /// Only one of the roles tries it.
    pub const fn only(mut self, role: Role) -> Attack {
        self.only = Some(role);
        self
    }

    /// What Linux gives to `role`.
    pub fn on_linux(&self, role: Role) -> Expected {
        match role {
            Role::Root => self.root,
            Role::User => self.user,
        }
    }

    /// What a jail gives to `role`, and where that is counted. What Linux refuses in any case
    /// need not come as far as to the jail.
    pub fn in_jail(&self, role: Role) -> (Expected, Option<&'static str>) {
        match (role, self.jail_user, self.on_linux(role)) {
            (Role::User, Some(expected), _) => (expected, None),
            (_, _, refused @ Expected::Fails(_)) => (refused, None),
            _ => (self.jail, self.counter),
        }
    }
}
