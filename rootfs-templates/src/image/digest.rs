// SPDX-License-Identifier: MIT OR Apache-2.0

//! Digests: the names that content has, and the proof that it is that content.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// `sha256:…` or `sha512:…`, in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Digest {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// The digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// As much of it as tells it from others at a glance.
    pub fn short(&self) -> &str {
        &self.hex[..12]
    }

    /// What finds out the digest of the same kind of something else.
    pub(crate) fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex)
    }
}

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest; sha256: or sha512: with its hexadecimal digits is one")]
pub struct NotADigest(String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let refused = || NotADigest(text.chars().take(200).collect());
        let (algorithm, hex) = text.split_once(':').ok_or_else(refused)?;
        let (algorithm, length) = match algorithm {
            "sha256" => (Algorithm::Sha256, 64),
            "sha512" => (Algorithm::Sha512, 128),
            _ => return Err(refused()),
        };
        // Names of files are made of it: nothing but digits may be in it.
        let digits = hex
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match digits && hex.len() == length {
            true => Ok(Digest {
                algorithm,
                hex: hex.to_owned(),
            }),
            false => Err(refused()),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// Finds out a digest.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Default for Hasher {
    fn default() -> Self {
        Hasher::Sha256(Sha256::new())
    }
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        let (algorithm, bytes) = match self {
            Hasher::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
            Hasher::Sha512(hasher) => (Algorithm::Sha512, hasher.finalize().to_vec()),
        };
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Digest { algorithm, hex }
    }
}

/// Passes on what is read, and fails at the end where that is not what was promised.
pub(crate) struct Verified<R> {
    inner: R,
    hasher: Option<Hasher>,
    expected: Digest,
    left: u64,
}

impl<R: Read> Verified<R> {
    /// `size` bytes are to come, with the digest `expected`.
    pub fn new(inner: R, expected: &Digest, size: u64) -> Self {
        Verified {
            inner,
            hasher: Some(expected.hasher()),
            expected: expected.clone(),
            left: size,
        }
    }

    fn end(&mut self, over: bool) -> io::Result<usize> {
        let wrong = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        if self.left > 0 {
            return wrong(format!("it ends {} bytes early", self.left));
        }
        if over {
            return wrong("it is longer than its descriptor says".to_owned());
        }
        let Some(hasher) = self.hasher.take() else {
            return Ok(0);
        };
        let found = hasher.finish();
        match found == self.expected {
            true => Ok(0),
            false => wrong(format!(
                "its content is not what its digest says: {} was expected, {found} is there",
                self.expected
            )),
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.hasher.is_none() {
            return Ok(0);
        }
        if self.left == 0 {
            let over = self.inner.read(&mut [0])? > 0;
            return self.end(over);
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.inner.read(&mut buffer[..most])?;
        if count == 0 {
            return self.end(false);
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_are_digits_and_nothing_else() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse(), Ok(Digest::of(b"abc")));
        for wrong in [
            "",
            "sha256",
            "sha256:",
            "md5:900150983cd24fb0d6963f7d28e17f72",
            "sha256:../../../../etc/passwd",
            &ABC.to_uppercase(),
            &ABC[..70],
            &format!("{ABC}0"),
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_promised_must_come() {
        let expected = Digest::of(b"abc");
        let read = |bytes: &'static [u8], size| {
            let mut read = Vec::new();
            let done = Verified::new(bytes, &expected, size).read_to_end(&mut read);
            done.map_err(|error| error.to_string())
        };
        assert_eq!(read(b"abc", 3), Ok(3));
        let refused = |bytes, size| read(bytes, size).expect_err("refused");
        assert!(refused(b"abd", 3).contains("is not what its digest says"));
        assert_eq!(refused(b"ab", 3), "it ends 1 bytes early");
        assert_eq!(refused(b"abcd", 3), "it is longer than its descriptor says");
    }
}
