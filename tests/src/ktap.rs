// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small test harness that reports in KTAP version 1
//! (<https://docs.kernel.org/dev-tools/ktap.html>).
//!
//! Each case runs in a forked, single-threaded child, in a process group of its own: what a case
//! does to itself (entering a jail, giving up root) does not reach the next one, and a panic, an
//! exit, a signal or a hang is a failure of that case alone.

mod chosen;
mod failure;
mod print;
mod report;

pub use chosen::Chosen;
pub use failure::{fail, skip, CaseResult, Context, Failure};
pub use print::{write_header, write_result, Totals};
pub use report::Reporter;

use crate::sys::process::{self, Ended};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// How long a case may take until it is killed, where `JAULA_CASE_LIMIT` does not say. Generous: an
/// emulated machine with a debug kernel is two hundred times slower than a real one.
const CASE_LIMIT: Duration = Duration::from_secs(600);

/// The limit of a case: in seconds in `JAULA_CASE_LIMIT`, which the harness sets below that of the
/// program, or else one hung case would take the others with it.
fn case_limit() -> Duration {
    let seconds = std::env::var("JAULA_CASE_LIMIT").ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    seconds.map_or(CASE_LIMIT, Duration::from_secs)
}

/// Fails the case with a message unless the condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::ktap::fail(format!($($message)+)));
        }
    };
}

/// Fails the case unless both values are equal; the message says what was compared.
#[macro_export]
macro_rules! check_eq {
    ($got:expr, $expected:expr, $($what:tt)+) => {{
        let (got, expected) = (&$got, &$expected);
        if got != expected {
            return Err($crate::ktap::fail(format!(
                "{}: got {:?}, expected {:?}", format_args!($($what)+), got, expected
            )));
        }
    }};
}

struct Group<'a> {
    names: Vec<String>,
    limit: Duration,
    body: Box<dyn FnOnce(&mut Reporter) + 'a>,
}

/// The cases of one program, in order.
#[derive(Default)]
pub struct Suite<'a> {
    groups: Vec<Group<'a>>,
}

impl<'a> Suite<'a> {
    /// An empty suite.
    pub fn new() -> Self {
        Suite::default()
    }

    /// Adds a case named after the property that it shows.
    pub fn case(&mut self, name: &str, body: impl FnOnce() -> CaseResult + 'a) {
        self.groups.push(Group {
            names: vec![name.to_owned()],
            limit: case_limit(),
            body: Box::new(|reporter| reporter.report(body())),
        });
    }

    /// Adds cases that share one child, and so what that child sets up. `body` reports one
    /// result for each of `names`, in that order; the time limit is for each.
    pub fn group(&mut self, names: Vec<String>, body: impl FnOnce(&mut Reporter) + 'a) {
        self.groups.push(Group {
            names,
            limit: case_limit(),
            body: Box::new(body),
        });
    }

    /// Runs the chosen cases, or lists them, and prints the report; success only if no case failed.
    pub fn run(self, chosen: &Chosen) -> ExitCode {
        let names: Vec<_> = self.groups.iter().flat_map(|group| &group.names).collect();
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        let meant: BTreeSet<String> = match chosen.among(&names) {
            Ok(meant) => meant.into_iter().map(str::to_owned).collect(),
            Err(name) => {
                println!("Bail out! no case is called {name}, or has that in its name");
                return ExitCode::FAILURE;
            }
        };
        if let Some(program) = chosen.listed_below() {
            for name in names.iter().filter(|name| meant.contains(**name)) {
                println!("{program}::{}", chosen::normal(name));
            }
            return ExitCode::SUCCESS;
        }
        match self.print(&meant) {
            Ok(totals) if totals.failed == 0 => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("cannot write the report: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Runs the groups that have a case among those that are meant, and reports these.
    fn print(self, meant: &BTreeSet<String>) -> std::io::Result<Totals> {
        let mut totals = Totals::default();
        let names = self.groups.iter().flat_map(|group| &group.names);
        let count = names.filter(|name| meant.contains(*name)).count();
        write_header(&mut std::io::stdout(), count)?;
        for group in self.groups {
            let names = group.names;
            if !names.iter().any(|name| meant.contains(name)) {
                continue;
            }
            run_group(&names, group.limit, group.body, &mut |name, result| {
                if !meant.contains(name) {
                    return Ok(());
                }
                let mut stdout = std::io::stdout();
                write_result(&mut stdout, totals.add(&result), name, &result)?;
                stdout.flush()
            })?;
        }
        Ok(totals)
    }
}

/// Runs the body of a group in a child and hands on one result for each name.
fn run_group(
    names: &[String],
    limit: Duration,
    body: Box<dyn FnOnce(&mut Reporter) + '_>,
    sink: &mut dyn FnMut(&str, CaseResult) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let (mut reports, mut reporter) = report::channel()?;
    let child = process::fork(|| {
        if let Err(errno) = process::set_process_group(0).and_then(|()| process::end_with_parent())
        {
            eprintln!("cannot separate the case from the others: {errno}");
            return 1;
        }
        body(&mut reporter);
        0
    })
    .map_err(|errno| std::io::Error::from_raw_os_error(errno.0))?;
    drop(reporter);

    let mut names = names.iter();
    let mut ended = None;
    let mut hung = false;
    while names.len() > 0 {
        let mut alive = || {
            ended = ended.or_else(|| process::try_wait(child).ok().flatten());
            ended.is_none()
        };
        match reports.next(limit, &mut alive)? {
            report::Next::Result(result) => {
                if let Some(name) = names.next() {
                    sink(name, result)?;
                }
            }
            report::Next::Closed => break,
            report::Next::TimedOut => {
                hung = true;
                break;
            }
        }
    }
    let ended = if hung {
        None
    } else {
        ended.or_else(|| leave(child))
    };
    // Ends what the case has left behind as well, and the child itself if it hangs.
    let _ = process::kill(-child, libc::SIGKILL);
    if ended.is_none() {
        let _ = process::wait(child);
    }
    for name in names {
        sink(
            name,
            Err(fail(match ended {
                Some(ended) => format!("ended by {ended} before it had reported"),
                None => format!("still running after {} s, killed", limit.as_secs()),
            })),
        )?;
    }
    Ok(())
}

/// Gives a child that has reported everything the time to end by itself.
fn leave(child: libc::pid_t) -> Option<Ended> {
    for _ in 0..500 {
        if let Some(ended) = process::try_wait(child).ok().flatten() {
            return Some(ended);
        }
        process::nap();
    }
    None
}
