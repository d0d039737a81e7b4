// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a LUKS2 header says of where and how data are encrypted.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The device mapper counts in these, and LUKS with it.
pub const SECTOR: u64 = 512;

/// The part of a volume that has data.
#[derive(Debug, PartialEq, Eq)]
pub struct Segment {
    cipher: String,
    /// Where it begins, in bytes.
    offset: u64,
    /// How many bytes it has; all that follow, where nothing is said.
    size: Option<u64>,
    tweak: u64,
    sector: u64,
}

#[derive(Deserialize)]
struct Header {
    segments: BTreeMap<String, Found>,
    config: Config,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "type")]
    kind: String,
    offset: String,
    size: String,
    iv_tweak: Option<String>,
    encryption: Option<String>,
    sector_size: Option<u64>,
    integrity: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    requirements: Requirements,
}

#[derive(Default, Deserialize)]
struct Requirements {
    #[serde(default)]
    mandatory: Vec<String>,
}

impl Segment {
    /// Reads it from a header, as `cryptsetup luksDump --dump-json-metadata` prints it.
    ///
    /// # Errors
    ///
    /// A text that says what it has that jaula does not open.
    pub fn of_header(json: &[u8]) -> Result<Self, String> {
        let header: Header = serde_json::from_slice(json)
            .map_err(|error| format!("its header is not understood: {error}"))?;
        if let Some(needed) = header.config.requirements.mandatory.first() {
            return Err(format!(
                "its header asks for {needed:?}: it is being encrypted anew, or needs what only \
                 cryptsetup knows"
            ));
        }
        let mut segments = header.segments.into_values();
        let (Some(found), None) = (segments.next(), segments.next()) else {
            return Err(
                "it does not have one part with data, as every volume has that is at rest".into(),
            );
        };
        let number = |text: &str| {
            let number = text.parse::<u64>();
            number.map_err(|error| format!("{text:?} in its header: {error}"))
        };
        let cipher = match (found.kind.as_str(), found.encryption, found.integrity) {
            ("crypt", Some(cipher), None) if is_word(&cipher) => cipher,
            ("crypt", Some(_), Some(_)) => {
                return Err("it checks the integrity of its data, which jaula does not open".into())
            }
            _ => return Err("its data are not encrypted by dm-crypt alone".into()),
        };
        let segment = Segment {
            cipher,
            offset: number(&found.offset)?,
            size: match found.size.as_str() {
                "dynamic" => None,
                size => Some(number(size)?),
            },
            tweak: found.iv_tweak.as_deref().map_or(Ok(0), number)?,
            sector: found.sector_size.unwrap_or(SECTOR),
        };
        let is_round = segment.offset % SECTOR == 0 && segment.sector.is_power_of_two();
        match is_round && segment.sector >= SECTOR {
            true => Ok(segment),
            false => Err("its header has sectors that are none".into()),
        }
    }

    /// How many sectors there are of it on a device of `bytes`.
    ///
    /// # Errors
    ///
    /// Where it does not fit.
    pub fn sectors(&self, bytes: u64) -> Result<u64, String> {
        let left = bytes.checked_sub(self.offset);
        let size = match (left, self.size) {
            (Some(left), None) => left,
            (Some(left), Some(size)) if size <= left => size,
            _ => 0,
        };
        match size / self.sector * (self.sector / SECTOR) {
            0 => Err("it is smaller than its header says; has it been cut off?".into()),
            sectors => Ok(sectors),
        }
    }

    /// What the target "crypt" takes, for data on `device` and a key of so many bytes that the kernel has by
    /// this description.
    pub fn parameters(&self, device: &str, key: &str, length: usize) -> String {
        let start = self.offset / SECTOR;
        let Segment { cipher, tweak, .. } = self;
        let table = format!("{cipher} :{length}:logon:{key} {tweak} {device} {start}");
        match self.sector {
            SECTOR => table,
            sector => format!("{table} 1 sector_size:{sector}"),
        }
    }
}

/// Parameters are told apart by spaces.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: &str = r#""type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0",
        "encryption":"aes-xts-plain64","sector_size":4096"#;

    fn header(segments: &str, config: &str) -> Result<Segment, String> {
        let json = format!(
            r#"{{"keyslots":{{}},"tokens":{{}},"segments":{{{segments}}},"digests":{{}},
                "config":{{"json_size":"12288","keyslots_size":"16744448"{config}}}}}"#
        );
        Segment::of_header(json.as_bytes())
    }

    #[test]
    fn a_header_says_what_the_kernel_is_told() {
        let segment = header(&format!(r#""0":{{{SEGMENT}}}"#), "").expect("a segment");
        assert_eq!(segment.sectors((16 << 20) + 9000), Ok(16));
        assert_eq!(
            segment.parameters("7:3", "jaula:x", 64),
            "aes-xts-plain64 :64:logon:jaula:x 0 7:3 32768 1 sector_size:4096"
        );
        let small = SEGMENT.replace("4096", "512");
        let segment = header(&format!(r#""0":{{{small}}}"#), "").expect("a segment");
        assert!(segment
            .parameters("7:3", "jaula:x", 64)
            .ends_with(" 7:3 32768"));
    }

    #[test]
    fn a_volume_that_is_cut_off_is_refused() {
        let segment = header(&format!(r#""0":{{{SEGMENT}}}"#), "").expect("a segment");
        for bytes in [0, 16 << 20, (16 << 20) + 4095] {
            assert!(segment.sectors(bytes).is_err(), "{bytes}");
        }
    }

    #[test]
    fn what_is_not_opened_is_said() {
        let integrity = format!(r#""0":{{{SEGMENT},"integrity":{{"type":"hmac(sha256)"}}}}"#);
        let two = format!(r#""0":{{{SEGMENT}}},"1":{{{SEGMENT}}}"#);
        let spaces = SEGMENT.replace("xts-plain64", "xts plain64");
        let one = format!(r#""0":{{{SEGMENT}}}"#);
        for (segments, config, part) in [
            (integrity.as_str(), "", "integrity"),
            (&two, "", "one part"),
            ("", "", "one part"),
            (&format!(r#""0":{{{spaces}}}"#), "", "dm-crypt"),
            (&one.replace("4096", "3"), "", "sectors"),
            (&one.replace("16777216", "-1"), "", "-1"),
            (
                &one,
                r#","requirements":{"mandatory":["online-reencrypt-v2"]}"#,
                "reencrypt",
            ),
        ] {
            let error = header(segments, config).expect_err(segments);
            assert!(error.contains(part), "{segments}: {error}");
        }
        assert!(Segment::of_header(b"{").is_err());
    }
}
