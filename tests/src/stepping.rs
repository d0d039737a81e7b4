// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes that are taken from system call to system call, so that one of them can be killed at a
//! moment that is the same on every machine, however busy that is.
//!
//! A step is the beginning or the end of a system call. What is followed is the command and all that
//! it forks, up to where one of them executes something in a jail: that is no longer the command's.

use crate::ktap::{CaseResult, Context, Failure};
use crate::procfs;
use crate::sys::process;
use crate::sys::schedule;
use crate::sys::trace::{self, Event};
use crate::sys::Errno;
use libc::pid_t;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Which options PTRACE_SEIZE is given: what is forked is followed, what executes something is seen,
/// steps are told from signals, and nothing outlives the test.
const OPTIONS: i32 = libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_EXITKILL;

/// A step of one of the processes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Which process, in the order in which they are made; threads count as well.
    process: usize,
    /// Which of its steps, from 1.
    step: usize,
}

/// How many steps each process of a command takes, in the order in which they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course(Vec<usize>);

impl Course {
    /// Counts them. Returns when all processes have ended, but for what was executed in a jail.
    pub fn of(command: &mut Command) -> Result<Course, Failure> {
        run(command, None).map(|(steps, _)| steps)
    }

    /// The moment when so many of `parts` parts of all steps are over, those of one process after
    /// those of another.
    pub fn moment(&self, part: usize, parts: usize) -> Option<Moment> {
        let all: usize = self.0.iter().sum();
        let mut before = all * part / parts.max(1);
        for (process, &steps) in self.0.iter().enumerate() {
            if before < steps {
                let step = before + 1;
                return Some(Moment { process, step });
            }
            before -= steps;
        }
        None
    }
}

/// Kills a process of a command at a moment of it, and returns when the others have ended, as
/// [`Course::of`] does; whether it came as far as that.
pub fn kill_at(command: &mut Command, moment: Moment) -> Result<bool, Failure> {
    run(command, Some(moment)).map(|(_, killed)| killed)
}

/// Those who are followed.
#[derive(Default)]
struct Followed {
    /// Which number in the order of their making each has.
    order: BTreeMap<pid_t, usize>,
    steps: Course,
}

impl Followed {
    /// Counts a step of a process.
    fn count(&mut self, pid: pid_t) -> Moment {
        let process = self.place(pid);
        self.steps.0[process] += 1;
        let step = self.steps.0[process];
        Moment { process, step }
    }

    fn place(&mut self, pid: pid_t) -> usize {
        let next = self.order.len();
        let place = *self.order.entry(pid).or_insert(next);
        if place == next {
            self.steps.0.push(0);
        }
        place
    }
}

fn run(command: &mut Command, moment: Option<Moment>) -> Result<(Course, bool), Failure> {
    // Each step goes from one process to another and back: on one processor that takes a tenth of the
    // time.
    schedule::set_first_processor(0).context("sched_setaffinity")?;
    let result = follow(command, moment);
    schedule::set_affinity(0).context("sched_setaffinity")?;
    result
}

fn follow(command: &mut Command, moment: Option<Moment>) -> Result<(Course, bool), Failure> {
    start(command)?;
    let mut followed = Followed::default();
    let mut killed = false;
    loop {
        let (pid, event) = match trace::next_event() {
            Err(Errno::ECHILD) => return Ok((followed.steps, killed)),
            other => other.context("waiting for what is traced")?,
        };
        let process = followed.place(pid);
        let mut signal = 0;
        match event {
            Event::Ended => continue,
            Event::Executed if procfs::jail(pid) != Ok(0) => {
                let_go(pid, 0, trace::detach)?;
                continue;
            }
            Event::Call if !killed => {
                if moment == Some(followed.count(pid)) {
                    process::kill(pid, libc::SIGKILL).context("kill")?;
                    killed = true;
                    continue;
                }
            }
            Event::Signal(number) => signal = number,
            Event::Call | Event::Executed | Event::Other => {}
        }
        // Whose steps do not matter takes them unseen; when one has been killed, nobody's do.
        let matters = moment.is_none_or(|moment| moment.process == process);
        let how = match (killed, matters) {
            (true, _) => trace::detach,
            (false, true) => trace::to_next_call,
            (false, false) => trace::go_on,
        };
        let_go(pid, signal, how)?;
    }
}

/// Starts the command, which is traced from when it is executed.
fn start(command: &mut Command) -> CaseResult {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let pid = process::fork(|| {
        if theirs.read_exact(&mut [0]).is_ok() {
            let error = command.exec();
            eprintln!("{command:?}: {error}");
        }
        127
    })
    .context("fork")?;
    trace::seize(pid, OPTIONS).context("PTRACE_SEIZE")?;
    ours.write_all(b"x").context("letting it go on")
}

/// Lets a stopped process go on in some way; it may have been killed.
fn let_go(pid: pid_t, signal: i32, how: fn(pid_t, i32) -> crate::sys::Result<()>) -> CaseResult {
    match how(pid, signal) {
        Err(Errno::ESRCH) => Ok(()),
        other => other.context("letting a process go on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_through_all_processes() {
        let steps = Course(vec![4, 0, 6]);
        let moments: Vec<_> = (0..5).map(|part| steps.moment(part, 5)).collect();
        let expected = [(0, 1), (0, 3), (2, 1), (2, 3), (2, 5)];
        assert_eq!(
            moments,
            expected.map(|(process, step)| Some(Moment { process, step }))
        );
        assert_eq!(steps.moment(5, 5), None);
        assert_eq!(Course::default().moment(0, 5), None);
    }

    #[test]
    fn processes_are_known_by_when_they_are_made() {
        let mut followed = Followed::default();
        for (pid, process, step) in [(70, 0, 1), (9, 1, 1), (70, 0, 2), (9, 1, 2)] {
            assert_eq!(followed.count(pid), Moment { process, step });
        }
        assert_eq!(followed.steps, Course(vec![2, 2]));
    }
}
