// SPDX-License-Identifier: MIT OR Apache-2.0

//! Settings of the machine that a jail can feel.

use std::fs;

use super::Finding;

pub fn examine() -> Vec<Finding> {
    let mut findings = Vec::new();
    let switch = |path: &str| {
        fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let check = "kernel.dmesg_restrict";
    findings.push(match switch("/proc/sys/kernel/dmesg_restrict").as_deref() {
        Some("0") => Finding::warning(
            check,
            "0",
            "every user of the host can read the kernel's log, and in it what jails were refused; \
             jails themselves cannot, unless allowed syslog: sysctl kernel.dmesg_restrict=1",
        ),
        value => Finding::ok(check, value.unwrap_or("not there")),
    });
    let check = "dev.tty.legacy_tiocsti";
    findings.push(match switch("/proc/sys/dev/tty/legacy_tiocsti").as_deref() {
        Some("1") => Finding::warning(
            check,
            "1",
            "what runs in a jail without the filter of system calls can type into the terminal \
             that it shares with you: sysctl dev.tty.legacy_tiocsti=0",
        ),
        value => Finding::ok(check, value.unwrap_or("not there")),
    });
    let check = "kernel.yama.ptrace_scope";
    findings.push(match switch("/proc/sys/kernel/yama/ptrace_scope") {
        Some(value) => Finding::ok(check, value),
        None => Finding::ok(
            check,
            "not there; jails are kept from tracing others without it",
        ),
    });
    let check = "kernel.core_pattern";
    findings.push(match switch("/proc/sys/kernel/core_pattern") {
        Some(value) if value.starts_with('|') => Finding::warning(
            check,
            value,
            "a program of the host is given the memory of what crashes in a jail, as root, where that \
             has another limit than core=1: it must not trust what it reads there",
        ),
        value => Finding::ok(check, value.unwrap_or_else(|| "not there".into())),
    });
    findings
}
