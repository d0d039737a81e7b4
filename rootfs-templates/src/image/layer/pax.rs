// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a header of pax says about the entry that follows.
//!
//! A value may have any byte in it, a line break too: it goes as far as its record says.

use std::collections::BTreeMap;

use super::entry::Time;

/// What begins the name of a record with an extended attribute.
pub const XATTR: &[u8] = b"SCHILY.xattr.";

/// Bytes of the names of all extended attributes of a file, as the kernel lists them.
const XATTR_NAMES: usize = 64 << 10;

/// What begins those about the holes of a file.
const SPARSE: &[u8] = b"GNU.sparse.";

/// Records by name; of two with one name the last.
#[derive(Debug, Default)]
pub struct Records(Pairs);

/// Names and values.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

impl Records {
    /// Reads `LENGTH NAME=VALUE` and so on.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        const BROKEN: &str = "a record of pax is not as long as it says";
        let mut records: Pairs = Vec::new();
        while !bytes.is_empty() {
            // Some fill the last block with zeros.
            if bytes.iter().all(|byte| *byte == 0) {
                break;
            }
            let blank = bytes.iter().position(|byte| *byte == b' ').ok_or(BROKEN)?;
            let length = number(&bytes[..blank])
                .and_then(|length| usize::try_from(length).ok())
                .filter(|length| *length > blank + 1 && *length <= bytes.len())
                .ok_or(BROKEN)?;
            let (record, rest) = bytes.split_at(length);
            bytes = rest;
            let record = record[blank + 1..].strip_suffix(b"\n").ok_or(BROKEN)?;
            let equals = record.iter().position(|byte| *byte == b'=');
            let equals = equals.ok_or("a record of pax has no value")?;
            let (name, value) = (&record[..equals], &record[equals + 1..]);
            if name.is_empty() || name.contains(&0) {
                return Err("a record of pax has no name");
            }
            records.push((name.to_vec(), value.to_vec()));
        }
        Ok(Records(records))
    }

    /// Whether an entry would be another one without it.
    pub fn says_something_of_entries(&self) -> bool {
        let passed_over: [&[u8]; 2] = [b"comment", b"charset"];
        self.0
            .iter()
            .any(|(name, _)| !passed_over.contains(&&name[..]))
    }

    pub fn path(&self) -> Option<&[u8]> {
        self.text(b"path")
    }

    pub fn link_path(&self) -> Option<&[u8]> {
        self.text(b"linkpath")
    }

    pub fn size(&self) -> Result<Option<u64>, &'static str> {
        self.number(b"size", "has a size that is no number")
    }

    pub fn uid(&self) -> Result<Option<u64>, &'static str> {
        self.number(b"uid", "has an owner that is no number")
    }

    pub fn gid(&self) -> Result<Option<u64>, &'static str> {
        self.number(b"gid", "has a group that is no number")
    }

    /// The name of a file with holes: that of its entry is made up.
    pub fn sparse_name(&self) -> Option<&[u8]> {
        self.text(b"GNU.sparse.name")
    }

    /// The size of a file with holes, where it is one.
    pub fn sparse_size(&self) -> Result<Option<u64>, &'static str> {
        if !self.0.iter().any(|(name, _)| name.starts_with(SPARSE)) {
            return Ok(None);
        }
        let is = |name: &[u8], value: &[u8]| self.text(name) == Some(value);
        if !is(b"GNU.sparse.major", b"1") || !is(b"GNU.sparse.minor", b"0") {
            return Err(
                "has holes noted in a way that is not read; make it with GNU tar's usual one",
            );
        }
        let broken = "has holes, and no size";
        self.number(b"GNU.sparse.realsize", broken)?
            .map(Some)
            .ok_or(broken)
    }

    /// When the entry was changed, `SECONDS.FRACTION`.
    pub fn modified(&self) -> Result<Option<Time>, &'static str> {
        let Some(text) = self.text(b"mtime") else {
            return Ok(None);
        };
        const WRONG: &str = "has a time of change that is no number";
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = text.splitn(2, |byte| *byte == b'.');
        let seconds = number(parts.next().unwrap_or_default()).ok_or(WRONG)?;
        let seconds = i64::try_from(seconds).map_err(|_| WRONG)?;
        let fraction = parts.next().unwrap_or_default();
        if !fraction.iter().all(u8::is_ascii_digit) {
            return Err(WRONG);
        }
        let digits = fraction.iter().copied().chain(std::iter::repeat(b'0'));
        let nanoseconds = digits
            .take(9)
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        Ok(Some(match (negative, nanoseconds) {
            (false, _) => Time {
                seconds,
                nanoseconds,
            },
            (true, 0) => Time {
                seconds: -seconds,
                nanoseconds,
            },
            // A time counts from the second before.
            (true, _) => Time {
                seconds: -seconds - 1,
                nanoseconds: 1_000_000_000 - nanoseconds,
            },
        }))
    }

    /// Extended attributes, by name.
    pub fn xattrs(&self, longest: usize) -> Result<Pairs, &'static str> {
        let mut xattrs = BTreeMap::new();
        let mut sum = 0;
        for (name, value) in &self.0 {
            let Some(name) = name.strip_prefix(XATTR) else {
                continue;
            };
            if name.is_empty() || name.len() > 255 {
                return Err("has an extended attribute with a name that none can have");
            }
            if value.len() > longest {
                return Err("has a larger extended attribute than is allowed");
            }
            // Each ends with a zero byte in the kernel's list.
            sum += name.len() + 1;
            if sum > XATTR_NAMES {
                return Err("has more extended attributes than a file can have");
            }
            xattrs.insert(name.to_vec(), value.clone());
        }
        Ok(xattrs.into_iter().collect())
    }

    /// An empty value is as good as none.
    fn text(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.0.iter().rev().find(|(one, _)| one == name)?;
        Some(&found.1[..]).filter(|value| !value.is_empty())
    }

    fn number(&self, name: &[u8], wrong: &'static str) -> Result<Option<u64>, &'static str> {
        match self.text(name) {
            Some(text) => number(text).map(Some).ok_or(wrong),
            None => Ok(None),
        }
    }
}

/// Digits, and nothing else.
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_have_any_byte() {
        let records = Records::parse(b"36 SCHILY.xattr.security.capability=\n\n9 path=\n\n\0\0");
        assert!(records.is_err(), "a wrong length");
        let value = b"\x01\n2=3 \0";
        let body = [b"SCHILY.xattr.user.x=", &value[..]].concat();
        let record = [format!("{} ", body.len() + 4).as_bytes(), &body, b"\n"].concat();
        let records = Records::parse(&[&record[..], b"12 path=a/b\n"].concat()).expect("records");
        assert_eq!(records.path(), Some(&b"a/b"[..]));
        let expected = vec![(b"user.x".to_vec(), value.to_vec())];
        assert_eq!(records.xattrs(100), Ok(expected));
        assert!(records.xattrs(3).is_err());
    }

    #[test]
    fn times_before_1970_and_parts_of_seconds() {
        let time = |text: &str| {
            let record = format!("mtime={text}\n");
            let record = format!("{} {record}", record.len() + 3);
            Records::parse(record.as_bytes()).and_then(|records| records.modified())
        };
        let at = |seconds, nanoseconds| {
            Ok(Some(Time {
                seconds,
                nanoseconds,
            }))
        };
        assert_eq!(time("12345.25"), at(12345, 250_000_000));
        assert_eq!(time("12345.1234567899"), at(12345, 123_456_789));
        assert_eq!(time("-1.5000"), at(-2, 500_000_000));
        assert!(time("1e9....").is_err());
        assert!(time("+1234567").is_err());
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for broken in [
            &b"path=a\n"[..],
            b"5 path=a\n",
            b"99 path=a\n",
            b"0 path=a\n",
            b"-9 path=a\n",
            b"10 path=a/\0",
            b"18446744073709551616 path=a\n",
            b"7 path\n",
            b"5 =a\n",
        ] {
            assert!(Records::parse(broken).is_err(), "{broken:?}");
        }
    }
}
