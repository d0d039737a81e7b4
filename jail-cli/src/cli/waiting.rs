// SPDX-License-Identifier: MIT OR Apache-2.0

//! What takes longer than one expects says so.

use std::io::{stderr, IsTerminal};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::time::{Duration, Instant};

use jaula::text::to_stderr;

/// How long one waits without wondering.
const PATIENCE: Duration = Duration::from_secs(3);

/// Does `work`; where that takes long, somebody at a terminal is told what it is, and for how
/// long it has been going on.
pub fn patiently<T>(what: &str, work: impl FnOnce() -> T) -> T {
    if !stderr().is_terminal() {
        return work();
    }
    let (done, waiting) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let start = Instant::now();
            let mut told = false;
            while waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let seconds = start.elapsed().as_secs();
                to_stderr(&format!("\r\x1b[Kjaula: {what}: {seconds} s"));
                told = true;
            }
            if told {
                to_stderr("\r\x1b[K");
            }
        });
        let result = work();
        drop(done);
        result
    })
}
