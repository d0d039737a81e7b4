// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula events`: what happens to jails.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use clap::Args;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use jaula::admin::Admin;
use jaula::events::{Event, Happened, Watch};
use jaula::jails::JailId;
use jaula::text::shown;

use super::{output, Failure};

/// Whose events are shown, and how.
#[derive(Debug, Args)]
pub struct Events {
    /// Numbers or names of jails [default: all]
    #[arg(value_name = "JAIL")]
    jails: Vec<JailId>,

    /// Go on until interrupted
    #[arg(short, long, required_unless_present = "duration")]
    follow: bool,

    /// Go on for so many seconds
    #[arg(long, value_name = "SECONDS", conflicts_with = "follow")]
    duration: Option<u32>,

    /// Print each as a line of JSON
    #[arg(short, long)]
    json: bool,
}

impl Events {
    /// Shows them.
    pub fn run(self) -> Result<u8, Failure> {
        let failed = |why: String| Failure::failed(why);
        // What it has of the kernel's is given back before it ends.
        let mut ending = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            ending.add(signal);
        }
        let block = ending.thread_block();
        block.map_err(|errno| failed(format!("blocking signals: {errno}")))?;
        let asked = SignalFd::with_flags(&ending, SfdFlags::SFD_CLOEXEC);
        let asked = asked.map_err(|errno| failed(format!("signalfd: {errno}")))?;
        let mut watch = Watch::begin(Admin::open()?).map_err(failed)?;
        let end = self.duration.map(|seconds| {
            let time = Duration::from_secs(seconds.into());
            Instant::now() + time
        });
        loop {
            let stdout = std::io::stdout();
            let mut waited = vec![
                PollFd::new(asked.as_fd(), PollFlags::POLLIN),
                PollFd::new(stdout.as_fd(), PollFlags::empty()),
            ];
            waited.extend(watch.changes());
            let time = PollTimeout::try_from(watch.patience()).unwrap_or(PollTimeout::ZERO);
            let _ = poll(&mut waited, time);
            let is_over = waited[..2].iter().any(|it| it.any() == Some(true))
                || end.is_some_and(|end| Instant::now() >= end);
            for happened in watch.happened().map_err(failed)? {
                if self.is_meant(&happened) {
                    self.print(&happened)?;
                }
            }
            if is_over {
                return Ok(0);
            }
        }
    }

    fn is_meant(&self, happened: &Happened) -> bool {
        let is_one = |id: &JailId| match id {
            JailId::Number(number) => happened.jail == *number,
            JailId::Name(name) => happened.name.as_ref() == Some(name),
        };
        self.jails.is_empty() || self.jails.iter().any(is_one) || happened.event == Event::Lost
    }

    fn print(&self, happened: &Happened) -> Result<(), Failure> {
        let now = jiff::Timestamp::now();
        if self.json {
            let mut value = serde_json::to_value(happened)
                .map_err(|error| Failure::failed(format!("JSON: {error}")))?;
            value["time"] = now.to_string().into();
            return output::print(&format!("{value}\n"));
        }
        let name = happened.name.as_ref().map(ToString::to_string);
        let number = happened.jail;
        let (what, more) = words(&happened.event);
        let more = shown(&more).to_string();
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ");
        let line = format!(
            "{time}\t{number}\t{}\t{what}\t{more}",
            name.unwrap_or_default()
        );
        output::print(&format!("{}\n", line.trim_end()))
    }
}

/// What has happened in one word, and more about it.
fn words(event: &Event) -> (&'static str, String) {
    let nothing = String::new();
    match event {
        Event::Created => ("created", nothing),
        Event::Entered => ("entered", nothing),
        Event::Limit { of } => ("limit", of.clone()),
        Event::OomKill { count } => ("oom-kill", count.to_string()),
        Event::Refused { call, kind, owner } => ("refused", format!("{call} {kind} of {owner}")),
        Event::Paused => ("paused", nothing),
        Event::Resumed => ("resumed", nothing),
        Event::Ended => ("ended", nothing),
        Event::Lost => ("lost", nothing),
    }
}
