// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is asked for of memory, processors and disks, by the names that podman gives it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::control::{bytes, or_max, Control, PERIOD};

/// What a jail may use; nothing is asked for unless something is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory beyond which something in it is killed.
    pub memory: Option<Bytes>,
    /// Memory that is left to it when there is little.
    pub memory_reservation: Option<Bytes>,
    /// Memory and swap space together.
    pub memory_swap: Option<Bytes>,
    /// How many processors' time it may use.
    pub cpus: Option<Cpus>,
    /// Its share of the processors, beside others.
    pub cpu_weight: Option<Weight>,
    /// The processors that it may run on.
    pub cpuset_cpus: Option<Processors>,
    /// The memory nodes that it may use.
    pub cpuset_mems: Option<Nodes>,
    /// Its share of the disks, beside others.
    pub io_weight: Option<Weight>,
    /// Bytes that it may read a second.
    pub device_read_bps: Vec<Rate>,
    /// Bytes that it may write a second.
    pub device_write_bps: Vec<Rate>,
    /// How often it may read a second.
    pub device_read_iops: Vec<Rate>,
    /// How often it may write a second.
    pub device_write_iops: Vec<Rate>,
}

impl Resources {
    /// What that means for its control group.
    ///
    /// # Errors
    ///
    /// What excludes what.
    pub fn controls(&self) -> Result<Vec<Control>, String> {
        let mut controls = Vec::new();
        let mut set = |file: &str, value: &dyn fmt::Display| {
            Control::new(file, &value.to_string()).map(|control| controls.push(control))
        };
        if let Some(memory) = self.memory {
            if memory == Bytes(Some(0)) {
                return Err("memory of 0 leaves nothing to run in; \"max\" is no limit".into());
            }
            set("memory.max", &memory)?;
        }
        if let Some(swap) = self.swap()? {
            set("memory.swap.max", &swap)?;
        }
        if let Some(reservation) = self.memory_reservation {
            set("memory.low", &reservation)?;
        }
        if let Some(cpus) = self.cpus {
            set("cpu.max", &cpus)?;
        }
        if let Some(weight) = self.cpu_weight {
            set("cpu.weight", &weight)?;
        }
        if let Some(nodes) = &self.cpuset_mems {
            set("cpuset.mems", &nodes.0)?;
        }
        if let Some(processors) = &self.cpuset_cpus {
            set("cpuset.cpus", &processors.list)?;
            if processors.exclusive {
                set("cpuset.cpus.exclusive", &processors.list)?;
                set("cpuset.cpus.partition", &"root")?;
            }
        }
        if let Some(weight) = self.io_weight {
            set("io.weight", &weight)?;
        }
        for (key, rates) in [
            ("rbps", &self.device_read_bps),
            ("wbps", &self.device_write_bps),
            ("riops", &self.device_read_iops),
            ("wiops", &self.device_write_iops),
        ] {
            for rate in rates {
                let value = format!("{} {key}={}", rate.device.display(), rate.rate);
                set("io.max", &value)?;
            }
        }
        Ok(controls)
    }

    /// Swap space alone, which is what the kernel wants to know.
    fn swap(&self) -> Result<Option<Bytes>, String> {
        match (self.memory, self.memory_swap) {
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err("memory-swap is memory and swap space together: say memory as well".into())
            }
            // As much again, as podman has it.
            (Some(memory), None) => Ok(Some(memory)),
            (Some(_), Some(Bytes(None))) => Ok(Some(Bytes(None))),
            (Some(memory), Some(Bytes(Some(total)))) => {
                let left = memory.0.and_then(|memory| total.checked_sub(memory));
                let left = left.ok_or_else(|| {
                    format!(
                        "memory-swap is memory and swap space together: {total} is less than \
                         memory, {memory}"
                    )
                })?;
                Ok(Some(Bytes(Some(left))))
            }
        }
    }
}

/// So many bytes, or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(Option<u64>);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = if text == "-1" { "max" } else { text };
        let expected = "expected a number of bytes (b, k, m and g stand for powers of 1024) or max";
        bytes(text).map(Bytes).ok_or_else(|| expected.into())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&or_max(self.0))
    }
}

/// The time of so many processors, as microseconds in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus(u64);

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected how many processors, such as 0.5; 0.01 at least".to_owned();
        let is_one = |letter: u8| letter.is_ascii_digit() || letter == b'.';
        let cpus = text.bytes().all(is_one).then(|| text.parse::<f64>().ok());
        let cpus = cpus.flatten().ok_or_else(expected)?;
        match (0.01..=65_536.0).contains(&cpus) {
            true => Ok(Cpus((cpus * PERIOD as f64).round() as u64)),
            false => Err(expected()),
        }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {PERIOD}", self.0)
    }
}

/// A share: 100 is what everything has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u16);

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let control = Control::new("cpu.weight", text);
        let weight = control
            .ok()
            .and_then(|control| control.value().parse().ok());
        let expected = "expected a number from 1 to 10000; 100 is what everything has";
        weight.map(Weight).ok_or_else(|| expected.into())
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Processors by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processors {
    list: String,
    /// Whether nobody else runs on them.
    exclusive: bool,
}

impl FromStr for Processors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (list, exclusive) = match text.strip_suffix(":exclusive") {
            Some(list) => (list, true),
            None => (text, false),
        };
        match Control::new("cpuset.cpus", list) {
            Ok(_) => Ok(Processors {
                list: list.to_owned(),
                exclusive,
            }),
            Err(_) => Err(
                "expected numbers of processors and ranges of them, such as 0-2,5, and \
                 \":exclusive\" after them where nobody else is to run there"
                    .into(),
            ),
        }
    }
}

/// Memory nodes by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodes(String);

impl FromStr for Nodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Control::new("cpuset.mems", text) {
            Ok(_) => Ok(Nodes(text.to_owned())),
            Err(_) => Err("expected numbers of memory nodes, such as 0-1".into()),
        }
    }
}

/// How much a second of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    device: PathBuf,
    rate: Bytes,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected the absolute path of a disk, \":\" and how much a second, such as \
             /dev/vda:1m"
                .to_owned()
        };
        let (device, rate) = text.rsplit_once(':').ok_or_else(expected)?;
        let is_one_word = !device.contains(char::is_whitespace);
        let rate: Bytes = rate.parse().map_err(|_| expected())?;
        match Path::new(device).is_absolute() && is_one_word && rate.0 != Some(0) {
            true => Ok(Rate {
                device: device.into(),
                rate,
            }),
            false => Err(expected()),
        }
    }
}

/// What stands in a file: a number or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Whole(i64),
    Part(f64),
    Text(String),
}

macro_rules! from_number_or_text {
    ($($type:ty),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = match Given::deserialize(from)? {
                    Given::Whole(number) => number.to_string(),
                    Given::Part(number) => number.to_string(),
                    Given::Text(text) => text,
                };
                let value = text.parse();
                value.map_err(|why| serde::de::Error::custom(format!("{text:?}: {why}")))
            }
        }
    )+};
}

from_number_or_text!(Bytes, Cpus, Weight, Processors, Nodes, Rate);

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(resources: &Resources) -> Result<Vec<String>, String> {
        let controls = resources.controls()?;
        Ok(controls.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_is_asked_for_unless_it_is_said() {
        assert_eq!(controls(&Resources::default()), Ok(Vec::new()));
    }

    #[test]
    fn options_mean_what_they_mean_to_podman() {
        let resources = Resources {
            memory: "64m".parse().ok(),
            memory_reservation: "32m".parse().ok(),
            cpus: "0.5".parse().ok(),
            cpu_weight: "70".parse().ok(),
            cpuset_cpus: "0-1:exclusive".parse().ok(),
            io_weight: "200".parse().ok(),
            device_read_bps: vec!["/dev/vda:1m".parse().expect("a rate")],
            device_write_iops: vec!["/dev/vda:100".parse().expect("a rate")],
            ..Resources::default()
        };
        let expected = [
            "memory.max=67108864",
            "memory.swap.max=67108864",
            "memory.low=33554432",
            "cpu.max=50000 100000",
            "cpu.weight=70",
            "cpuset.cpus=0-1",
            "cpuset.cpus.exclusive=0-1",
            "cpuset.cpus.partition=root",
            "io.weight=200",
            "io.max=/dev/vda rbps=1048576",
            "io.max=/dev/vda wiops=100",
        ];
        assert_eq!(controls(&resources).expect("controls"), expected);
    }

    #[test]
    fn swap_space_is_what_is_left_of_both() {
        let with = |memory: &str, swap: &str| Resources {
            memory: memory.parse().ok(),
            memory_swap: swap.parse().ok(),
            ..Resources::default()
        };
        let swap = |memory, swap| {
            let controls = with(memory, swap).controls()?;
            Ok::<_, String>(controls.last().map(|last| last.value().to_owned()))
        };
        assert_eq!(swap("1k", "3k"), Ok(Some("2048".into())));
        assert_eq!(swap("1k", "1k"), Ok(Some("0".into())));
        assert_eq!(swap("1k", "-1"), Ok(Some("max".into())));
        assert_eq!(swap("1k", "max"), Ok(Some("max".into())));
        assert!(swap("2k", "1k").is_err() && swap("", "1k").is_err());
        assert!(swap("max", "1k").is_err());
    }

    #[test]
    fn something_needs_some_memory() {
        let with = |memory: &str| Resources {
            memory: memory.parse().ok(),
            ..Resources::default()
        };
        assert!(with("0").controls().is_err() && with("0k").controls().is_err());
        assert!(with("1").controls().is_ok() && with("max").controls().is_ok());
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "", "0", "-1", "0.001", "1e3", "two", "nan", "+1", "1.2.3", "99999999",
        ] {
            assert!(text.parse::<Cpus>().is_err(), "{text}");
        }
        for text in [
            "",
            "vda:1m",
            "/dev/vda",
            "/dev/vda:",
            "/dev/vda:0",
            "/dev/v a:1",
            ":1",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["", ":exclusive", "0:own", "1-0", "a"] {
            assert!(text.parse::<Processors>().is_err(), "{text}");
        }
    }
}
