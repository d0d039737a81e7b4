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
    task::Subject,
};
use core::ptr;
use kernel::{bindings, c_str, ffi::c_int, str::CStr};

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

    let name = target.name.unwrap_or("");
    let refusal = bindings::jaula_refusal {
        jail: number_of(jail),
        owner: target.owner,
        call: call.as_char_ptr(),
        command: command.map_or(ptr::null(), CStr::as_char_ptr),
        kind: target.kind.as_char_ptr(),
        name: name.as_ptr().cast(),
        name_length: name.len() as c_int,
        id: target.id,
        has_key: target.key.is_some(),
        key: target.key.unwrap_or(0) as u32,
        by_current,
    };

    // SAFETY: The names in the value are strings with an end, or with their length.
    unsafe { bindings::jaula_trace_refusal(&refusal) };
    // SAFETY: As above.
    if ratelimit.allows() && !unsafe { bindings::jaula_audit_refusal(&refusal) } {
        // SAFETY: As above.
        unsafe { bindings::jaula_log_refusal(&refusal) };
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
