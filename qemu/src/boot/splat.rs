// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding in the kernel's log what must not be there.

/// How many lines of one report are kept.
const LINES: usize = 60;

/// What a message starts with that reports a mistake of the kernel.
const STARTS: &[&str] = &[
    "BUG: ",
    "WARNING: ",
    "INFO: task ",
    "INFO: trying to register non-static key",
    "INFO: rcu",
    "rcu: INFO: ",
    "Oops: ",
    "Oops ",
    "Kernel panic",
    "general protection fault",
    "kernel BUG at ",
    "Internal error: ",
    "Unable to handle kernel ",
    "double fault: ",
    "stack segment: ",
    "invalid opcode: ",
    "divide error: ",
    "list_add ",
    "list_del ",
    "refcount_t: ",
    "UBSAN: ",
    "ODEBUG: ",
    "DEBUG_LOCKS_WARN_ON",
    "rust_kernel: panicked",
    "watchdog: BUG: ",
    "workqueue: WARN",
    "sysfs: cannot create duplicate",
    "kobject_add_internal failed",
    "unreferenced object ",
    "BUG ",
    "8<--- cut here ---",
    "memory leak",
];

/// What it contains, wherever.
const ANYWHERE: &[&str] = &[
    "BUG: KASAN",
    "possible recursive locking detected",
    "suspicious RCU usage",
    "new suspected memory leaks",
    "sleeping function called from invalid context",
    "possible circular locking",
    "inconsistent lock state",
    "scheduling while atomic",
    "Attempted to kill init",
];

/// Messages that look like one of those and are harmless.
const HARMLESS: &[&str] = &["WARNING: Spectre"];

/// Watches a kernel's log line by line.
#[derive(Debug, Default)]
pub struct Scanner {
    reports: Vec<Vec<String>>,
    /// Lines that still belong to the last report.
    open: usize,
    panicked: bool,
}

impl Scanner {
    /// Looks at the next line.
    pub fn feed(&mut self, line: &str) {
        let message = message(line);
        self.panicked |= message.starts_with("Kernel panic");
        if self.open > 0 {
            // A report has several lines that would start one: the frame, the summary.
            if let Some(report) = self.reports.last_mut() {
                report.push(line.to_owned());
            }
            self.open -= 1;
            if message.starts_with("---[ end trace") || message.starts_with("---[ end Kernel panic")
            {
                self.open = 0;
            }
        } else if is_splat(message) {
            self.reports.push(vec![line.to_owned()]);
            self.open = LINES - 1;
        }
    }

    /// The reports so far, each a text of several lines.
    pub fn reports(&self) -> Vec<String> {
        self.reports.iter().map(|lines| lines.join("\n")).collect()
    }

    /// Whether the kernel has given up.
    pub fn panicked(&self) -> bool {
        self.panicked
    }
}

fn is_splat(message: &str) -> bool {
    !HARMLESS.iter().any(|words| message.starts_with(words))
        && (STARTS.iter().any(|words| message.starts_with(words))
            || ANYWHERE.iter().any(|words| message.contains(words)))
}

/// A line of the log without time and caller: `[    1.234567][   T42] text`.
fn message(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some((_, after)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(log: &str) -> Scanner {
        let mut scanner = Scanner::default();
        log.lines().for_each(|line| scanner.feed(line));
        scanner
    }

    #[test]
    fn quiet_log_has_no_report() {
        let scanner = scan(
            "[    0.000000] Linux version 6.12.117-jaula\n\
             [    0.000000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc.\n\
             [    0.010000] Spectre V2 : WARNING: Unprivileged eBPF is enabled\n\
             [    0.020000] kmemleak: Kernel memory leak detector initialized (mem pool available: 15839)\n\
             [    0.030000] jaula: pid 42 (probe) of jail 1 refused: semget of an object of jail 0\n\
             [    0.040000] traps: a[1] general protection fault ip:0 sp:0 error:0\n",
        );
        assert!(scanner.reports().is_empty(), "{:?}", scanner.reports());
        assert!(!scanner.panicked());
    }

    #[test]
    fn every_kind_is_found() {
        for line in [
            "[    1.5] BUG: KASAN: slab-use-after-free in jaula_ipc+0x1/0x2",
            "[    1.5][   T12] WARNING: CPU: 0 PID: 1 at ipc/util.c:1",
            "[    1.5] WARNING: possible recursive locking detected",
            "[    1.5] WARNING: suspicious RCU usage",
            "[    1.5] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:1",
            "[    1.5] INFO: task sh:1 blocked for more than 120 seconds.",
            "[    1.5] list_add corruption. next->prev should be prev",
            "[    1.5] refcount_t: underflow; use-after-free.",
            "[    1.5] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            "[    1.5] rcu: INFO: rcu_sched self-detected stall on CPU",
            "[    1.5] rust_kernel: panicked at security/jaula/lib.rs:1:1:",
            "[    1.5] Oops: general protection fault, probably for non-canonical address 0x1",
            "[    1.5] UBSAN: array-index-out-of-bounds in ipc/sem.c:1:2",
            "[    1.5] BUG kmalloc-64 (Not tainted): Right Redzone overwritten",
            "[    1.5] BUG task_struct (Tainted: G    B): Poison overwritten",
            "[    1.5] 8<--- cut here ---",
            "[    1.5] Kernel panic - not syncing: Attempted to kill init!",
        ] {
            assert_eq!(scan(line).reports().len(), 1, "{line}");
        }
    }

    #[test]
    fn report_ends_with_its_trace_and_the_next_begins() {
        let scanner = scan(
            "[ 1.0] WARNING: CPU: 0 PID: 1 at a.c:1\n[ 1.0] Call Trace:\n[ 1.0] ---[ end trace 0 ]---\n\
             [ 1.1] all is well\n[ 1.2] Kernel panic - not syncing: x\n",
        );
        let reports = scanner.reports();
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert!(reports[0].contains("Call Trace") && !reports[0].contains("well"));
        assert!(scanner.panicked());
    }
}
