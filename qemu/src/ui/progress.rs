// SPDX-License-Identifier: MIT OR Apache-2.0

//! Progress of one long step: a bar on a terminal, a line now and then elsewhere.

use super::{duration, fancy};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Without a terminal, how long to stay silent between two lines.
const QUIET: Duration = Duration::from_secs(30);

/// What the positions of a [`Progress`] count.
#[derive(Clone, Copy, Debug)]
pub enum Scale {
    /// Steps, of about this many.
    Steps(u64),
    /// Bytes, of this many.
    Bytes(u64),
    /// Nothing that has a known end.
    Unknown,
}

/// Every bar there is: steps may go on beside each other, and what is said in between must not
/// be drawn over.
fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(|| {
        MultiProgress::with_draw_target(if fancy() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        })
    })
}

/// Prints a line above the bars.
pub(super) fn say(line: &str) {
    bars().suspend(|| eprintln!("{line}"));
}

/// A step under way; ends with [`Progress::done`], or silently when dropped on an error.
pub struct Progress {
    what: String,
    scale: Scale,
    bar: ProgressBar,
    started: Instant,
    spoken: Cell<Option<Instant>>,
    plain: bool,
}

impl Progress {
    /// Starts showing the progress of `what`.
    pub fn start(what: &str, scale: Scale) -> Self {
        let plain = !fancy();
        let (length, template) = match scale {
            Scale::Steps(n) => (Some(n), "{msg} [{bar:30}] {percent:>3} % {elapsed}"),
            Scale::Bytes(n) => (Some(n), "{msg} [{bar:30}] {bytes}/{total_bytes} {elapsed}"),
            Scale::Unknown => (None, "{msg} {spinner} {elapsed}"),
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden())
            .with_message(what.to_owned())
            .with_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("=> "),
            );
        let bar = bars().add(bar);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            what: what.to_owned(),
            scale,
            bar,
            started: Instant::now(),
            spoken: Cell::new(None),
            plain,
        }
    }

    /// The step has come this far.
    pub fn set(&self, position: u64) {
        // An estimate that was too low must not show more than everything.
        let shown = match self.scale {
            Scale::Steps(n) | Scale::Bytes(n) => position.min(n),
            Scale::Unknown => position,
        };
        self.bar.set_position(shown);
        self.speak_sometimes(shown);
    }

    /// The step is finished; says how long it took.
    pub fn done(self) {
        self.bar.finish_and_clear();
        say(&format!(
            "xtask: {}: done in {}",
            self.what,
            duration(self.started.elapsed())
        ));
    }

    fn speak_sometimes(&self, position: u64) {
        let last = self.spoken.get().unwrap_or(self.started);
        if !self.plain || last.elapsed() < QUIET {
            return;
        }
        self.spoken.set(Some(Instant::now()));
        let far = match self.scale {
            Scale::Steps(n) | Scale::Bytes(n) if n > 0 => format!("{} %, ", position * 100 / n),
            _ => String::new(),
        };
        say(&format!(
            "xtask: {}: {far}{}",
            self.what,
            duration(self.started.elapsed())
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        bars().remove(&self.bar);
    }
}
