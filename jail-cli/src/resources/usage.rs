// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail uses, as its control group counts it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Group;

/// What all of a jail uses. What its group does not count, since nothing of it was asked for, is
/// missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Memory in bytes, with what the kernel keeps for it of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The most that it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_peak: Option<u64>,
    /// How much it may have; nothing where there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<u64>,
    /// Swap space in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<u64>,
    /// How often it had all the memory that it may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max_events: Option<u64>,
    /// How many of its processes were killed for want of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Processor time in seconds, that of what has ended as well.
    pub cpu_seconds: f64,
    /// How long it was kept from running by its quota, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_throttled_seconds: Option<f64>,
    /// Bytes read from and written to disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<Io>,
    /// How much of the last ten seconds something in it waited, by for what: `cpu`, `memory`, `io`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pressure: BTreeMap<&'static str, Pressure>,
    /// Whether it is paused.
    pub frozen: bool,
}

/// Bytes and how often, over all disks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Io {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

/// Per cent of the last ten seconds (Documentation/accounting/psi.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// In which at least one task waited.
    pub some: f64,
    /// In which all did.
    pub full: f64,
}

impl Group {
    /// What the jail uses.
    ///
    /// # Errors
    ///
    /// Where the group is gone.
    pub fn usage(&self) -> Result<Usage, String> {
        let cpu = self.read("cpu.stat")?;
        let cpu = pairs(&cpu);
        let seconds = |name: &str| {
            let microseconds = cpu.get(name).copied();
            microseconds.map(|time| Duration::from_micros(time).as_secs_f64())
        };
        let events = self.read("memory.events").ok();
        let event = |name: &str| pairs(events.as_deref()?).get(name).copied();
        let pressure = ["cpu", "memory", "io"].into_iter();
        let pressure = pressure.filter_map(|of| {
            let text = self.read(&format!("{of}.pressure")).ok()?;
            Some((of, Pressure::read(&text)))
        });
        Ok(Usage {
            memory: self.number("memory.current"),
            memory_peak: self.number("memory.peak"),
            memory_max: self.number("memory.max"),
            swap: self.number("memory.swap.current"),
            memory_max_events: event("max"),
            oom_kills: event("oom_kill"),
            cpu_seconds: seconds("usage_usec").unwrap_or_default(),
            cpu_throttled_seconds: seconds("throttled_usec"),
            io: self.read("io.stat").ok().map(|text| Io::read(&text)),
            pressure: pressure.collect(),
            frozen: self.is_frozen()?,
        })
    }

    /// What is in a file that holds a number; nothing where that is `max`, or the file is not there.
    pub(super) fn number(&self, file: &str) -> Option<u64> {
        self.read(file).ok()?.trim().parse().ok()
    }

    /// How many of the jail's processes were killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        let events = self.read("memory.events").unwrap_or_default();
        pairs(&events).get("oom_kill").copied().unwrap_or_default()
    }
}

/// Lines of a name and a number.
pub(super) fn pairs(text: &str) -> BTreeMap<&str, u64> {
    let pair = |line| {
        let (name, value) = str::split_once(line, ' ')?;
        Some((name, value.parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

impl Io {
    fn read(text: &str) -> Self {
        let mut io = Io::default();
        let words = text.split_whitespace();
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let value: u64 = value.parse().unwrap_or_default();
            match key {
                "rbytes" => io.read_bytes += value,
                "wbytes" => io.written_bytes += value,
                "rios" => io.reads += value,
                "wios" => io.writes += value,
                _ => {}
            }
        }
        io
    }
}

impl Pressure {
    fn read(text: &str) -> Self {
        let of = |kind: &str| {
            let line = text.lines().find(|line| line.starts_with(kind))?;
            let mut words = line.split_whitespace();
            words
                .find_map(|word| word.strip_prefix("avg10="))?
                .parse()
                .ok()
        };
        Pressure {
            some: of("some").unwrap_or_default(),
            full: of("full").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_kernel_are_read() {
        let io =
            Io::read("254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n7:0 rbytes=5\n");
        let expected = Io {
            read_bytes: 15,
            written_bytes: 20,
            reads: 1,
            writes: 2,
        };
        assert_eq!(io, expected);
        let text = "some avg10=1.50 avg60=0.00 avg300=0.00 total=0\n\
                    full avg10=0.25 avg60=0.00 avg300=0.00 total=0\n";
        let pressure = Pressure::read(text);
        assert_eq!((pressure.some, pressure.full), (1.5, 0.25));
        assert_eq!(pairs("low 0\noom_kill 3\nx\n").get("oom_kill"), Some(&3));
    }
}
