// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can be set about a jail.

use std::fmt;
use std::str::FromStr;

use super::JailName;
use crate::isolation::Permission;

/// Something about a jail that those above it can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The name, once.
    Name,
    /// How many processes and threads it may have.
    TasksMax,
    /// How many semaphore sets it may have.
    SemMax,
    /// How many shared memory segments it may have.
    ShmMax,
    /// How many message queues it may have.
    MsgMax,
    /// How many bytes its shared memory segments may have together.
    ShmBytesMax,
    /// How many jails it may have within it.
    ChildrenMax,
    /// Whether it goes on existing with nothing in it.
    Persist,
    /// What it may do.
    Allow,
}

impl Key {
    /// All of them.
    pub const ALL: [Key; 9] = [
        Key::Name,
        Key::TasksMax,
        Key::SemMax,
        Key::ShmMax,
        Key::MsgMax,
        Key::ShmBytesMax,
        Key::ChildrenMax,
        Key::Persist,
        Key::Allow,
    ];

    /// Its file in the directory of a jail, which is also what users call it.
    pub fn file(self) -> &'static str {
        match self {
            Key::Name => "name",
            Key::TasksMax => "tasks.max",
            Key::SemMax => "sem.max",
            Key::ShmMax => "shm.max",
            Key::MsgMax => "msg.max",
            Key::ShmBytesMax => "shm_bytes.max",
            Key::ChildrenMax => "children.max",
            Key::Persist => "persist",
            Key::Allow => "allow",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file())
    }
}

/// A limit: a count, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// So many and no more.
    At(u64),
    /// No limit.
    Max,
}

impl Value {
    /// A count; with `bytes`, it may end in K, M or G, for powers of 1024.
    pub(crate) fn parse(text: &str, bytes: bool) -> Option<Self> {
        if matches!(text, "max" | "unlimited") {
            return Some(Value::Max);
        }
        let (digits, shift) = match text.bytes().last()? {
            b'K' if bytes => (&text[..text.len() - 1], 10),
            b'M' if bytes => (&text[..text.len() - 1], 20),
            b'G' if bytes => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        // parse() alone would take a sign.
        let number: u64 = match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().ok()?,
            false => return None,
        };
        number.checked_mul(1 << shift).map(Value::At)
    }
}

impl FromStr for Value {
    type Err = String;

    /// A count, or `max` or `unlimited` for none.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, false).ok_or_else(|| "expected a number, \"max\" or \"unlimited\"".into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::At(number) => number.fmt(f),
            Value::Max => f.write_str("max"),
        }
    }
}

/// Something about a jail, and what it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What is set.
    pub key: Key,
    text: String,
}

impl Setting {
    /// How a jail is written that may do nothing.
    pub(super) const NOTHING: &'static str = "none";

    /// That the jail may do all this as well, and the other no longer; nothing where both are empty.
    pub fn allowance(more: &[Permission], fewer: &[Permission]) -> Option<Self> {
        let more = more.iter().map(|name| format!("+{name}"));
        let fewer = fewer.iter().map(|name| format!("-{name}"));
        let names: Vec<String> = fewer.chain(more).collect();
        let text = names.join(",");
        (!names.is_empty()).then_some(Setting {
            key: Key::Allow,
            text,
        })
    }

    /// `key` set to what `text` says.
    ///
    /// # Errors
    ///
    /// What is expected in place of `text`.
    pub fn new(key: Key, text: &str) -> Result<Self, String> {
        let text = match key {
            Key::Name => text.parse::<JailName>()?.to_string(),
            Key::Allow => allow(text)?,
            Key::Persist if matches!(text, "0" | "1") => text.to_owned(),
            Key::Persist => return Err(wrong(key, text, "0 or 1")),
            Key::ShmBytesMax => match Value::parse(text, true) {
                Some(value) => value.to_string(),
                None => {
                    let expected = "a number of bytes (K, M and G stand for powers of 1024) or max";
                    return Err(wrong(key, text, expected));
                }
            },
            Key::ChildrenMax => match Value::parse(text, false) {
                Some(Value::At(number)) if u32::try_from(number).is_ok() => number.to_string(),
                _ => return Err(wrong(key, text, "a number below 4294967296")),
            },
            _ => match Value::parse(text, false) {
                Some(value) => value.to_string(),
                None => return Err(wrong(key, text, "a number or max")),
            },
        };
        Ok(Setting { key, text })
    }

    /// The name of a jail.
    pub fn name(name: &JailName) -> Self {
        Setting {
            key: Key::Name,
            text: name.to_string(),
        }
    }

    /// A limit.
    pub fn limit(key: Key, value: Value) -> Self {
        Setting {
            key,
            text: value.to_string(),
        }
    }

    /// That the jail goes on existing with nothing in it.
    pub fn persist() -> Self {
        Setting {
            key: Key::Persist,
            text: "1".into(),
        }
    }

    /// What is written for the kernel.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Names that replace what there is, or all with `+` or `-` before them.
fn allow(text: &str) -> Result<String, String> {
    if text == Setting::NOTHING {
        return Ok(text.to_owned());
    }
    let mut names = Vec::new();
    let mut changes = 0;
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        let (sign, name) = match word.split_at_checked(1) {
            Some((sign @ ("+" | "-"), name)) => (sign, name),
            _ => ("", word),
        };
        changes += usize::from(!sign.is_empty());
        names.push(format!("{sign}{}", name.parse::<Permission>()?));
    }
    match names.len() {
        0 => Err(wrong(Key::Allow, text, "names, or none")),
        all if changes != 0 && changes != all => {
            let expected = "either names, or names with + or - before each";
            Err(wrong(Key::Allow, text, expected))
        }
        _ => Ok(names.join(",")),
    }
}

fn wrong(key: Key, text: &str, expected: &str) -> String {
    format!("{key}={text}: expected {expected}")
}

impl FromStr for Setting {
    type Err = String;

    /// `KEY=VALUE`.
    fn from_str(text: &str) -> Result<Self, String> {
        let known = || {
            let names: Vec<&str> = Key::ALL.iter().map(|key| key.file()).collect();
            format!(
                "expected KEY=VALUE, where KEY is one of {}",
                names.join(", ")
            )
        };
        let (name, value) = text.split_once('=').ok_or_else(known)?;
        let key = Key::ALL.into_iter().find(|key| key.file() == name);
        Setting::new(key.ok_or_else(known)?, value)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        text.parse().map(|setting: Setting| setting.to_string())
    }

    #[test]
    fn settings_are_read_as_the_kernel_wants_them() {
        for (given, text) in [
            ("tasks.max=10", "tasks.max=10"),
            ("tasks.max=max", "tasks.max=max"),
            ("tasks.max=unlimited", "tasks.max=max"),
            ("tasks.max=007", "tasks.max=7"),
            ("shm_bytes.max=64M", "shm_bytes.max=67108864"),
            ("shm_bytes.max=2K", "shm_bytes.max=2048"),
            ("persist=1", "persist=1"),
            ("name=web-1", "name=web-1"),
            ("allow=none", "allow=none"),
            ("allow=chown kill", "allow=chown,kill"),
            ("allow=+chroot,-kill", "allow=+sys_chroot,-kill"),
        ] {
            assert_eq!(parsed(given).as_deref(), Ok(text));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "tasks.max",
            "tasks=5",
            "tasks.max=",
            "tasks.max=-1",
            "tasks.max=+1",
            "tasks.max=5K",
            "shm_bytes.max=M",
            "shm_bytes.max=18446744073709551615K",
            "children.max=max",
            "children.max=4294967296",
            "persist=yes",
            "name=5",
            "allow=",
            "allow=all",
            "allow=+chroot,kill",
            "allow=+",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
        let error = parsed("colour=red").expect_err("no such key");
        assert!(error.contains("children.max"), "{error}");
    }
}
