// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tracepoints, as tracefs shows them (Documentation/trace/events.rst).

use crate::ktap::{Context, Failure};
use std::fs;

const TRACE: &str = "/sys/kernel/tracing/trace";
const ENABLE: &str = "/sys/kernel/tracing/events/jaula/enable";

/// Whether the names of traced processes are recorded, for which the scheduler's own tracepoints
/// are turned on and off with ours.
const NAMES: &str = "/sys/kernel/tracing/options/record-cmd";

/// The events of jaula, traced until this value is dropped.
pub struct Tracing(());

impl Tracing {
    /// Begins, with nothing traced so far.
    pub fn start() -> Result<Tracing, Failure> {
        // The scheduler's code is then not patched while it runs, which not every emulated
        // processor survives: with QEMU's, one may meet a breakpoint that is no longer there.
        fs::write(NAMES, "0").context(NAMES)?;
        fs::write(TRACE, "").context(TRACE)?;
        fs::write(ENABLE, "1").context(ENABLE)?;
        Ok(Tracing(()))
    }

    /// What has been traced of a process: the event and its values, as in `jaula_create: jail=1`.
    pub fn events_of(&self, pid: libc::pid_t) -> Result<Vec<String>, Failure> {
        let text = fs::read_to_string(TRACE).context(TRACE)?;
        Ok(text
            .lines()
            .filter_map(|line| event_of(line, pid))
            .collect())
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = fs::write(ENABLE, "0");
    }
}

/// The event of a line ` COMM-PID [CPU] FLAGS TIME: EVENT: VALUES` where it is one of the process.
fn event_of(line: &str, pid: libc::pid_t) -> Option<String> {
    let at = line.find(": jaula_")?;
    let (process, _) = line[..at].split_once(" [")?;
    let traced = process.rsplit('-').next()?.trim();
    (traced.parse() == Ok(pid)).then(|| line[at + 2..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::event_of;

    #[test]
    fn an_event_is_cut_out_of_its_line() {
        let line = "     a-b 7-41      [001] .....   166.5: jaula_create: jail=3 from=0";
        assert_eq!(
            event_of(line, 41).as_deref(),
            Some("jaula_create: jail=3 from=0")
        );
        assert_eq!(event_of(line, 7), None);
    }

    #[test]
    fn other_lines_are_no_events() {
        assert_eq!(event_of("# tracer: nop", 1), None);
    }
}
