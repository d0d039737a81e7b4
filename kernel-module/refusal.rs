// SPDX-License-Identifier: GPL-2.0-only

//! Telling what was refused: each time to tracing, and not too often to the audit log, or, where
//! nobody audits, to the kernel's log.

use crate::{
    allowance::Permission,
    identity::Identity,
    ipc::Object,
    jail::{number_of, Jail},
    policy::{Class, Resource},
    ratelimit::Ratelimit,
    sysv_call::SysvCall,
    task::{Comm, Subject},
};
use core::{
    fmt::{self, Write},
    ptr,
};
use kernel::{bindings, c_str, str::CStr};

/// What somebody was kept from.
pub(crate) struct Target {
    kind: &'static CStr,
    /// The number by which the kernel tells it from others of its kind, 0 where there is none.
    id: i32,
    /// The key of an object of System V IPC.
    key: Option<i32>,
    /// The name of a command, or of what has no owner but a name.
    name: Option<&'static str>,
    owner: u32,
}

impl Target {
    /// Something that belongs to a jail.
    pub(crate) fn of(kind: &'static CStr, owner: Identity) -> Self {
        Self {
            kind,
            id: 0,
            key: None,
            name: None,
            owner: owner.number(),
        }
    }

    /// The same, with its number.
    pub(crate) fn with_id(self, id: i32) -> Self {
        Self { id, ..self }
    }

    /// Credentials that are bound by a jail.
    pub(crate) fn credentials(jail: Option<&Jail>) -> Self {
        Self::of(c_str!("credentials"), Identity::of(jail))
    }

    /// What a jail is not allowed.
    pub(crate) fn permission(jail: &Jail, permission: Permission) -> Self {
        Self {
            name: permission.name(),
            ..Self::of(c_str!("capability"), Identity::of(Some(jail)))
                .with_id(permission.number() as i32)
        }
    }

    fn sysv(object: &Object<'_>, call: SysvCall) -> Self {
        Self {
            key: Some(object.key()),
            ..Self::of(call.object_kind(), Identity::of(object.jail())).with_id(object.id())
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (self.name, self.id) {
            (Some(name), _) => write!(f, " {name}")?,
            (None, 0) if self.key.is_none() => {}
            (None, id) => write!(f, " {id}")?,
        }
        if let Some(key) = self.key {
            write!(f, " (key {key:#x})")?;
        }
        write!(f, " of jail {}", self.owner)
    }
}

/// Reports that `subject` was refused `call` on `object`.
///
/// May be called in any context.
#[cold]
pub(crate) fn report_sysv(subject: &Subject, call: SysvCall, object: &Object<'_>) {
    tell(
        subject.jail(),
        Class::SysvIpc,
        (call.name(), call.command_name()),
        &Target::sysv(object, call),
        true,
    );
}

/// Reports that `subject` was refused `call` on `target`.
///
/// May be called in any context.
#[cold]
pub(crate) fn report(subject: &Subject, class: Class, call: &'static CStr, target: &Target) {
    tell(subject.jail(), class, (call, None), target, true);
}

/// As [`report`], for one who acts for `jail`.
#[cold]
pub(crate) fn report_on(jail: &Jail, class: Class, call: &'static CStr, target: &Target) {
    tell(Some(jail), class, (call, None), target, true);
}

/// As [`report_on`], where [`None`] is the host. The current task may have nothing to do with it: then it
/// is not `by_current`.
#[cold]
pub(crate) fn report_of(
    jail: Option<&Jail>,
    class: Class,
    call: &'static CStr,
    target: &Target,
    by_current: bool,
) {
    tell(jail, class, (call, None), target, by_current);
}

/// As [`report_on`], where [`None`] is the host.
#[cold]
pub(crate) fn report_from(jail: Option<&Jail>, class: Class, call: &'static CStr, target: &Target) {
    tell(jail, class, (call, None), target, true);
}

/// Counts a refusal of a call, which may have a command, and tells of it, and of the current task if it
/// is `by_current`. The logs do not hear of it when the jail has had much refused lately.
fn tell(
    jail: Option<&Jail>,
    class: Class,
    (call, command): (&'static CStr, Option<&'static CStr>),
    target: &Target,
    by_current: bool,
) {
    // SAFETY: May be called anywhere.
    let by_current = by_current && unsafe { bindings::jaula_is_in_task() };
    let ratelimit = match jail {
        Some(jail) => {
            jail.count_refusal(class);
            jail.ratelimit()
        }
        None => Ratelimit::of_host(),
    };

    let refusal = bindings::jaula_refusal {
        jail: number_of(jail),
        owner: target.owner,
        call: call.as_char_ptr(),
        command: command.map_or(ptr::null(), CStr::as_char_ptr),
        kind: target.kind.as_char_ptr(),
        id: target.id,
        key: target.key.unwrap_or(0) as u32,
        by_current,
    };

    // SAFETY: The names in the value are strings with an end.
    unsafe { bindings::jaula_trace_refusal(&refusal) };
    // SAFETY: As above.
    if ratelimit.allows() && !unsafe { bindings::jaula_audit_refusal(&refusal) } {
        let (who, number) = (Comm::of_current(by_current), number_of(jail));
        let mut line = Line::new();
        // What does not fit is left out.
        let _ = write!(
            line,
            "{who} in jail {number}: {call}{} refused on {target}",
            Command(command)
        );
        line.log();
    }
}

/// A line of the kernel's log.
struct Line {
    /// Ends with a null byte.
    text: [u8; 192],
    length: usize,
}

impl Line {
    /// The level of the line, `KERN_NOTICE`, and who says it.
    const START: &'static [u8] = b"\x015jaula: ";

    fn new() -> Self {
        let mut text = [0; 192];
        text[..Self::START.len()].copy_from_slice(Self::START);
        Self {
            text,
            length: Self::START.len(),
        }
    }

    /// Puts the line into the log, and leaves it to others to put it on the console: whoever is refused
    /// something may have the console locked.
    fn log(&self) {
        // SAFETY: The text ends with a null byte.
        unsafe { bindings::jaula_log(self.text.as_ptr().cast()) };
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.text.len() - 1 - self.length;
        let more = &more.as_bytes()[..more.len().min(room)];

        self.text[self.length..][..more.len()].copy_from_slice(more);
        self.length += more.len();
        Ok(())
    }
}

/// The command of a call, as it is printed behind its name.
struct Command(Option<&'static CStr>);

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(command) => write!(f, "({command})"),
            None => Ok(()),
        }
    }
}

/// Reports that the current task was refused something because `jail` has as much of it as it may.
///
/// May be called in any context.
#[cold]
#[inline(never)]
pub(crate) fn report_limit(jail: &Jail, resource: Resource) {
    let limit = match resource {
        Resource::Tasks => c_str!("tasks.max"),
        Resource::Sem => c_str!("sem.max"),
        Resource::Shm => c_str!("shm.max"),
        Resource::Msg => c_str!("msg.max"),
        Resource::ShmBytes => c_str!("shm_bytes.max"),
        Resource::Children => c_str!("children.max"),
    };

    // SAFETY: The name is a string with an end.
    unsafe { bindings::jaula_trace_limit(jail.number(), limit.as_char_ptr()) };
    if jail.ratelimit().allows() {
        // SAFETY: As above.
        unsafe { bindings::jaula_audit_limit(jail.number(), limit.as_char_ptr()) };
    }
}
