// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a whole jail may use of memory, processors and disks: values of its control group, by the
//! names of the kernel's files (Documentation/admin-guide/cgroup-v2.rst).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a file of a control group takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Bytes, or `max`.
    Bytes,
    /// How many, or `max`.
    Count,
    /// 0 or 1.
    Switch,
    /// 1 to 10000; 100 is what everything has.
    Weight,
    /// Microseconds of processor time in each period, or `max`, and how long that is.
    Quota,
    /// Numbers of processors or memory nodes, such as `0-2,5`.
    List,
    /// What the group is among those that have processors of their own.
    Partition,
    /// A disk, and how much of what a second.
    Rates,
}

/// What can be set: the file, what it takes, and the option of `jaula run` that stands for it.
const FILES: [(&str, Kind, &str); 17] = [
    ("memory.max", Kind::Bytes, "--memory"),
    ("memory.high", Kind::Bytes, ""),
    ("memory.low", Kind::Bytes, "--memory-reservation"),
    ("memory.min", Kind::Bytes, ""),
    ("memory.swap.max", Kind::Bytes, "--memory-swap"),
    ("memory.swap.high", Kind::Bytes, ""),
    ("memory.oom.group", Kind::Switch, ""),
    ("cpu.max", Kind::Quota, "--cpus"),
    ("cpu.weight", Kind::Weight, "--cpu-weight"),
    ("cpu.idle", Kind::Switch, ""),
    ("cpuset.cpus", Kind::List, "--cpuset-cpus"),
    ("cpuset.mems", Kind::List, "--cpuset-mems"),
    ("cpuset.cpus.exclusive", Kind::List, "--cpuset-cpus"),
    ("cpuset.cpus.partition", Kind::Partition, "--cpuset-cpus"),
    ("io.weight", Kind::Weight, "--io-weight"),
    ("io.max", Kind::Rates, "--device-read-bps and its like"),
    ("pids.max", Kind::Count, ""),
];

/// The keys of [`Kind::Rates`].
pub const RATES: [&str; 4] = ["rbps", "wbps", "riops", "wiops"];

/// The shortest and the longest period of a quota, in microseconds (sched_cfs_bandwidth).
const PERIODS: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;

/// The period of a quota unless another is said, in microseconds.
pub const PERIOD: u64 = 100_000;

/// One of the names above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File(&'static str);

/// One value of a control group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Control {
    file: File,
    value: String,
}

impl Control {
    /// `file` set to what `text` says.
    ///
    /// # Errors
    ///
    /// What is expected in place of either.
    pub fn new(file: &str, text: &str) -> Result<Self, String> {
        let known = FILES.iter().find(|(known, ..)| *known == file);
        let (file, kind, _) = known.ok_or_else(|| {
            let names: Vec<&str> = Self::files().collect();
            format!("{file:?}: there are {}", names.join(", "))
        })?;
        match kind.value(text) {
            Ok(value) => Ok(Control {
                file: File(file),
                value,
            }),
            Err(expected) => Err(format!("{file}={text}: expected {expected}")),
        }
    }

    /// The files that can be set.
    pub fn files() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(file, ..)| *file)
    }

    /// Whether there is such a file.
    pub fn is_file(name: &str) -> bool {
        Self::files().any(|file| file == name)
    }

    /// The file.
    pub fn file(&self) -> &'static str {
        self.file.0
    }

    /// What is written to it; of [`Control::disk`], with that in place of its number.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The controller that it belongs to.
    pub fn controller(&self) -> &'static str {
        self.file().split('.').next().unwrap_or(self.file())
    }

    /// The disk that it is about, and the rest, where it is about one.
    pub fn disk(&self) -> Option<(&str, &str)> {
        match self.kind() {
            Some(Kind::Rates) => self.value.split_once(' '),
            _ => None,
        }
    }

    /// In bytes, where it is so many of them and not `max`.
    pub fn bytes(&self) -> Option<u64> {
        match self.kind() {
            Some(Kind::Bytes) => self.value.parse().ok(),
            _ => None,
        }
    }

    /// Adds it to `controls`, in place of what it replaces; the keys of a disk are set one by one.
    pub fn put_into(self, controls: &mut Vec<Control>) {
        controls.retain(|there| there.file != self.file || there.disk().is_some());
        controls.push(self);
    }

    /// As it is named where something is wrong with it.
    pub fn described(&self) -> String {
        let option = FILES.iter().find(|(file, ..)| *file == self.file());
        match option {
            Some((_, _, option)) if !option.is_empty() => format!("{self} ({option})"),
            _ => self.to_string(),
        }
    }

    fn kind(&self) -> Option<Kind> {
        let known = FILES.iter().find(|(file, ..)| *file == self.file());
        known.map(|(_, kind, _)| *kind)
    }
}

impl Kind {
    /// What is written for `text`, or what is expected in place of it.
    fn value(self, text: &str) -> Result<String, &'static str> {
        match self {
            Kind::Bytes => bytes(text)
                .map(|bytes| or_max(bytes).to_string())
                .ok_or("a number of bytes (b, k, m, g and t stand for powers of 1024) or max"),
            Kind::Count => match text {
                "max" => Some(text.to_owned()),
                _ => number(text).map(|count| count.to_string()),
            }
            .ok_or("a number or max"),
            Kind::Switch => match text {
                "0" | "1" => Ok(text.to_owned()),
                _ => Err("0 or 1"),
            },
            Kind::Weight => match number(text) {
                Some(weight @ 1..=10_000) => Ok(weight.to_string()),
                _ => Err("a number from 1 to 10000"),
            },
            Kind::Quota => quota(text).ok_or(
                "microseconds of processor time (1000 at least) or max, and how long a period is, \
                 1000 to 1000000 (100000 unless given)",
            ),
            Kind::List => list(text).ok_or("numbers and ranges of them, such as 0-2,5"),
            Kind::Partition => match text {
                "member" | "root" | "isolated" => Ok(text.to_owned()),
                _ => Err("member, root or isolated"),
            },
            Kind::Rates => rates(text).ok_or(
                "a disk and how much a second, such as /dev/vda rbps=1m wiops=100; there are \
                 rbps, wbps, riops, wiops, each a number or max",
            ),
        }
    }
}

/// Digits alone: parse() would take a sign.
fn number(text: &str) -> Option<u64> {
    let is_one = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| text.parse().ok()).flatten()
}

/// A number of bytes, with or without a unit; `Some(None)` is no limit.
pub fn bytes(text: &str) -> Option<Option<u64>> {
    if text == "max" {
        return Some(None);
    }
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let shift = match &text[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    number(digits)?.checked_mul(1 << shift).map(Some)
}

/// As the kernel writes a limit.
pub fn or_max(limit: Option<u64>) -> String {
    limit.map_or("max".to_owned(), |limit| limit.to_string())
}

fn quota(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let quota = words.next()?;
    let period = words.next().map_or(Some(PERIOD), number)?;
    let is_quota = quota == "max" || number(quota).is_some_and(|quota| quota >= 1_000);
    let is_all = words.next().is_none();
    (is_quota && is_all && PERIODS.contains(&period)).then(|| format!("{quota} {period}"))
}

/// The kernel takes an empty list for what the group around it has.
fn list(text: &str) -> Option<String> {
    let is_one = |part: &str| match part.split_once('-') {
        Some((first, last)) => match (number(first), number(last)) {
            (Some(first), Some(last)) => first <= last,
            _ => false,
        },
        None => number(part).is_some(),
    };
    text.split(',').all(is_one).then(|| text.to_owned())
}

fn rates(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let disk = words.next().filter(|disk| disk.starts_with('/'))?;
    let mut value = disk.to_owned();
    let mut is_any = false;
    for word in words {
        let (key, rate) = word.split_once('=')?;
        let rate = bytes(rate).filter(|rate| *rate != Some(0))?;
        if !RATES.contains(&key) {
            return None;
        }
        value += &format!(" {key}={}", or_max(rate));
        is_any = true;
    }
    is_any.then_some(value)
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.file(), self.value)
    }
}

impl FromStr for Control {
    type Err = String;

    /// `FILE=VALUE`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (file, value) = text.split_once('=').ok_or("expected FILE=VALUE")?;
        Control::new(file, value)
    }
}

impl TryFrom<String> for Control {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Control> for String {
    fn from(control: Control) -> Self {
        control.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        text.parse().map(|control: Control| control.to_string())
    }

    #[test]
    fn values_are_read_as_the_kernel_wants_them() {
        for (given, text) in [
            ("memory.max=64m", "memory.max=67108864"),
            ("memory.max=64M", "memory.max=67108864"),
            ("memory.max=1GiB", "memory.max=1073741824"),
            ("memory.high=max", "memory.high=max"),
            ("memory.swap.max=0", "memory.swap.max=0"),
            ("cpu.max=50000", "cpu.max=50000 100000"),
            ("cpu.max=max 20000", "cpu.max=max 20000"),
            ("cpu.weight=70", "cpu.weight=70"),
            ("cpuset.cpus=0-2,5", "cpuset.cpus=0-2,5"),
            (
                "io.max=/dev/vda rbps=1m wiops=max",
                "io.max=/dev/vda rbps=1048576 wiops=max",
            ),
            ("pids.max=max", "pids.max=max"),
        ] {
            assert_eq!(parsed(given).as_deref(), Ok(text));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "memory.max",
            "memory.max=",
            "memory.max=-1",
            "memory.max=64x",
            "memory.max=64 m",
            "memory.max=18446744073709551615k",
            "memory.oom.group=2",
            "memory.current=5",
            "cgroup.procs=1",
            "cpu.max=",
            "cpu.max=999",
            "cpu.max=5000 100",
            "cpu.max=5000 100000 1",
            "cpu.weight=0",
            "cpu.weight=10001",
            "cpuset.cpus=",
            "cpuset.cpus=2-1",
            "cpuset.cpus=0,",
            "cpuset.cpus.partition=own",
            "io.max=/dev/vda",
            "io.max=8:0 rbps=1",
            "io.max=/dev/vda rbps=0",
            "io.max=/dev/vda bps=5",
            "../memory.max=5",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
        let error = parsed("memory.max=lots").expect_err("no number");
        assert!(error.contains("memory.max=lots"), "{error}");
    }

    #[test]
    fn what_is_set_last_counts() {
        let mut controls = Vec::new();
        for text in [
            "memory.max=1m",
            "io.max=/dev/a rbps=1",
            "io.max=/dev/a wbps=2",
            "memory.max=2m",
        ] {
            let control: Control = text.parse().expect(text);
            control.put_into(&mut controls);
        }
        let texts: Vec<String> = controls.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "io.max=/dev/a rbps=1",
                "io.max=/dev/a wbps=2",
                "memory.max=2097152"
            ]
        );
    }
}
