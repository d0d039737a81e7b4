// SPDX-License-Identifier: MIT OR Apache-2.0

//! The supervisor of a detached jail.
//!
//! It has a session of its own, no terminal, and no descriptor of its caller's. Its caller hears
//! from it once: which jail it is, when something has been executed there, or why not.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};

use super::log::Log;
use super::place::note_end;
use super::report::{self, Reporter};
use super::start::{start, Running};
use super::{Ending, LaunchError, Plan};
use crate::console::{Console, Served};
use crate::jail::JailNumber;
use crate::root::Root;
use crate::state::{Record, Store};
use crate::sys;
use crate::text::reason;

/// How long the log is waited for when the jail has ended: what it printed is in the pipe then,
/// unless somebody outside of the jail was given the other end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long after it could not be noted how a process ended that is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts `plan` under a supervisor and returns when it is executed.
pub(super) fn detach(plan: Plan, root: Root) -> Result<JailNumber, LaunchError> {
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
        sys::Fork::Child => separate(plan, root, reporter),
    };
    drop((reporter, root));
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
fn separate(plan: Plan, root: Root, mut reporter: Reporter) -> ! {
    let forked = setsid().and_then(|_| sys::fork());
    match forked {
        Ok(sys::Fork::Parent(_)) => sys::exit_now(0),
        Ok(sys::Fork::Child) => run(plan, root, reporter),
        Err(errno) => {
            let why = format!("starting its supervisor: {}", reason(errno));
            let _ = reporter.failure(&LaunchError::about(&plan.path, why));
            sys::exit_now(1)
        }
    }
}

fn run(plan: Plan, root: Root, mut reporter: Reporter) -> ! {
    let path = plan.path.clone();
    match begin(plan, root, &reporter) {
        Err(error) => {
            // A caller that has gone meanwhile is told nothing, and left nothing.
            let _ = reporter.failure(&error);
            sys::exit_now(1)
        }
        Ok(Begun {
            running,
            record,
            output,
            log,
            console,
        }) => {
            if let Err(error) = reporter.number(running.number) {
                let why = format!("telling its number: {error}");
                let _ = reporter.failure(&LaunchError::about(&path, why));
                running.abandon();
                sys::exit_now(1)
            }
            drop(reporter);
            watch(running, &record, (output, log), console);
            sys::exit_now(0)
        }
    }
}

/// A jail that runs, and what its supervisor has to see to.
struct Begun {
    running: Running,
    record: Record,
    /// What it prints, for its log.
    output: File,
    log: Log,
    /// Its terminal, where it has one.
    console: Option<Served>,
}

fn begin(plan: Plan, root: Root, reporter: &Reporter) -> Result<Begun, LaunchError> {
    let path = plan.path.clone();
    let failed = |what: &'static str| {
        let path = path.as_path();
        move |errno: Errno| LaunchError::about(path, format!("{what}: {}", reason(errno)))
    };
    sys::close_all_except(&[root.directory(), reporter.descriptor()])
        .map_err(failed("close_range"))?;
    chdir("/").map_err(failed("chdir to /"))?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(failed("opening /dev/null"))?;
    let (output, input) = pipe2(OFlag::O_CLOEXEC).map_err(failed("pipe"))?;
    let redirect = |errno| failed("redirecting its output")(errno);
    dup2_stdin(&null).map_err(redirect)?;
    dup2_stdout(&input).map_err(redirect)?;
    dup2_stderr(&input).map_err(redirect)?;
    let mut running = start(plan, root)?;
    // From here on the jail alone has the other end of the pipe.
    let alone = dup2_stdout(null.as_fd()).and_then(|()| dup2_stderr(null.as_fd()));
    let log = running
        .record
        .clone()
        .ok_or(Errno::ENOENT.desc().to_owned());
    let log = log.and_then(|record| Ok((Log::create(&record)?, record)));
    let console = running.take_terminal().map(|master| {
        // In place of the jail, whose output it takes from the terminal.
        let served = Console::new(master, &Store::default(), running.number);
        served.and_then(|console| console.serve(input.into()))
    });
    match (alone, log, console.transpose()) {
        (Ok(()), Ok((log, record)), Ok(console)) => Ok(Begun {
            running,
            record,
            output: output.into(),
            log,
            console,
        }),
        (Err(errno), ..) => {
            running.abandon();
            Err(redirect(errno))
        }
        (_, Err(why), _) => {
            running.abandon();
            Err(LaunchError::about(&path, format!("its log: {why}")))
        }
        (.., Err(error)) => {
            running.abandon();
            Err(LaunchError::about(&path, format!("its console: {error}")))
        }
    }
}

/// Waits for the jail, writing its log meanwhile.
fn watch(
    running: Running,
    record: &Record,
    (mut output, mut log): (File, Log),
    console: Option<Served>,
) {
    let (done, ended) = mpsc::channel();
    let writer = std::thread::spawn(move || {
        log.write_all_of(&mut output);
        // Nobody listens any more when the supervisor has waited long enough.
        let _ = done.send(());
    });
    let drain = || {
        if let Some(console) = console {
            console.drain();
        }
    };
    let ending = running.wait_and_drain(drain).ending;
    if record.keep {
        // It goes on printing. Meanwhile there may be room for that again.
        while !note(record, &ending) && !writer.is_finished() {
            std::thread::sleep(AGAIN);
        }
        let _ = writer.join();
    } else {
        // Whoever sees how it ended finds all that it printed in the log.
        let _ = ended.recv_timeout(LAST_WORDS);
        // Nobody is left to be told that this failed.
        note(record, &ending);
    }
}

/// Notes how the first process ended; whether nothing is left to be done about that.
fn note(record: &Record, ending: &Result<Ending, LaunchError>) -> bool {
    match ending {
        Ok(ending) => note_end(record, *ending).is_ok(),
        Err(_) => true,
    }
}
