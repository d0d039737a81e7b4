// SPDX-License-Identifier: GPL-2.0-only

//! The policy: what a task in one jail may do to what belongs to another.
//!
//! Pure functions over plain values, with no dependency on the kernel: user space compiles and
//! tests this same file.

/// The number that stands for the host, which is the root of all jails.
pub(crate) const HOST: u32 = 0;

/// How many jails a jail may lie in, itself included.
pub(crate) const MAX_DEPTH: u32 = 8;

/// How the jail of a subject stands to the jail of the object that it wants to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Both are in one jail.
    Same,
    /// The subject is in an ancestor of the object's jail.
    Down,
    /// The subject is in a descendant of the object's jail, or neither descends from the other.
    UpOrAcross,
}

impl Relation {
    /// Tells how jail `subject` stands to jail `object`, whose ancestors are `ancestors`, in any
    /// order.
    pub(crate) fn between(
        subject: u32,
        object: u32,
        ancestors: impl IntoIterator<Item = u32>,
    ) -> Self {
        if subject == object {
            Relation::Same
        } else if ancestors.into_iter().any(|ancestor| ancestor == subject) {
            Relation::Down
        } else {
            Relation::UpOrAcross
        }
    }

    /// Returns how one stands to another of whom two things are known: the farther of both.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Relation::UpOrAcross, _) | (_, Relation::UpOrAcross) => Relation::UpOrAcross,
            (Relation::Down, _) | (_, Relation::Down) => Relation::Down,
            (Relation::Same, Relation::Same) => Relation::Same,
        }
    }
}

/// What a subject wants of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Find, control, stat, operate on or remove a semaphore set, a shared memory segment or a
    /// message queue of System V.
    UseSysvIpc,
    /// See such an object in a listing.
    ListSysvIpc,
    /// See that a jail exists, and what is known about it.
    SeeJail,
    /// Enter a jail, destroy it, name it or change its limits and its allowance.
    AdministerJail,
    /// Send a signal to a task.
    Signal,
    /// Send what nobody needs leave for: signal 0, SIGCONT within a session, and what the kernel sends
    /// in the name of a task.
    SignalFreely,
    /// Look into a task: what asks for `PTRACE_MODE_READ`.
    Look,
    /// Trace a task, read or write its memory, take its descriptors, or whatever else asks for
    /// `PTRACE_MODE_ATTACH`.
    Trace,
    /// Ask how a task is scheduled, for its priorities, limits, process group and session, or, as its
    /// parent, put it into another group before it executes a program.
    AskSchedule,
    /// Change how a task is scheduled, its priorities, and where its pages are.
    Schedule,
    /// Change the limits of a task.
    SetLimits,
    /// Open a file of a task in `/proc` to read it.
    OpenProcess,
    /// Open a file of a task in `/proc` to write to it.
    ChangeProcess,
    /// Connect or send to a UNIX socket that has an abstract address.
    UseAbstractSocket,
    /// Open, remove or change a message queue of POSIX.
    UseMessageQueue,
    /// Use a key or a keyring, or see that it exists.
    UseKey,
    /// Act with credentials that somebody has registered for it.
    AssumeCredentials,
}

/// What was refused, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Class {
    /// System V IPC.
    SysvIpc,
    /// Signals.
    Signal,
    /// Tracing, and what needs the same check.
    Ptrace,
    /// Scheduling, priorities, limits, process groups, sessions, pages.
    Sched,
    /// Abstract UNIX sockets.
    Unix,
    /// POSIX message queues.
    Mqueue,
    /// Keys and keyrings.
    Key,
    /// Credentials registered with io_uring.
    IoUring,
    /// Files in `/proc`, and in the other file systems that control the kernel.
    Proc,
    /// Capabilities, and what else is in an allowance.
    Capability,
    /// Programs that lie outside of the root directory.
    Exec,
}

impl Class {
    /// How many there are.
    pub(crate) const COUNT: usize = 11;
}

/// The error that a refused call returns.
///
/// The values are those of `include/uapi/asm-generic/errno-base.h`, the same on all architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Errno {
    /// `EPERM`
    Perm = 1,
    /// `EACCES`
    Access = 13,
}

/// A capability without which nobody reaches into a jail from above, whatever the user ids are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// CAP_KILL
    Kill,
    /// CAP_SYS_PTRACE, for a look alone.
    Look,
    /// CAP_SYS_PTRACE
    Trace,
    /// CAP_SYS_NICE
    Nice,
    /// CAP_SYS_RESOURCE
    Resource,
}

/// What becomes of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on as if there were no jails.
    Allow,
    /// The same where the subject has the privilege, or the object's jail lets others reach in without
    /// it. Else it fails as if it were refused.
    AllowWith(Privilege, Errno),
    /// It fails, and the failure is told to the subject and to the log.
    Refuse(Errno),
    /// The object is left out, and nobody is told.
    Hide,
}

impl Verdict {
    /// Returns why somebody is refused who has no privileges, [`None`] who is not.
    pub(crate) const fn refusal(self) -> Option<Errno> {
        match self {
            Verdict::Allow => None,
            Verdict::Refuse(errno) | Verdict::AllowWith(_, errno) => Some(errno),
            Verdict::Hide => Some(Errno::Access),
        }
    }
}

/// Decides about an access.
///
/// Objects of IPC and keys are symmetric: not even the host reaches into a jail's. Tasks are reached
/// from above, by those who are privileged there: a user of the host and one of a jail who have the same
/// number are two. Jails are administered from above only: a jail can't do to itself what its ancestors
/// decide about. Nobody lends credentials to another: root of a jail would make somebody outside root
/// there.
pub(crate) const fn decide(relation: Relation, access: Access) -> Verdict {
    match (relation, access) {
        (
            Relation::Same,
            Access::Signal
            | Access::Look
            | Access::Trace
            | Access::Schedule
            | Access::SetLimits
            | Access::ChangeProcess
            | Access::AssumeCredentials,
        )
        | (
            Relation::Same | Relation::Down,
            Access::SignalFreely | Access::AskSchedule | Access::OpenProcess,
        ) => Verdict::Allow,
        (Relation::Down, Access::Signal) => Verdict::AllowWith(Privilege::Kill, Errno::Perm),
        (Relation::Down, Access::Look) => Verdict::AllowWith(Privilege::Look, Errno::Perm),
        (Relation::Down, Access::Trace) => Verdict::AllowWith(Privilege::Trace, Errno::Perm),
        (Relation::Down, Access::Schedule) => Verdict::AllowWith(Privilege::Nice, Errno::Perm),
        (Relation::Down, Access::SetLimits) => Verdict::AllowWith(Privilege::Resource, Errno::Perm),
        (Relation::Down, Access::ChangeProcess) => {
            Verdict::AllowWith(Privilege::Trace, Errno::Access)
        }
        (
            _,
            Access::Signal
            | Access::SignalFreely
            | Access::Look
            | Access::Trace
            | Access::AskSchedule
            | Access::Schedule
            | Access::SetLimits
            | Access::AssumeCredentials,
        ) => Verdict::Refuse(Errno::Perm),
        (_, Access::OpenProcess | Access::ChangeProcess) => Verdict::Refuse(Errno::Access),
        (Relation::Same, Access::UseAbstractSocket | Access::UseMessageQueue | Access::UseKey) => {
            Verdict::Allow
        }
        (_, Access::UseAbstractSocket) => Verdict::Refuse(Errno::Perm),
        (_, Access::UseMessageQueue | Access::UseKey) => Verdict::Refuse(Errno::Access),
        (Relation::Same, Access::UseSysvIpc | Access::ListSysvIpc) => Verdict::Allow,
        (Relation::Same | Relation::Down, Access::SeeJail) => Verdict::Allow,
        (Relation::Down, Access::AdministerJail) => Verdict::Allow,
        (Relation::Same, Access::AdministerJail) => Verdict::Refuse(Errno::Perm),
        (_, Access::UseSysvIpc) => Verdict::Refuse(Errno::Access),
        (_, Access::ListSysvIpc) => Verdict::Hide,
        (_, Access::SeeJail | Access::AdministerJail) => Verdict::Hide,
    }
}

/// What a jail can have so much of, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Resource {
    /// Tasks that have not been waited for, threads included.
    Tasks,
    /// Semaphore sets.
    Sem,
    /// Shared memory segments.
    Shm,
    /// Message queues.
    Msg,
    /// The sum of the sizes of its shared memory segments, as they were asked for.
    ShmBytes,
    /// Jails directly within it.
    Children,
}

impl Resource {
    /// How many there are.
    pub(crate) const COUNT: usize = 6;

    /// All, in the order of their values.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Tasks,
        Self::Sem,
        Self::Shm,
        Self::Msg,
        Self::ShmBytes,
        Self::Children,
    ];

    /// Returns the limit of a jail for which nobody has set one.
    pub(crate) const fn default_limit(self) -> u64 {
        match self {
            Self::Children => 0,
            _ => u64::MAX,
        }
    }
}

/// Tells whether `more` can come to what is `used` of a resource that there may be `max` of.
pub(crate) const fn fits(used: u64, more: u64, max: u64) -> bool {
    match used.checked_add(more) {
        Some(sum) => sum <= max,
        None => false,
    }
}
