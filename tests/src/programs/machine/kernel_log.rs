// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel has said of the machine until it was up.

use super::run;
use jaula_tests::kmsg::{Kmsg, Message};
use jaula_tests::ktap::{fail, CaseResult, Failure};

/// The most serious level that is not a warning yet: `KERN_NOTICE`.
const NOTICE: u8 = 5;

/// The kernel's own messages, among those of programs.
const KERNEL: u8 = 0;

/// What an emulated PC is warned of, for it is no real one, or late while its host is busy.
const EMULATED: [(&str, &str); 11] = [
    (
        "mtrr: your CPUs had inconsistent ",
        "QEMU's firmware sets up one processor",
    ),
    (
        "amd_pstate: the _CPC object is not present",
        "QEMU has no such table",
    ),
    (
        "tsc: Unable to calibrate against PIT",
        "the emulated timer is late",
    ),
    (
        "..MP-BIOS bug: 8254 timer not connected to IO-APIC",
        "the emulated timer is late",
    ),
    (
        "APIC timer disabled due to verification failure",
        "the emulated timer is late",
    ),
    (
        "Could not switch to high resolution mode on CPU ",
        "the same",
    ),
    (" lapic is not functional.", "the same"),
    (
        "Unstable clock detected, switching default tracing clock",
        "its clock is QEMU's",
    ),
    ("clocksource: ", "an emulated processor is late"),
    ("hrtimer: interrupt took ", "an emulated processor is late"),
    ("workqueue: ", "an emulated processor is late"),
];

/// What a Debian machine without auditd is warned of: AppArmor has each of its profiles recorded at
/// the start, and the log takes ten in five seconds.
const AUDIT: &str = "kauditd_printk_skb: ";

/// Fails where there was a warning of something else. What comes later is of the tests.
pub fn is_silent() -> CaseResult {
    let up = when_up()?;
    let messages = Kmsg::from_start()?.new_records()?;
    let warnings: Vec<_> = messages
        .iter()
        .filter(|message| message.time < up && message.facility == KERNEL)
        .filter(|message| message.level < NOTICE && !is_known(message))
        .map(|message| message.text.as_str())
        .collect();
    jaula_tests::check!(!messages.is_empty(), "the kernel has no log");
    jaula_tests::check!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

fn is_known(message: &Message) -> bool {
    let text = message.text.as_str();
    text.starts_with(AUDIT) || EMULATED.iter().any(|(start, _)| text.starts_with(start))
}

/// When the unit that runs the tests was started, in microseconds from the start of the machine.
fn when_up() -> Result<u64, Failure> {
    let unit = "jaula-harness.service";
    let property = "ExecMainStartTimestampMonotonic";
    let said = run(
        "systemctl",
        &["show", "--value", "--property", property, unit],
    )?;
    let time = said.trim().parse();
    time.map_err(|_| fail(format!("{property} of {unit} is {said:?}")))
}
