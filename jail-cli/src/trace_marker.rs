// SPDX-License-Identifier: MIT OR Apache-2.0

//! Telling whoever follows events what only jaula knows: a line in each of their buffers, beside those of the
//! kernel's tracepoints (Documentation/trace/ftrace.rst, trace_marker).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::jail::JailNumber;

/// Where the kernel has buffers.
pub const INSTANCES: &str = "/sys/kernel/tracing/instances";

/// What the names of those begin with that events are followed by; the rest is the number of the process.
pub const PREFIX: &str = "jaula-events-";

/// What is told of processes that were killed for want of memory.
pub const OOM_KILL: &str = "jaula_oom_kill";

/// Tells that `count` processes of a jail were killed for want of memory in all its time. Who does not follow
/// events does not miss it.
pub fn tell_oom_kills(jail: JailNumber, count: u64) {
    tell_in(Path::new(INSTANCES), jail, count);
}

fn tell_in(instances: &Path, jail: JailNumber, count: u64) {
    for entry in fs::read_dir(instances).into_iter().flatten().flatten() {
        let is_ours = |name: &str| name.starts_with(PREFIX);
        if !entry.file_name().to_str().is_some_and(is_ours) {
            continue;
        }
        // It may just be going.
        let marker = OpenOptions::new()
            .write(true)
            .open(entry.path().join("trace_marker"));
        // One write is one line.
        let line = format!("{OOM_KILL}: jail={jail} count={count}");
        let _ = marker.and_then(|mut marker| marker.write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_follow_are_told_and_no_others() {
        let instances = tempfile::tempdir().expect("a directory");
        let marker = |name: &str| {
            let directory = instances.path().join(name);
            fs::create_dir(&directory).expect(name);
            let marker = directory.join("trace_marker");
            fs::write(&marker, "").expect(name);
            marker
        };
        let (ours, others) = (marker("jaula-events-7"), marker("perf"));
        tell_in(instances.path(), JailNumber::new(3).expect("a number"), 2);
        let read = |path| fs::read_to_string(path).expect("a marker");
        assert_eq!(read(ours), "jaula_oom_kill: jail=3 count=2");
        assert_eq!(read(others), "");
    }
}
