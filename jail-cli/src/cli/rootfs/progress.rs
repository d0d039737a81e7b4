// SPDX-License-Identifier: MIT OR Apache-2.0

//! How far a build has come, for a person at a terminal.

use std::io::{stderr, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jaula::text::shown;
use jaula_rootfs::Progress;

/// A bar on a terminal, and nothing elsewhere; gone when dropped.
pub struct Bar(Option<ProgressBar>);

impl Bar {
    /// None is shown to who wants none.
    pub fn new(quiet: bool) -> Self {
        if quiet || !stderr().is_terminal() {
            return Bar(None);
        }
        let style =
            ProgressStyle::with_template("[{bar:20}] {bytes}/{total_bytes} {elapsed} {wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style.progress_chars("=> "));
        Bar(Some(bar))
    }

    /// Shows where it is now.
    pub fn show(&mut self, at: Progress<'_>) {
        if let Some(bar) = &self.0 {
            bar.set_length(at.total);
            bar.set_position(at.done);
            bar.set_message(shown(at.path).to_string());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
