// SPDX-License-Identifier: GPL-2.0-only

//! Telling the log what was refused.

use crate::{
    ipc::Object, jail::number_of, ratelimit::Ratelimit, sysv_call::SysvCall, task::Subject,
};
use kernel::prelude::*;

/// Logs that `subject` was refused `call` on `object`, unless its jail has had much refused lately.
///
/// May be called in any context.
#[cold]
pub(crate) fn log_sysv(subject: &Subject, call: SysvCall, object: &Object<'_>) {
    let (jail, owner) = (subject.jail(), object.jail());
    if let Some(jail) = jail {
        jail.count_refusal();
    }
    let ratelimit = match jail {
        Some(jail) => &jail.ratelimit,
        None => Ratelimit::of_host(),
    };

    if ratelimit.allows() {
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
