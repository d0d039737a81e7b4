// SPDX-License-Identifier: MIT OR Apache-2.0

//! How fast a jail sends and receives.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::as_string;

/// Bits for a second.
type Bits = u64;

/// The units, in bits for a second; as tc(8) has them, powers of 1000.
const UNITS: [(&str, Bits); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

/// The units of a burst, in bytes.
const BYTES: [(&str, u64); 3] = [("m", 1 << 20), ("k", 1 << 10), ("", 1)];

/// Slower than this nothing gets through in a time that anybody waits for.
const SLOWEST: Bits = 8_000;

/// A packet as large as the kernel hands on in one piece has to fit in.
const SMALLEST_BURST: u64 = 64 << 10;
/// The kernel counts it in 32 bits.
const LARGEST_BURST: u64 = 1 << 30;

/// How fast a jail sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetRate {
    /// What it sends.
    pub out: Bits,
    /// What it receives.
    pub into: Bits,
    burst: Option<u64>,
}

impl NetRate {
    /// How many bytes go through at once, at a rate.
    pub fn burst(&self, rate: Bits) -> u64 {
        // As much as comes in a hundredth of a second.
        let usual = (rate / 8 / 100).clamp(SMALLEST_BURST, LARGEST_BURST);
        self.burst.unwrap_or(usual)
    }
}

fn number(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)))?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

impl FromStr for NetRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: expected RATE[:IN][,BURST], as 10mbit, 10mbit:50mbit or 10mbit,256k: what is sent \
                 and what is received in bit, kbit, mbit or gbit, of at least 8kbit, and a burst of 64k to \
                 1024m"
            )
        };
        let (rates, burst) = match text.split_once(',') {
            None => (text, None),
            Some((rates, burst)) => {
                let burst = number(burst, &BYTES)
                    .filter(|burst| (SMALLEST_BURST..=LARGEST_BURST).contains(burst));
                (rates, Some(burst.ok_or_else(wrong)?))
            }
        };
        let rate = |text| {
            let rate = number(text, &UNITS).filter(|rate| *rate >= SLOWEST);
            rate.ok_or_else(wrong)
        };
        let (out, into) = match rates.split_once(':') {
            None => (rate(rates)?, rate(rates)?),
            Some((out, into)) => (rate(out)?, rate(into)?),
        };
        Ok(NetRate { out, into, burst })
    }
}

fn shown(value: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().find(|(_, factor)| value % factor == 0);
    let (unit, factor) = fits.copied().unwrap_or(("", 1));
    format!("{}{unit}", value / factor)
}

impl fmt::Display for NetRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.out, &UNITS))?;
        if self.into != self.out {
            write!(f, ":{}", shown(self.into, &UNITS))?;
        }
        match self.burst {
            Some(burst) => write!(f, ",{}", shown(burst, &BYTES)),
            None => Ok(()),
        }
    }
}

as_string!(NetRate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for text in ["10mbit", "1gbit:500kbit", "8kbit,64k", "12345bit:1mbit,1m"] {
            let rate: NetRate = text.parse().expect(text);
            assert_eq!(rate.to_string(), text);
        }
        let rate: NetRate = "10Mbit:20mbit".parse().expect("a rate");
        assert_eq!((rate.out, rate.into), (10_000_000, 20_000_000));
        for text in [
            "",
            "10",
            "mbit",
            "10mb",
            "-1mbit",
            "1.5mbit",
            "0mbit",
            "10mbit:",
            ":10mbit",
            "10mbit,",
            "10mbit,1k",
            "7kbit",
            "99999999999gbit",
            "10mbit,2048m",
        ] {
            assert!(text.parse::<NetRate>().is_err(), "{text}");
        }
    }
}
