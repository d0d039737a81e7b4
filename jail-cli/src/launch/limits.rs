// SPDX-License-Identifier: MIT OR Apache-2.0

//! The limits of a command (getrlimit(2)), which are never those of its launcher.
//!
//! They are set last, when nothing is left to be done but to execute the command: as its user, who
//! may lower a hard limit and not raise one. So while that is permitted each is raised as far as it
//! will be.

use std::fs;

use rustix::io::Errno;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit as Values};

use crate::caller::{larger, smaller, Caller};
use crate::isolation::{resources, Inherited, Isolation, Part, Rlimit};

/// How many tasks the kernel has; the first process is given half as many, and as many signals that
/// wait.
const THREADS_MAX: &str = "/proc/sys/kernel/threads-max";

/// What a limit is to be in the end.
#[derive(Clone, Copy)]
struct Target {
    resource: Resource,
    values: Values,
    /// What it was asked for as; such a one is set as it is, or nothing is executed.
    given: Option<Rlimit>,
}

/// The limits of a command, ready to be set.
pub struct Limits(Vec<Target>);

impl Limits {
    /// Makes room for the limits that `isolation` says, in a process that may still do so.
    ///
    /// # Errors
    ///
    /// Which of those that were asked for cannot be set.
    pub fn prepare(isolation: &Isolation) -> Result<Self, String> {
        let targets: Vec<Target> = targets(isolation).collect();
        for target in &targets {
            raise(target)?;
        }
        Ok(Limits(targets))
    }

    /// Sets them.
    ///
    /// # Errors
    ///
    /// Which could not be set.
    pub fn set(&self) -> Result<(), String> {
        self.0.iter().try_for_each(set)
    }
}

fn targets(isolation: &Isolation) -> impl Iterator<Item = Target> + '_ {
    let caller = Caller::get();
    let is_limited = isolation.has(Part::Rlimits);
    let keeps = isolation.inherits(Inherited::Rlimits);
    let half = match keeps {
        true => None,
        false => half_of_the_tasks(),
    };
    resources().map(move |resource| {
        let is_it = |limit: &&Rlimit| limit.resource() == Some(resource);
        let mut given = isolation.rlimit.iter().rev();
        let given = given.find(is_it).copied().filter(|_| is_limited);
        let values = match (given, resource) {
            (Some(limit), _) => limit.values(),
            (None, Resource::Core) if is_limited => Rlimit::NO_CORE.values(),
            _ if keeps => caller.limit(resource),
            _ => usual(resource, half).unwrap_or_else(|| caller.limit(resource)),
        };
        Target {
            resource,
            values,
            given,
        }
    })
}

/// What the kernel gives the first process, and systemd what it starts; `None` where that cannot be
/// told.
fn usual(resource: Resource, half_of_the_tasks: Option<u64>) -> Option<Values> {
    let (current, maximum) = match resource {
        Resource::Stack => (Some(8 << 20), None),
        Resource::Nofile => (Some(1024), Some(524_288)),
        Resource::Memlock => (Some(8 << 20), Some(8 << 20)),
        Resource::Msgqueue => (Some(819_200), Some(819_200)),
        Resource::Nice | Resource::Rtprio => (Some(0), Some(0)),
        Resource::Nproc | Resource::Sigpending => {
            (Some(half_of_the_tasks?), Some(half_of_the_tasks?))
        }
        _ => (None, None),
    };
    Some(Values { current, maximum })
}

fn half_of_the_tasks() -> Option<u64> {
    let text = fs::read_to_string(THREADS_MAX).ok()?;
    text.trim().parse::<u64>().ok().map(|count| count / 2)
}

/// Raises a hard limit as far as it will be, and the soft one to it: no limit of the command's is to
/// be felt before it is executed.
fn raise(target: &Target) -> Result<(), String> {
    let there = getrlimit(target.resource);
    let ceiling = larger(there.maximum, target.values.maximum);
    let raised = Values {
        current: ceiling,
        maximum: ceiling,
    };
    let error = match setrlimit(target.resource, raised) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    match (target.given, error) {
        (Some(limit), Errno::PERM) => {
            let most = there.maximum.map_or("max".into(), |most| most.to_string());
            Err(format!(
                "{limit}: not permitted; the hard limit is {most}, to raise it takes \
                 CAP_SYS_RESOURCE, and no nofile is above fs.nr_open"
            ))
        }
        (Some(limit), error) => Err(format!("{limit}: {error}")),
        // What the caller may not raise stays where it is.
        (None, _) => setrlimit(
            target.resource,
            Values {
                current: there.maximum,
                maximum: there.maximum,
            },
        )
        .map_err(|error| format!("{:?}: {error}", target.resource)),
    }
}

/// Sets a limit, no higher than it can be, and looks that it is set.
fn set(target: &Target) -> Result<(), String> {
    let ceiling = getrlimit(target.resource).maximum;
    let wanted = Values {
        current: smaller(target.values.current, ceiling),
        maximum: smaller(target.values.maximum, ceiling),
    };
    let name = |target: &Target| match target.given {
        Some(limit) => limit.to_string(),
        None => format!("{:?}", target.resource),
    };
    if target.given.is_some() && wanted != target.values {
        return Err(format!("{}: the hard limit has changed", name(target)));
    }
    setrlimit(target.resource, wanted).map_err(|error| format!("{}: {error}", name(target)))?;
    match getrlimit(target.resource) == wanted {
        true => Ok(()),
        false => Err(format!(
            "{}: is not set although the kernel accepted it",
            name(target)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(isolation: &Isolation, resource: Resource) -> Values {
        let found = targets(isolation).find(|target| target.resource == resource);
        found.expect("a limit").values
    }

    #[test]
    fn what_is_given_counts_and_else_the_usual() {
        let mut isolation = Isolation::default();
        let core = values(&isolation, Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(1), Some(1)));
        let files = values(&isolation, Resource::Nofile);
        assert_eq!((files.current, files.maximum), (Some(1024), Some(524_288)));
        isolation.rlimit = ["nofile=5", "nofile=7:9"]
            .map(|text| text.parse().expect("a limit"))
            .to_vec();
        let files = values(&isolation, Resource::Nofile);
        assert_eq!((files.current, files.maximum), (Some(7), Some(9)));
        isolation.without = vec![Part::Rlimits];
        let caller = Caller::get().limit(Resource::Nofile);
        assert_eq!(values(&isolation, Resource::Nofile), caller);
    }

    #[test]
    fn those_of_the_caller_can_be_kept() {
        let isolation = Isolation {
            inherit: vec![Inherited::Rlimits],
            ..Isolation::default()
        };
        for resource in resources().filter(|resource| *resource != Resource::Core) {
            assert_eq!(
                values(&isolation, resource),
                Caller::get().limit(resource),
                "{resource:?}"
            );
        }
        assert_eq!(values(&isolation, Resource::Core), Rlimit::NO_CORE.values());
    }
}
