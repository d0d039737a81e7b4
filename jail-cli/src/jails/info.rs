// SPDX-License-Identifier: MIT OR Apache-2.0

//! One jail as the kernel shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use nix::time::{clock_gettime, ClockId};
use serde::{Deserialize, Serialize};

use super::{JailName, JailsError, Value};
use crate::jail::JailNumber;

/// What is refused in a jail; each is counted in `refusals.KIND`.
const REFUSALS: [&str; 17] = [
    "sysvipc",
    "tasks",
    "sem",
    "shm",
    "msg",
    "shm_bytes",
    "children",
    "signal",
    "ptrace",
    "sched",
    "unix",
    "mqueue",
    "key",
    "io_uring",
    "proc",
    "capability",
    "exec",
];

/// When a jail was made, on the clock that starts with the machine (`CLOCK_BOOTTIME`).
///
/// Together with the number it tells a jail from a later one that was given the same number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Created(Duration);

impl Created {
    /// This moment.
    pub fn now() -> Self {
        // The clock exists since Linux 2.6.39.
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME);
        Created(now.map_or(Duration::ZERO, Duration::from))
    }

    /// How long ago that was.
    pub fn age(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

impl FromStr for Created {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (seconds, nanoseconds) = text.split_once('.')?;
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if nanoseconds.len() != 9 || !digits(seconds) || !digits(nanoseconds) {
                return None;
            }
            let (seconds, nanoseconds) = (seconds.parse().ok()?, nanoseconds.parse().ok()?);
            Some(Created(Duration::new(seconds, nanoseconds)))
        };
        parse().ok_or_else(|| format!("{text:?} is no time: expected seconds.nanoseconds"))
    }
}

impl TryFrom<String> for Created {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Created> for String {
    fn from(created: Created) -> Self {
        created.to_string()
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0.as_secs(), self.0.subsec_nanos())
    }
}

/// Whether a jail is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is not.
    Alive,
    /// Nothing can be made or started in it any more.
    Dying,
}

impl FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "alive" => Ok(State::Alive),
            "dying" => Ok(State::Dying),
            _ => Err(()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Alive => "alive",
            State::Dying => "dying",
        })
    }
}

/// How much a jail may have of each thing; `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Processes and threads.
    pub tasks: Option<u64>,
    /// Semaphore sets.
    pub sem: Option<u64>,
    /// Shared memory segments.
    pub shm: Option<u64>,
    /// Message queues.
    pub msg: Option<u64>,
    /// Bytes of shared memory.
    pub shm_bytes: Option<u64>,
    /// Jails within it.
    pub children: u64,
}

/// One jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JailInfo {
    /// Its number.
    pub number: JailNumber,
    /// The jail it is in; [`JailNumber::HOST`] for one of the host's.
    pub parent: JailNumber,
    /// Its name, where it was given one.
    pub name: Option<JailName>,
    /// When it was made.
    pub created: Created,
    /// Whether it is being ended.
    pub state: State,
    /// Processes and threads in it.
    pub tasks: u64,
    /// Its semaphore sets.
    pub sem: u64,
    /// Its shared memory segments.
    pub shm: u64,
    /// Its message queues.
    pub msg: u64,
    /// Bytes in its shared memory segments.
    pub shm_bytes: u64,
    /// Jails directly within it.
    pub children: u64,
    /// How much it may have.
    pub limits: Limits,
    /// Whether it goes on existing with nothing in it.
    pub persist: bool,
    /// What it may do, by name: capabilities, and what else can be allowed.
    pub allow: Vec<String>,
    /// How often something was refused in it, by kind.
    pub refusals: BTreeMap<&'static str, u64>,
}

/// By what a jail is told from a later one with its number, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it was made.
    pub created: Created,
    /// Whether it is about to end.
    pub state: State,
}

impl Life {
    /// Reads it from the directory of a jail.
    pub(super) fn read(directory: &Path) -> Result<Self, JailsError> {
        Ok(Life {
            created: File::read(directory, "created")?.value()?,
            state: File::read(directory, "state")?.value()?,
        })
    }
}

impl JailInfo {
    /// Reads it from its directory.
    pub(super) fn read(directory: &Path) -> Result<Self, JailsError> {
        let file = |name: &str| File::read(directory, name);
        let count = |name: &str| file(name)?.value::<u64>();
        let limit = |name: &str| {
            Ok::<_, JailsError>(match file(name)?.value()? {
                Value::At(number) => Some(number),
                Value::Max => None,
            })
        };
        let number = |name: &str| file(name)?.with(|text| JailNumber::new(text.parse().ok()?));
        let refused = |kind| Ok::<_, JailsError>((kind, count(&format!("refusals.{kind}"))?));
        Ok(JailInfo {
            number: number("number")?,
            parent: number("parent")?,
            name: file("name")?.with(|text| match text {
                "" => Some(None),
                name => name.parse().ok().map(Some),
            })?,
            created: file("created")?.value()?,
            state: file("state")?.value()?,
            tasks: count("tasks")?,
            sem: count("sem")?,
            shm: count("shm")?,
            msg: count("msg")?,
            shm_bytes: count("shm_bytes")?,
            children: count("children")?,
            limits: Limits {
                tasks: limit("tasks.max")?,
                sem: limit("sem.max")?,
                shm: limit("shm.max")?,
                msg: limit("msg.max")?,
                shm_bytes: limit("shm_bytes.max")?,
                children: count("children.max")?,
            },
            persist: file("persist")?.with(|text| match text {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })?,
            allow: file("allow")?
                .with(|text| Some(text.split_whitespace().map(str::to_owned).collect()))?,
            refusals: REFUSALS
                .into_iter()
                .map(refused)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Its System V objects of all kinds.
    pub fn ipc_objects(&self) -> u64 {
        self.sem + self.shm + self.msg
    }

    /// What users call it: its name, or its number.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => self.number.to_string(),
        }
    }
}

/// One value of the kernel's, and where it comes from.
struct File {
    path: std::path::PathBuf,
    text: String,
}

impl File {
    fn read(directory: &Path, name: &str) -> Result<Self, JailsError> {
        let path = directory.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(File { path, text }),
            Err(error) => Err(JailsError::io("reading", &path, &error)),
        }
    }

    fn with<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, JailsError> {
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        parse(text).ok_or_else(|| JailsError::garbled(&self.path, &self.text))
    }

    fn value<T: FromStr>(&self) -> Result<T, JailsError> {
        self.with(|text| text.parse().ok())
    }
}
