// SPDX-License-Identifier: MIT OR Apache-2.0

//! Progress of one long step: a bar on a terminal, a line now and then elsewhere.

use super::{duration, fancy};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
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
        let target = if plain {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(length, target)
            .with_message(what.to_owned())
            .with_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("=> "),
            );
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
        eprintln!(
            "xtask: {}: done in {}",
            self.what,
            duration(self.started.elapsed())
        );
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
        eprintln!(
            "xtask: {}: {far}{}",
            self.what,
            duration(self.started.elapsed())
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
