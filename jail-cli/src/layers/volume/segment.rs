// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a LUKS2 header says of where and how data are encrypted.
//!
//! A header is not authenticated: who had the disk may have written another. So nothing is taken from one
//! by which anybody could read what the jail writes then, or by which it takes for ever to try a key.

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

/// Ciphers and modes that keep a secret. "cipher_null" is one to the kernel as well.
const CIPHERS: [&str; 6] = [
    "aes",
    "camellia",
    "serpent",
    "twofish",
    "xchacha12,aes",
    "xchacha20,aes",
];
const MODES: [&str; 4] = ["adiantum", "cbc", "lrw", "xts"];

/// As much work as it may be to try a key: passes over a KiB of memory, or iterations. Some minutes of
/// any machine; what is made by cryptsetup takes seconds.
const MOST_WORK: u64 = 1 << 30;

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    keyslots: BTreeMap<String, Keyslot>,
    #[serde(default)]
    digests: BTreeMap<String, Costly>,
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

/// What the key of the data is in, encrypted with another.
#[derive(Deserialize)]
struct Keyslot {
    kdf: Option<Costly>,
    area: Option<Area>,
}

#[derive(Deserialize)]
struct Area {
    encryption: Option<String>,
}

/// What is costly, so that a key cannot be guessed.
#[derive(Deserialize)]
struct Costly {
    time: Option<u64>,
    memory: Option<u64>,
    iterations: Option<u64>,
}

impl Costly {
    fn work(&self) -> u64 {
        let passes = self
            .time
            .unwrap_or(0)
            .saturating_mul(self.memory.unwrap_or(0));
        passes.saturating_add(self.iterations.unwrap_or(0))
    }
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
        header.check_keys()?;
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
            ("crypt", Some(cipher), None) => check_cipher(cipher)?,
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

impl Header {
    /// Looks at what the key of the data is in.
    fn check_keys(&self) -> Result<(), String> {
        let ciphers = self.keyslots.values().filter_map(|slot| slot.area.as_ref());
        for cipher in ciphers.filter_map(|area| area.encryption.as_ref()) {
            check_cipher(cipher.clone())?;
        }
        let functions = self.keyslots.values().filter_map(|slot| slot.kdf.as_ref());
        let work = functions
            .chain(self.digests.values())
            .fold(0_u64, |work, one| work.saturating_add(one.work()));
        match work > MOST_WORK {
            true => Err(
                "its header makes it so much work to try a key that it would not end; has somebody \
                 else written it?"
                    .into(),
            ),
            false => Ok(()),
        }
    }
}

/// A cipher, its mode, and what makes sectors differ, as in "aes-xts-plain64". It is a single word:
/// parameters are told apart by spaces.
fn check_cipher(text: String) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(3, '-').collect();
    let is_known = match parts[..] {
        [cipher, mode, vector] => {
            let is_word = vector
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b':');
            CIPHERS.contains(&cipher) && MODES.contains(&mode) && !vector.is_empty() && is_word
        }
        _ => false,
    };
    match is_known {
        true => Ok(text),
        false => Err(format!(
            "its header asks for the cipher {text:?}, which jaula does not take for one that keeps a \
             secret (it takes {})",
            CIPHERS.join(" ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIPHERS: [&str; 3] = [
        "aes-cbc-essiv:sha256",
        "serpent-xts-plain64",
        "xchacha12,aes-adiantum-plain64",
    ];

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
    fn ciphers_that_keep_a_secret_are_taken() {
        for cipher in CIPHERS {
            let segment = SEGMENT.replace("aes-xts-plain64", cipher);
            let segment = header(&format!(r#""0":{{{segment}}}"#), "").expect(cipher);
            assert!(segment.parameters("7:3", "x", 64).starts_with(cipher));
        }
    }

    #[test]
    fn a_key_is_encrypted_and_does_not_take_for_ever() {
        let with = |slot: &str, digest: &str| {
            let json = format!(
                r#"{{"keyslots":{{"0":{slot}}},"tokens":{{}},"segments":{{"0":{{{SEGMENT}}}}},
                    "digests":{{"0":{digest}}},"config":{{}}}}"#
            );
            Segment::of_header(json.as_bytes())
        };
        let slot = r#"{"type":"luks2","area":{"encryption":"aes-xts-plain64"},
            "kdf":{"type":"argon2id","time":4,"memory":1048576,"cpus":4}}"#;
        let digest = r#"{"type":"pbkdf2","iterations":100000}"#;
        with(slot, digest).expect("a usual header");
        for (slot, digest, part) in [
            (
                &*slot.replace("aes-xts-plain64", "cipher_null-ecb"),
                digest,
                "cipher_null",
            ),
            (&slot.replace(":4,", ":1025,"), digest, "work"),
            (
                &slot.replace("1048576", "18446744073709551615"),
                digest,
                "work",
            ),
            (slot, &digest.replace("100000", "4294967295"), "work"),
            (
                &slot.replace("\"time\":4", "\"iterations\":4294967295"),
                digest,
                "work",
            ),
        ] {
            let error = with(slot, digest).expect_err(slot);
            assert!(error.contains(part), "{slot} {digest}: {error}");
        }
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
        let with_cipher =
            |cipher: &str| format!(r#""0":{{{}}}"#, SEGMENT.replace("aes-xts-plain64", cipher));
        let one = format!(r#""0":{{{SEGMENT}}}"#);
        for (segments, config, part) in [
            (integrity.as_str(), "", "integrity"),
            (&two, "", "one part"),
            ("", "", "one part"),
            (&with_cipher("aes-xts plain64"), "", "keeps a secret"),
            (&with_cipher("aes-xts-plain64 x"), "", "keeps a secret"),
            (&with_cipher("aes-xts-"), "", "keeps a secret"),
            (&with_cipher("aes"), "", "keeps a secret"),
            (&with_cipher(""), "", "keeps a secret"),
            (&with_cipher("cipher_null-ecb"), "", "keeps a secret"),
            (
                &with_cipher("capi:ecb(cipher_null)-plain"),
                "",
                "keeps a secret",
            ),
            (&with_cipher("aes-null-plain"), "", "keeps a secret"),
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
