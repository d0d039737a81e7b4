// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making verdicts of what a guest prints, as it arrives. Nothing that did not happen may look
//! like success.

use super::boot::BETWEEN;
use super::script::{mark, Mark, LEAKS};
use super::shard::Shard;
use super::skips::Skips;
use crate::boot::deadline::Deadline;
use crate::boot::session::{Ended, Outcome};
use crate::ktap::{Case, Reader, Verdict};
use crate::verdicts::Verdicts;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a program may go on after the guest should have killed it.
const GRACE: Duration = Duration::from_secs(120);
/// Exit status of a program that timeout(1) has killed.
const KILLED: i32 = 137;

/// Takes the guest's output.
#[derive(Clone)]
pub struct Follower(Arc<Mutex<State>>);

struct State {
    shard: Shard,
    long: bool,
    deadline: Deadline,
    verdicts: Arc<Verdicts>,
    skips: Arc<Skips>,
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// The program whose output comes now.
    current: Option<Current>,
    /// Those whose turn has come.
    begun: Vec<String>,
    /// What the search for leaks has printed, and its status.
    leaks: Option<(String, Option<i32>)>,
}

struct Current {
    name: String,
    reader: Reader,
    started: Instant,
    /// When the last verdict came.
    last: Instant,
    any_failed: bool,
}

impl Follower {
    /// For a boot whose deadline it puts off as long as the programs keep their limits.
    pub fn new(
        shard: &Shard,
        long: bool,
        deadline: Deadline,
        verdicts: Arc<Verdicts>,
        skips: Arc<Skips>,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            shard: shard.clone(),
            long,
            deadline,
            verdicts,
            skips,
            line: Vec::new(),
            current: None,
            begun: Vec::new(),
            leaks: None,
        })))
    }

    /// The guest has ended: what it has not come to has failed.
    pub fn end(&self, outcome: &Outcome) {
        self.with(|state| state.end(outcome));
    }

    fn with(&self, what: impl FnOnce(&mut State)) {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Write for Follower {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state| state.take(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = mem::take(&mut self.line);
                self.line(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            } else {
                self.line.push(byte);
            }
        }
    }

    fn line(&mut self, line: &str) {
        match (mark(line), &mut self.leaks) {
            (Some(Mark::Begin(LEAKS)), _) => {
                self.leaks = Some((String::new(), None));
                self.deadline.put_off(BETWEEN);
            }
            (Some(Mark::End(LEAKS, status)), Some((_, ended))) => *ended = Some(status),
            (Some(Mark::Begin(program)), _) => self.begin(program),
            (Some(Mark::End(program, status)), _) => self.program_ended(program, Some(status)),
            (None, Some((said, None))) => {
                said.push_str(line);
                said.push('\n');
            }
            (None, _) => {
                if let Some(current) = &mut self.current {
                    if let Some(case) = current.reader.line(line) {
                        self.report(case);
                    }
                }
            }
        }
    }

    fn begin(&mut self, name: &str) {
        if let Some(current) = &self.current {
            // Its last line has been lost, and with it what it had to say.
            let lost = current.name.clone();
            self.program_ended(&lost, None);
        }
        let is_planned = self
            .shard
            .programs
            .iter()
            .any(|one| one.program.name == name);
        if !is_planned || self.begun.iter().any(|begun| begun == name) {
            let case = Case::failed("begun", "a line said that it began, out of turn");
            self.tell(name, case, Duration::ZERO);
            return;
        }
        let now = Instant::now();
        self.current = Some(Current {
            name: name.to_owned(),
            reader: Reader::default(),
            started: now,
            last: now,
            any_failed: false,
        });
        self.begun.push(name.to_owned());
        self.deadline.put_off(self.limit(name) + GRACE);
    }

    fn limit(&self, name: &str) -> Duration {
        let planned = self.shard.programs.iter();
        let mut of_that_name = planned.filter(|planned| planned.program.name == name);
        of_that_name.next().map_or(BETWEEN, |planned| {
            planned.program.limit(&self.shard.setting, self.long)
        })
    }

    /// A case of the program whose output comes now.
    fn report(&mut self, case: Case) {
        let Some(current) = &mut self.current else {
            return;
        };
        let now = Instant::now();
        let took = now - mem::replace(&mut current.last, now);
        current.any_failed |= matches!(case.verdict, Verdict::Failed(_));
        let program = current.name.clone();
        self.tell(&program, case, took);
    }

    /// Tells of a case, in view of what may be skipped.
    fn tell(&self, program: &str, case: Case, took: Duration) {
        let boot = self.shard.prefix();
        let name = case.name.replace(' ', "_");
        let verdict = self.skips.judge(&boot, program, &name, case.verdict);
        self.verdicts
            .case(&format!("{boot}::{program}::{name}"), verdict, took);
    }

    /// The end of a program: with its exit status, or none where the guest ended in the middle.
    fn program_ended(&mut self, name: &str, status: Option<i32>) {
        let Some(current) = self.current.as_mut().filter(|one| one.name == name) else {
            let case = Case::failed("ended", "a line said that it ended, out of turn");
            self.tell(name, case, Duration::ZERO);
            return;
        };
        let elapsed = current.started.elapsed();
        let missing = mem::take(&mut current.reader).end();
        let why = match status {
            Some(0) => None,
            Some(KILLED) if elapsed >= self.limit(name) => Some(format!(
                "was killed at its limit of {} s",
                self.limit(name).as_secs()
            )),
            Some(KILLED) => Some("was killed by SIGKILL, long before its limit".to_owned()),
            Some(_) if self.current.as_ref().is_some_and(|one| one.any_failed) => None,
            Some(status) => Some(format!("exit status {status}, though no case failed")),
            None => Some("nothing tells how it ended".to_owned()),
        };
        for case in missing
            .into_iter()
            .chain(why.map(|why| Case::failed("ended", why)))
        {
            self.report(case);
        }
        if let Some(current) = self.current.take() {
            self.verdicts.program_took(
                &format!("{}::{}", self.shard.prefix(), current.name),
                current.started.elapsed(),
            );
        }
        self.deadline.put_off(BETWEEN);
    }

    fn end(&mut self, outcome: &Outcome) {
        let rest = mem::take(&mut self.line);
        if !rest.is_empty() {
            self.line(&String::from_utf8_lossy(&rest));
        }
        if let Some(name) = self.current.as_ref().map(|current| current.name.clone()) {
            self.program_ended(&name, None);
        }
        let planned = self.shard.programs.iter().map(|one| &one.program.name);
        let missed: Vec<_> = planned
            .filter(|name| !self.begun.contains(name))
            .cloned()
            .collect();
        for program in missed {
            let case = Case::failed("started", "the machine ended before its turn");
            self.tell(&program, case, Duration::ZERO);
        }
        let boot = format!("boot_{}", self.shard.number);
        for case in self.of_the_boot(outcome) {
            self.tell(&boot, case, Duration::ZERO);
        }
    }

    /// What stands for the boot as a whole.
    fn of_the_boot(&self, outcome: &Outcome) -> Vec<Case> {
        let mut verdicts = Vec::new();
        if self.shard.setting.is_debug() {
            let verdict = match &self.leaks {
                Some((leaks, Some(0))) if leaks.trim().is_empty() => Verdict::Passed,
                Some((said, status)) => {
                    Verdict::Failed(format!("status {status:?}\n{}", said.trim()))
                }
                None => Verdict::Failed("the run did not come to it".to_owned()),
            };
            verdicts.push(("no_leak", verdict));
        }
        let verdict = match outcome.splats.as_slice() {
            [] => Verdict::Passed,
            splats => Verdict::Failed(splats.join("\n\n")),
        };
        verdicts.push(("no_splat", verdict));
        let verdict = match (outcome.ended, outcome.status) {
            (Ended::Normally, Some(0)) => Verdict::Passed,
            (ended, status) => Verdict::Failed(format!(
                "{ended:?}, status {status:?}. {}",
                outcome.tail_text()
            )),
        };
        verdicts.push(("ends_by_itself", verdict));
        let case = |(name, verdict): (&str, Verdict)| Case {
            name: name.to_owned(),
            verdict,
        };
        verdicts.into_iter().map(case).collect()
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
