// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the caller of jaula has left it with: put aside, so that it reaches neither what jaula writes
//! nor how long jaula lives, and kept for a command that is to have it.
//!
//! Standard descriptors that are closed are none of it: Rust's library has opened /dev/null in their
//! place before anything else.

use std::ffi::c_int;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{getrlimit, setrlimit, Resource, Rlimit as Values};

use crate::isolation::{resources, UMASK};
use crate::sys::{self, inherited};

/// The limits that would end jaula, or keep it from its files. They are lifted as far as they can be.
const IN_THE_WAY: [Resource; 8] = [
    Resource::As,
    Resource::Cpu,
    Resource::Data,
    Resource::Fsize,
    Resource::Nofile,
    Resource::Rss,
    Resource::Rttime,
    Resource::Stack,
];

/// As many files as jaula itself can ever need at once.
const FILES: u64 = 4096;

/// What the caller has.
#[derive(Debug)]
pub(crate) struct Caller {
    limits: Vec<(Resource, Values)>,
    umask: u32,
    ignored: Vec<c_int>,
}

static CALLER: OnceLock<Caller> = OnceLock::new();

/// Puts aside what the caller has left the process with, in favour of what jaula works with.
///
/// To be called before anything is written.
pub fn settle() {
    CALLER.get_or_init(Caller::now);
    inherited::replace_umask(UMASK);
    IN_THE_WAY.into_iter().for_each(lift);
    // Where a limit stays, what is written is answered with an error.
    let _ = inherited::ignore(libc::SIGXFSZ);
}

/// Whether what is done about a signal is not the caller's choice: Rust's library ignores SIGPIPE, and
/// whoever waits for processes must not ignore SIGCHLD.
fn is_own(signal: c_int) -> bool {
    matches!(signal, libc::SIGPIPE | libc::SIGCHLD)
}

/// Lifts a limit of this process, as far as that is permitted.
fn lift(resource: Resource) {
    let most = match resource {
        Resource::Nofile => Some(FILES),
        // More than the usual would change where things lie in memory.
        Resource::Stack => Some(8 << 20),
        _ => None,
    };
    let there = getrlimit(resource);
    let lifted = Values {
        current: larger(there.current, most),
        maximum: larger(there.maximum, most),
    };
    if setrlimit(resource, lifted).is_err() {
        let _ = setrlimit(
            resource,
            Values {
                current: there.maximum,
                maximum: there.maximum,
            },
        );
    }
}

/// The larger of two limits; none is the largest.
pub(crate) fn larger(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.max(other?))
}

/// The smaller of two limits.
pub(crate) fn smaller(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Caller {
    fn now() -> Self {
        let umask = inherited::replace_umask(UMASK);
        inherited::replace_umask(umask);
        let ignored = (1..=sys::last_signal()).filter(|&signal| sys::is_ignored(signal));
        Caller {
            limits: resources().map(|one| (one, getrlimit(one))).collect(),
            umask,
            ignored: ignored.filter(|signal| !is_own(*signal)).collect(),
        }
    }

    /// The one of this process. Without [`settle`] that is how it is now.
    pub fn get() -> &'static Caller {
        CALLER.get_or_init(Caller::now)
    }

    /// Its limit of something.
    pub fn limit(&self, resource: Resource) -> Values {
        let found = self.limits.iter().find(|(one, _)| *one == resource);
        found.map_or_else(|| getrlimit(resource), |(_, values)| *values)
    }

    /// Its umask.
    pub fn umask(&self) -> u32 {
        self.umask
    }

    /// Has a command of the caller's own begin with what the caller has, in place of what jaula works
    /// with.
    pub fn hand_to(&self, command: &mut Command) {
        inherited::begin_with(command, self.umask, self.limits.clone(), &self.ignored);
    }

    /// Whether it ignores a signal.
    pub fn ignores(&self, signal: c_int) -> bool {
        self.ignored.contains(&signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_the_largest() {
        assert_eq!(larger(Some(1), None), None);
        assert_eq!(larger(Some(1), Some(2)), Some(2));
        assert_eq!(smaller(Some(1), None), Some(1));
        assert_eq!(smaller(None, Some(2)), Some(2));
        assert_eq!(smaller(None, None), None);
        assert_eq!(smaller(Some(1), Some(2)), Some(1));
    }
}
