// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is in a tree, byte for byte: one line for each file, in an order that is always the same, and
//! a digest of them all.
//!
//! A line is what tar and mtree would keep: kind, mode, owner, size, time, content, path, extended
//! attributes. Hard links are files that are alike. What lies on another file system is not looked at.

mod walk;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use walk::{entries, Entry, Kind, Visit, WalkError};

/// How much is looked at of a tree that somebody may have made to do harm.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many files, directories and whatever else.
    pub entries: usize,
    /// How deep directories may lie in one another.
    pub depth: usize,
}

impl Limits {
    /// For a tree that has just been built.
    pub const NONE: Limits = Limits {
        entries: usize::MAX,
        depth: usize::MAX,
    };
    /// For any other.
    pub const USUAL: Limits = Limits {
        entries: 2_000_000,
        depth: 200,
    };
}

/// What is known of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is: `f`, `d`, `l`, `c`, `b`, `p` or `s`, as in mtree(5) and find(1).
    pub kind: char,
    /// Permissions.
    pub mode: u32,
    /// Whose it is.
    pub uid: u32,
    /// Of which group.
    pub gid: u32,
    /// Bytes in a file.
    pub size: u64,
    /// Seconds since 1970.
    pub time: i64,
    /// The digest of a file, where a link leads, which device.
    pub content: String,
    /// Extended attributes that say something: names and values.
    pub attributes: BTreeMap<String, String>,
}

/// All of a tree, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing(BTreeMap<PathBuf, Item>);

/// What has become of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// These are others: `content`, `mode`, `owner`, `kind`, `time`, `attributes`.
    Changed(Vec<&'static str>),
}

impl Listing {
    /// Looks at all of a tree whose root is open.
    ///
    /// # Errors
    ///
    /// Where something in it cannot be read, or it is larger than the limits.
    pub fn of(root: OwnedFd, limits: &Limits) -> Result<Self, WalkError> {
        let mut found = BTreeMap::new();
        walk::entries(&root, limits, &mut |entry| {
            let entry = entry?;
            let item = entry.item(true)?;
            found.insert(entry.path.clone(), item);
            Ok(())
        })?;
        Ok(Listing(found))
    }

    /// What is known of a path.
    pub fn get(&self, path: &Path) -> Option<&Item> {
        self.0.get(path)
    }

    /// All of it, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Item)> {
        self.0.iter()
    }

    /// What stands for all of it: `sha256:` and the digest of its text.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (path, item) in &self.0 {
            digest.update(line(path, item).as_bytes());
        }
        format!("sha256:{}", hex(&digest.finalize()))
    }

    /// One line for each.
    pub fn text(&self) -> String {
        self.0.iter().map(|(path, item)| line(path, item)).collect()
    }

    /// Reads such a text; none where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        text.lines()
            .map(parse_line)
            .collect::<Option<_>>()
            .map(Listing)
    }
}

fn line(path: &Path, item: &Item) -> String {
    let mut line = format!(
        "{} {:04o} {} {} {} {} {} {}",
        item.kind,
        item.mode,
        item.uid,
        item.gid,
        item.size,
        item.time,
        match item.content.is_empty() {
            true => "-".to_owned(),
            false => escape(item.content.as_bytes()),
        },
        escape(path.as_os_str().as_bytes()),
    );
    for (name, value) in &item.attributes {
        let _ = write!(line, " {}={value}", escape(name.as_bytes()));
    }
    line.push('\n');
    line
}

fn parse_line(line: &str) -> Option<(PathBuf, Item)> {
    let mut words = line.split(' ');
    let mut kind = words.next()?.chars();
    let mut item = Item {
        kind: kind.next()?,
        mode: u32::from_str_radix(words.next()?, 8).ok()?,
        uid: words.next()?.parse().ok()?,
        gid: words.next()?.parse().ok()?,
        size: words.next()?.parse().ok()?,
        time: words.next()?.parse().ok()?,
        content: match words.next()? {
            "-" => String::new(),
            text => String::from_utf8_lossy(&unescape(text)?).into_owned(),
        },
        attributes: BTreeMap::new(),
    };
    let path = OsString::from_vec(unescape(words.next()?)?);
    for word in words {
        let (name, value) = word.split_once('=')?;
        let name = String::from_utf8(unescape(name)?).ok()?;
        item.attributes.insert(name, value.to_owned());
    }
    Some((path.into(), item))
}

/// A text in which nothing parts words, and no byte is lost.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' | b'=' => drop(write!(text, "\\x{byte:02x}")),
            _ if byte.is_ascii_graphic() => text.push(char::from(byte)),
            _ => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        bytes.extend(&rest.as_bytes()[..at]);
        bytes.push(u8::from_str_radix(rest.get(at + 2..at + 4)?, 16).ok()?);
        rest = &rest[at + 4..];
    }
    bytes.extend(rest.as_bytes());
    Some(bytes)
}

/// The SHA-256 of something, in hexadecimal digits.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Item {
    /// In what another of the same path is different. Directories may have another time: that changes
    /// with each file that comes and goes.
    pub fn changes(&self, now: &Item) -> Vec<&'static str> {
        if self.kind != now.kind {
            return vec!["kind"];
        }
        let is_directory = self.kind == 'd';
        let all = [
            (
                "content",
                self.content != now.content || self.size != now.size,
            ),
            ("mode", self.mode != now.mode),
            ("owner", (self.uid, self.gid) != (now.uid, now.gid)),
            ("attributes", self.attributes != now.attributes),
            ("time", self.time != now.time && !is_directory),
        ];
        all.into_iter()
            .filter_map(|(what, is_other)| is_other.then_some(what))
            .collect()
    }

    /// Whether what is in this directory is for others than root to change.
    pub fn is_data(&self) -> bool {
        self.kind == 'd' && (self.uid != 0 || self.mode & 0o022 != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn listing(path: &Path) -> Listing {
        let root = fs::File::open(path).expect("open");
        Listing::of(root.into(), &Limits::USUAL).expect("listed")
    }

    #[test]
    fn a_text_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("d e=f")).expect("mkdir");
        fs::write(at("d e=f/\u{1b}\\x20\n"), "text").expect("write");
        symlink("a b", at("link")).expect("symlink");
        let found = listing(dir.path());
        assert_eq!(found.iter().count(), 4);
        assert_eq!(Listing::parse(&found.text()), Some(found.clone()));
        assert_eq!(found.text().lines().count(), 4);
        let digest = found.digest();
        assert_eq!(digest, listing(dir.path()).digest());
        fs::write(at("d e=f/\u{1b}\\x20\n"), "texT").expect("write");
        assert_ne!(digest, listing(dir.path()).digest());
    }

    #[test]
    fn it_stays_within_its_limits() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::create_dir_all(dir.path().join("a/b/c")).expect("mkdir");
        let root = || fs::File::open(dir.path()).expect("open").into();
        let limits = |entries, depth| Limits { entries, depth };
        assert!(Listing::of(root(), &limits(4, 3)).is_ok());
        assert!(Listing::of(root(), &limits(3, 3)).is_err());
        assert!(Listing::of(root(), &limits(4, 2)).is_err());
    }
}
