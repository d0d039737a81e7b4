// SPDX-License-Identifier: MIT OR Apache-2.0

//! The supervisor of a detached jail.
//!
//! It has a session of its own, no terminal, and no descriptor of its caller's. Its caller hears
//! from it once: which jail it is, when something has been executed there, or why not.

use std::thread;
use std::time::Duration;

use nix::sys::wait::waitpid;
use nix::unistd::{chdir, setsid};

use super::again::{carry_on, starting, Again, Started, Starting};
use super::attend::{begin, Begun, Own, Watched};
use super::place::note_end;
use super::report::{self, Reporter};
use super::{Ending, LaunchError, Plan};
use crate::jail::JailNumber;
use crate::layers::Made;
use crate::root::Root;
use crate::state::Record;
use crate::sys;
use crate::text::reason;

/// How long after it could not be noted how a process ended that is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// How a supervisor makes the jail anew.
struct Renewal<'a> {
    again: &'a dyn Again,
    started: Started,
}

/// Starts `plan` under a supervisor and returns when it is executed.
pub(super) fn detach(plan: Plan, root: Root) -> Result<JailNumber, LaunchError> {
    separate(plan, root, None)
}

/// The same; the supervisor makes the jail anew as `again` says, but not while what is returned is held.
pub(super) fn detach_again(
    plan: Plan,
    root: Root,
    again: &dyn Again,
) -> Result<(JailNumber, Starting), LaunchError> {
    let failed = |error| LaunchError::about(&plan.path, format!("pipe: {error}"));
    let (starting, started) = starting().map_err(failed)?;
    let number = separate(plan, root, Some(Renewal { again, started }))?;
    Ok((number, starting))
}

/// Forks the supervisor and hears what it has to say.
fn separate(
    plan: Plan,
    root: Root,
    renewal: Option<Renewal<'_>>,
) -> Result<JailNumber, LaunchError> {
    let path = plan.path.clone();
    let about = |why: String| LaunchError::about(&path, why);
    let failed = |errno| about(format!("starting its supervisor: {}", reason(errno)));
    let unreadable = |error| about(format!("reading the supervisor's report: {error}"));
    // Its path is noted, and the supervisor is elsewhere.
    let path_inside = root.path().canonicalize();
    let root = root.at(path_inside.map_err(|error| about(error.to_string()))?);
    let (reporter, mut listener) =
        report::channel().map_err(|error| about(format!("pipe: {error}")))?;
    let intermediate = match sys::fork().map_err(failed)? {
        sys::Fork::Parent(child) => child,
        sys::Fork::Child => supervise(plan, root, reporter, renewal),
    };
    drop((reporter, root, renewal));
    waitpid(intermediate, None).map_err(failed)?;
    // The supervisor itself sees to what it starts.
    let mut patient = || Ok(());
    let number = listener.number(&mut patient).map_err(unreadable)?;
    match (listener.failure(&mut patient).map_err(unreadable)?, number) {
        (Some(failure), _) => Err(failure),
        (None, Some(number)) => Ok(number),
        (None, None) => Err(about(
            "its supervisor ended before it could start it".into(),
        )),
    }
}

/// Becomes the supervisor, whose parent is whoever adopts orphans; never returns.
fn supervise(plan: Plan, root: Root, mut reporter: Reporter, renewal: Option<Renewal<'_>>) -> ! {
    let forked = setsid().and_then(|_| sys::fork());
    match forked {
        Ok(sys::Fork::Parent(_)) => sys::exit_now(0),
        Ok(sys::Fork::Child) => run(plan, root, reporter, renewal),
        Err(errno) => {
            let why = format!("starting its supervisor: {}", reason(errno));
            let _ = reporter.failure(&LaunchError::about(&plan.path, why));
            sys::exit_now(1)
        }
    }
}

fn run(plan: Plan, root: Root, mut reporter: Reporter, renewal: Option<Renewal<'_>>) -> ! {
    let path = plan.path.clone();
    match first(plan, root, &reporter, renewal.as_ref()) {
        Err(error) => {
            // A caller that has gone meanwhile is told nothing, and left nothing.
            let _ = reporter.failure(&error);
            sys::exit_now(1)
        }
        Ok((begun, own)) => {
            if let Err(error) = reporter.number(begun.number()) {
                let why = format!("telling its number: {error}");
                let _ = reporter.failure(&LaunchError::about(&path, why));
                begun.abandon();
                sys::exit_now(1)
            }
            drop(reporter);
            match renewal {
                Some(Renewal { again, started }) => carry_on(begun, again, &own, started),
                None => note_and_finish(begun.watch()),
            }
            sys::exit_now(0)
        }
    }
}

fn first(
    plan: Plan,
    root: Root,
    reporter: &Reporter,
    renewal: Option<&Renewal<'_>>,
) -> Result<(Begun, Own), LaunchError> {
    let path = plan.path.clone();
    let failed =
        |what: &str, errno| LaunchError::about(&path, format!("{what}: {}", reason(errno)));
    let mut kept = vec![root.directory(), reporter.descriptor()];
    kept.extend(root.as_made().into_iter().flat_map(Made::locks));
    kept.extend(renewal.map(|renewal| renewal.started.descriptor()));
    sys::close_all_except(&kept).map_err(|errno| failed("close_range", errno))?;
    chdir("/").map_err(|errno| failed("chdir to /", errno))?;
    let own = Own::nowhere().map_err(|errno| failed("opening /dev/null", errno))?;
    let begun = begin(plan, root, &own, &mut None)?;
    Ok((begun, own))
}

/// Notes how the first process ended, and writes the log of a jail that is kept as long as there is
/// anybody who prints.
pub(super) fn note_and_finish(watched: Watched) {
    if watched.record.keep {
        // Meanwhile there may be room for that again.
        while !note(&watched.record, &watched.ending) && !watched.is_log_finished() {
            thread::sleep(AGAIN);
        }
        watched.finish_log();
    } else {
        // Nobody is left to be told that this failed.
        note(&watched.record, &watched.ending);
    }
}

/// Notes how the first process ended; whether nothing is left to be done about that.
fn note(record: &Record, ending: &Result<Ending, LaunchError>) -> bool {
    match ending {
        Ok(ending) => note_end(record, *ending).is_ok(),
        Err(_) => true,
    }
}
