// SPDX-License-Identifier: GPL-2.0-only

//! Telling what was refused: each time to tracing, and not too often to the audit log, or, where
//! nobody audits, to the kernel's log.

use crate::{
    ipc::Object,
    jail::{number_of, Jail},
    policy::Resource,
    ratelimit::Ratelimit,
    sysv_call::SysvCall,
    task::Subject,
};
use core::ptr;
use kernel::{bindings, c_str, prelude::*, str::CStr};

/// Reports that `subject` was refused `call` on `object`. The logs do not hear of it when its jail
/// has had much refused lately.
///
/// May be called in any context.
#[cold]
pub(crate) fn report_sysv(subject: &Subject, call: SysvCall, object: &Object<'_>) {
    let (jail, owner) = (subject.jail(), object.jail());
    if let Some(jail) = jail {
        jail.count_refusal();
    }
    let ratelimit = match jail {
        Some(jail) => jail.ratelimit(),
        None => Ratelimit::of_host(),
    };

    let refusal = bindings::jaula_refusal {
        jail: number_of(jail),
        owner: number_of(owner),
        call: call.name().as_char_ptr(),
        command: call.command_name().map_or(ptr::null(), CStr::as_char_ptr),
        kind: call.object_kind().as_char_ptr(),
        id: object.id(),
        key: object.key() as u32,
    };

    // SAFETY: The names in the value are strings with an end.
    unsafe { bindings::jaula_trace_refusal(&refusal) };
    // SAFETY: As above.
    if ratelimit.allows() && !unsafe { bindings::jaula_audit_refusal(&refusal) } {
        pr_notice!(
            "{}[{}] in jail {}: {} refused on {} {} (key {:#x}) of jail {}\n",
            subject.comm(),
            subject.pid(),
            number_of(jail),
            call,
            call.object_kind(),
            object.id(),
            object.key(),
            number_of(owner),
        );
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
