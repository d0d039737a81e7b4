// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a supervisor does about a jail while that runs: it writes the log, serves the terminal, and waits.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::stat::Mode;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2};

use super::log::Log;
use super::start::{start, Running};
use super::{Ending, LaunchError, Plan};
use crate::console::{Console, Served};
use crate::jail::JailNumber;
use crate::root::Root;
use crate::state::{Record, Store};
use crate::text::reason;

/// How long the log is waited for when the jail has ended: what it printed is in the pipe then,
/// unless somebody outside of the jail was given the other end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How much of it is taken where that has no end, in bytes: more than a pipe holds.
const LAST_BYTES: usize = 1 << 20;

/// Where the supervisor's own words go.
pub struct Own {
    output: OwnedFd,
    errors: OwnedFd,
}

impl Own {
    /// Where nobody reads them.
    pub fn nowhere() -> Result<Self, Errno> {
        Ok(Own {
            output: null()?,
            errors: null()?,
        })
    }

    /// Where the process has them now.
    pub fn as_now() -> io::Result<Self> {
        Ok(Own {
            output: io::stdout().as_fd().try_clone_to_owned()?,
            errors: io::stderr().as_fd().try_clone_to_owned()?,
        })
    }

    fn restore(&self) -> Result<(), Errno> {
        dup2_stdout(&self.output)?;
        dup2_stderr(&self.errors)
    }
}

fn null() -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    open("/dev/null", flags, Mode::empty())
}

/// A jail that runs, and what its supervisor has to see to.
pub struct Begun {
    running: Running,
    attended: Attended,
    since: Instant,
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
    thread: JoinHandle<Log>,
    done: Receiver<()>,
    stop: OwnedFd,
}

impl Writer {
    /// Writes all that comes from `output` to `log`, until its end.
    fn start(mut log: Log, output: File) -> io::Result<Self> {
        let (ended, done) = mpsc::channel();
        let (stopped, stop) = pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from)?;
        let mut output = Output {
            output,
            stopped,
            left: LAST_BYTES,
        };
        let thread = thread::Builder::new().spawn(move || {
            log.write_all_of(&mut output);
            // Nobody listens any more when the supervisor has waited long enough.
            let _ = ended.send(());
            log
        })?;
        Ok(Writer { thread, done, stop })
    }
}

/// What a jail prints, until its end or until nobody wants more of it.
struct Output {
    output: File,
    stopped: OwnedFd,
    /// How much is still taken when it was stopped.
    left: usize,
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = [
            PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.stopped.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut ready, PollTimeout::NONE)?;
        let [output, stopped] = ready.map(|one| one.any() == Some(true));
        if !stopped {
            return self.output.read(buffer);
        }
        if !output {
            return Ok(0);
        }
        let most = buffer.len().min(self.left);
        let length = self.output.read(&mut buffer[..most])?;
        self.left -= length;
        Ok(length)
    }
}

/// Starts what `plan` says and has it attended to; `log` is gone on with where there is one, and left
/// where it comes to nothing.
pub fn begin(
    plan: Plan,
    root: Root,
    own: &Own,
    log: &mut Option<Log>,
) -> Result<Begun, LaunchError> {
    let path = plan.path.clone();
    let begun = begin_redirected(&path, plan, root, own, log);
    if begun.is_err() {
        // What is told about it then goes where it should, if anything can.
        let _ = own.restore();
    }
    begun
}

fn begin_redirected(
    path: &Path,
    plan: Plan,
    root: Root,
    own: &Own,
    log: &mut Option<Log>,
) -> Result<Begun, LaunchError> {
    let failed = |what: &'static str| {
        move |errno: Errno| LaunchError::about(path, format!("{what}: {}", reason(errno)))
    };
    let (output, input) = pipe2(OFlag::O_CLOEXEC).map_err(failed("pipe"))?;
    let redirect = |errno| failed("redirecting its output")(errno);
    dup2_stdin(null().map_err(failed("opening /dev/null"))?).map_err(redirect)?;
    dup2_stdout(&input).map_err(redirect)?;
    dup2_stderr(&input).map_err(redirect)?;
    let mut running = start(plan, root)?;
    let since = Instant::now();
    match attend(&mut running, own, output, input, log) {
        Ok(attended) => Ok(Begun {
            running,
            attended,
            since,
        }),
        Err(why) => {
            running.abandon();
            Err(LaunchError::about(path, why))
        }
    }
}

/// Has what the jail prints written to its log, and its terminal served, where it has one.
fn attend(
    running: &mut Running,
    own: &Own,
    output: OwnedFd,
    input: OwnedFd,
    log: &mut Option<Log>,
) -> Result<Attended, String> {
    // From here on the jail alone has the other end of the pipe, or what serves its terminal.
    own.restore()
        .map_err(|errno| format!("redirecting its output: {}", reason(errno)))?;
    let of_log = |why: String| format!("its log: {why}");
    let record = running.record.clone();
    let record = record.ok_or_else(|| of_log("the jail is not noted".into()))?;
    let console = running.take_terminal().map(|master| {
        let console = Console::new(master, &Store::default(), running.number)?;
        console.serve(input.into())
    });
    let console = console.transpose();
    let console = console.map_err(|error| format!("its console: {error}"))?;
    let log = match log.take() {
        Some(log) => log.go_on(&record),
        None => Log::create(&record),
    };
    let writer = Writer::start(log.map_err(of_log)?, output.into());
    Ok(Attended {
        record,
        writer: writer.map_err(|error| of_log(error.to_string()))?,
        console,
    })
}

/// A jail whose first process has ended, and the jail with it unless it is to be kept.
pub struct Watched {
    /// What was noted about it at its start.
    pub record: Record,
    /// How that process ended.
    pub ending: Result<Ending, LaunchError>,
    /// How long it ran.
    pub ran: Duration,
    /// Whether somebody wanted its supervisor to end, and so the jail.
    pub was_told_to_end: bool,
    writer: Writer,
    /// Served until nobody has it any more.
    console: Option<Served>,
}

impl Begun {
    /// The jail.
    pub fn number(&self) -> JailNumber {
        self.running.number
    }

    /// What is noted about it.
    pub fn record(&self) -> &Record {
        &self.attended.record
    }

    /// Ends it before its time.
    pub fn abandon(self) {
        self.running.abandon();
    }

    /// Waits for it, writing its log meanwhile.
    pub fn watch(self) -> Watched {
        let Attended {
            record,
            writer,
            mut console,
        } = self.attended;
        let drain = || {
            if let Some(console) = &mut console {
                console.drain();
            }
        };
        let waited = self.running.wait_and_drain(drain);
        let ran = self.since.elapsed();
        if !record.keep {
            // Whoever sees how it ended finds all that it printed in the log.
            let _ = writer.done.recv_timeout(LAST_WORDS);
        }
        Watched {
            record,
            ending: waited.ending,
            ran,
            was_told_to_end: waited.was_told_to_end,
            writer,
            console,
        }
    }
}

impl Watched {
    /// Whether nobody can print to the log any more.
    pub fn is_log_finished(&self) -> bool {
        self.writer.thread.is_finished()
    }

    /// Writes the log on until its end.
    pub fn finish_log(self) {
        let _ = self.writer.thread.join();
        drop(self.console);
    }

    /// Ends all that was done beside waiting; the log, to go on with. The process has one thread then.
    pub fn into_log(self) -> Option<Log> {
        if let Some(console) = self.console {
            console.stop();
        }
        drop(self.writer.stop);
        self.writer.thread.join().ok()
    }
}
