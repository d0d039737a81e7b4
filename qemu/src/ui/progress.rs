// SPDX-License-Identifier: MIT OR Apache-2.0

//! Progress of one long step: a bar on a terminal, a line now and then elsewhere.

use super::{duration, fancy};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Without a terminal, how long a step may take before it is named at all.
const SILENT: Duration = Duration::from_secs(1);
/// And how long to stay silent between two lines after that.
const QUIET: Duration = Duration::from_secs(30);

/// What the positions of a [`Progress`] count.
#[derive(Clone, Copy, Debug)]
pub enum Scale {
    /// Steps, of about this many. As that is a guess, it is never shown that all are done.
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
    bars().suspend(|| {
        // Whoever has closed standard error does not want to know.
        let _ = writeln!(std::io::stderr(), "{line}");
    });
}

/// Prints on standard output, above the bars.
pub(super) fn print(text: &str) {
    bars().suspend(|| {
        let mut stdout = std::io::stdout().lock();
        // Whoever does not read any more has seen enough.
        let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    });
}

/// A step under way; ends with [`Progress::done`], or silently when dropped: on an error, or where
/// its end is not worth a line.
///
/// It shows that it goes on by itself, whether or not it is told anything.
pub struct Progress {
    step: Arc<Step>,
    bar: ProgressBar,
    timer: Option<Timer>,
}

/// What is said of a step without a terminal.
struct Step {
    what: String,
    scale: Scale,
    started: Instant,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    position: u64,
    doing: String,
}

impl Progress {
    /// Starts showing the progress of `what`.
    pub fn start(what: &str, scale: Scale) -> Self {
        let (length, template) = match scale {
            // Narrow enough to leave room for what is being done.
            Scale::Steps(n) => (
                Some(n),
                "{prefix} [{bar:10}] {percent:>3} % {elapsed} {wide_msg}",
            ),
            Scale::Bytes(n) => (
                Some(n),
                "{prefix} [{bar:10}] {bytes}/{total_bytes} {elapsed} {wide_msg}",
            ),
            Scale::Unknown => (None, "{prefix} {spinner} {elapsed} {wide_msg}"),
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden())
            .with_prefix(what.to_owned())
            .with_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("=> "),
            );
        let bar = bars().add(bar);
        bar.enable_steady_tick(Duration::from_millis(200));
        let step = Arc::new(Step {
            what: what.to_owned(),
            scale,
            started: Instant::now(),
            now: Mutex::default(),
        });
        let timer = (!fancy()).then(|| {
            let step = Arc::clone(&step);
            Timer::start(move || say(&step.line()))
        });
        Self { step, bar, timer }
    }

    /// The step has come this far.
    pub fn set(&self, position: u64) {
        self.step.now().position = position;
        self.bar.set_position(self.step.scale.shown(position));
    }

    /// What is being done at this moment, in few words.
    pub fn doing(&self, what: &str) {
        what.clone_into(&mut self.step.now().doing);
        self.bar.set_message(what.to_owned());
    }

    /// The step is finished; says how long it took.
    pub fn done(mut self) {
        // Nothing may be said of it after its last line.
        self.timer = None;
        self.bar.finish_and_clear();
        say(&format!(
            "xtask: {}: done in {}",
            self.step.what,
            duration(self.step.started.elapsed())
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        bars().remove(&self.bar);
    }
}

impl Scale {
    /// The position to show for one that may lie beyond the end.
    fn shown(self, position: u64) -> u64 {
        match self {
            Scale::Steps(n) => position.min(n.saturating_mul(99) / 100),
            Scale::Bytes(n) => position.min(n),
            Scale::Unknown => position,
        }
    }

    fn percent(self, position: u64) -> Option<u64> {
        match self {
            Scale::Steps(n) | Scale::Bytes(n) if n > 0 => {
                Some((position.saturating_mul(100) / n).min(99))
            }
            _ => None,
        }
    }
}

impl Step {
    fn now(&self) -> MutexGuard<'_, Now> {
        // Both fields hold by themselves, whatever a panic has interrupted.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> String {
        let now = self.now();
        line(
            &self.what,
            self.scale.percent(now.position),
            &now.doing,
            self.started.elapsed(),
        )
    }
}

/// A line about a step that goes on.
fn line(what: &str, percent: Option<u64>, doing: &str, elapsed: Duration) -> String {
    let mut parts = Vec::new();
    if elapsed < QUIET {
        return format!("xtask: {what} ...");
    }
    parts.extend(percent.map(|percent| format!("{percent} %")));
    if !doing.is_empty() {
        parts.push(doing.to_owned());
    }
    parts.push(duration(elapsed));
    format!("xtask: {what}: {}", parts.join(", "))
}

/// Does something every now and then, until it is dropped.
struct Timer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Timer {
    fn start(mut speak: impl FnMut() + Send + 'static) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().spawn(move || {
            let mut pause = SILENT;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                speak();
                pause = QUIET;
            }
        });
        Self {
            stop: Some(stop),
            // Without a thread the step is only silent.
            thread: thread.ok(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has panicked only if standard error is gone.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guess_is_never_shown_as_everything() {
        let steps = Scale::Steps(1500);
        for (position, percent) in [(0, 0), (750, 50), (1499, 99), (1500, 99), (9000, 99)] {
            assert_eq!(steps.percent(position), Some(percent), "{position}");
            // A bar rounds.
            assert!(steps.shown(position) * 100 <= 99 * 1500, "{position}");
        }
        assert_eq!(Scale::Steps(0).percent(3), None);
        assert_eq!(Scale::Steps(0).shown(3), 0);
        assert_eq!(Scale::Bytes(1000).shown(1000), 1000);
        assert_eq!(Scale::Unknown.percent(3), None);
    }

    #[test]
    fn lines_name_the_present_step() {
        let long = Duration::from_secs(182);
        assert_eq!(
            line("building", Some(97), "LD vmlinux.o", long),
            "xtask: building: 97 %, LD vmlinux.o, 3 min 2 s"
        );
        assert_eq!(
            line("building", None, "", long),
            "xtask: building: 3 min 2 s"
        );
        assert_eq!(line("building", Some(0), "", SILENT), "xtask: building ...");
    }

    #[test]
    fn timer_speaks_by_itself_and_stops() {
        let (said, hears) = channel();
        let timer = Timer::start(move || {
            let _ = said.send(());
        });
        assert!(hears.recv_timeout(SILENT * 20).is_ok());
        drop(timer);
        // The thread and with it the sender are gone.
        assert_eq!(
            hears.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Disconnected)
        );
    }
}
