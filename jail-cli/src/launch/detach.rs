// SPDX-License-Identifier: MIT OR Apache-2.0

//! The supervisor of a detached jail.
//!
//! It has a session of its own, no terminal, and no descriptor of its caller's. Its caller hears
//! from it once: which jail it is, when something has been executed there, or why not.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
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
        Ok(begun) => {
            if let Err(error) = reporter.number(begun.running.number) {
                let why = format!("telling its number: {error}");
                let _ = reporter.failure(&LaunchError::about(&path, why));
                begun.running.abandon();
                sys::exit_now(1)
            }
            drop(reporter);
            watch(begun);
            sys::exit_now(0)
        }
    }
}

/// A jail that runs, and what its supervisor has to see to.
struct Begun {
    running: Running,
    attended: Attended,
}

/// What is done about a jail while it runs.
struct Attended {
    record: Record,
    writer: Writer,
    /// Its terminal, where it has one.
    console: Option<Served>,
}

/// What writes the log of a jail.
struct Writer {
    thread: JoinHandle<()>,
    done: Receiver<()>,
}

impl Writer {
    /// Writes all that comes from `output` to `log`, until its end.
    fn start(mut log: Log, mut output: File) -> io::Result<Self> {
        let (ended, done) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            log.write_all_of(&mut output);
            // Nobody listens any more when the supervisor has waited long enough.
            let _ = ended.send(());
        })?;
        Ok(Writer { thread, done })
    }
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
    match attend(&mut running, null, output, input) {
        Ok(attended) => Ok(Begun { running, attended }),
        Err(why) => {
            running.abandon();
            Err(LaunchError::about(&path, why))
        }
    }
}

/// Has what the jail prints written to its log, and its terminal served, where it has one.
fn attend(
    running: &mut Running,
    null: OwnedFd,
    output: OwnedFd,
    input: OwnedFd,
) -> Result<Attended, String> {
    // From here on the jail alone has the other end of the pipe, or what serves its terminal.
    dup2_stdout(null.as_fd())
        .and_then(|()| dup2_stderr(null.as_fd()))
        .map_err(|errno| format!("redirecting its output: {}", reason(errno)))?;
    let of_log = |why: String| format!("its log: {why}");
    let record = running.record.clone();
    let record = record.ok_or_else(|| of_log("the jail is not noted".into()))?;
    let log = Log::create(&record).map_err(of_log)?;
    let console = running.take_terminal().map(|master| {
        let console = Console::new(master, &Store::default(), running.number)?;
        console.serve(input.into())
    });
    let console = console.transpose();
    let console = console.map_err(|error| format!("its console: {error}"))?;
    let writer = Writer::start(log, output.into()).map_err(|error| of_log(error.to_string()))?;
    Ok(Attended {
        record,
        writer,
        console,
    })
}

/// Waits for the jail, writing its log meanwhile.
fn watch(begun: Begun) {
    let Attended {
        record,
        writer,
        console,
    } = begun.attended;
    let drain = || {
        if let Some(console) = console {
            console.drain();
        }
    };
    let ending = begun.running.wait_and_drain(drain).ending;
    if record.keep {
        // It goes on printing. Meanwhile there may be room for that again.
        while !note(&record, &ending) && !writer.thread.is_finished() {
            thread::sleep(AGAIN);
        }
        let _ = writer.thread.join();
    } else {
        // Whoever sees how it ended finds all that it printed in the log.
        let _ = writer.done.recv_timeout(LAST_WORDS);
        // Nobody is left to be told that this failed.
        note(&record, &ending);
    }
}

/// Notes how the first process ended; whether nothing is left to be done about that.
fn note(record: &Record, ending: &Result<Ending, LaunchError>) -> bool {
    match ending {
        Ok(ending) => note_end(record, *ending).is_ok(),
        Err(_) => true,
    }
}
