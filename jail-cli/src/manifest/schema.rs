// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can stand in `jaula.toml`. Whatever is not named here is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::environment::Variable;
use crate::jails::{JailName, Key, Setting};
use crate::user::UserSpec;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    jail: BTreeMap<JailName, Description>,
}

/// One jail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Description {
    /// The directory that becomes its root.
    pub root: PathBuf,
    /// What that is built from where it is not there or empty: the name of a template that comes
    /// with jaula, or a file.
    #[serde(default)]
    pub template: Option<String>,
    /// Whom it runs as.
    #[serde(default, deserialize_with = "user")]
    pub user: UserSpec,
    /// The shell, as seen in the jail.
    #[serde(default)]
    pub shell: Option<PathBuf>,
    /// The command and its arguments; the shell where there is none.
    #[serde(default)]
    pub command: Vec<OsStringText>,
    /// Variables added to the environment.
    #[serde(default, deserialize_with = "variables")]
    pub environment: Vec<Variable>,
    /// Whether it outlives its first process.
    #[serde(default)]
    pub keep: bool,
    /// How much it may have of what.
    #[serde(default, deserialize_with = "limits")]
    pub limits: Vec<Setting>,
    /// Which must run before it is started.
    #[serde(default)]
    pub depends: Vec<JailName>,
    /// How long its first process has after SIGTERM.
    #[serde(default = "ten_seconds", deserialize_with = "seconds")]
    pub stop_timeout: Duration,
    /// What is done on the host around it.
    #[serde(default)]
    pub hooks: Hooks,
}

/// Commands for the host's shell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    /// Before it is started, and before its root is looked at.
    pub before_start: Option<String>,
    /// When something runs in it.
    pub after_start: Option<String>,
    /// Before it is asked to end.
    pub before_stop: Option<String>,
    /// When it has ended, however that was.
    pub after_stop: Option<String>,
}

/// A word of a command.
#[derive(Clone, Debug, Deserialize)]
pub struct OsStringText(String);

impl From<&OsStringText> for OsString {
    fn from(text: &OsStringText) -> Self {
        text.0.clone().into()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    Text(String),
}

pub fn parse(text: &str) -> Result<BTreeMap<JailName, Description>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    match file.jail.is_empty() {
        true => Err("describes no jail; expected tables such as [jail.NAME]".into()),
        false => Ok(file.jail),
    }
}

fn user<'de, D: Deserializer<'de>>(from: D) -> Result<UserSpec, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn variables<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Variable>, D::Error> {
    let values = BTreeMap::<String, String>::deserialize(from)?;
    let variable = |(name, value)| format!("{name}={value}").parse();
    values
        .into_iter()
        .map(variable)
        .collect::<Result<_, _>>()
        .map_err(D::Error::custom)
}

fn limits<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Setting>, D::Error> {
    const KEYS: [Key; 6] = [
        Key::TasksMax,
        Key::SemMax,
        Key::ShmMax,
        Key::MsgMax,
        Key::ShmBytesMax,
        Key::ChildrenMax,
    ];
    let name = |key: &Key| key.file().trim_end_matches(".max");
    let amounts = BTreeMap::<String, Amount>::deserialize(from)?;
    let setting = |(given, amount): (String, Amount)| {
        let key = KEYS.iter().find(|key| name(key) == given).ok_or_else(|| {
            let names: Vec<&str> = KEYS.iter().map(name).collect();
            format!("{given:?} is no limit; there are {}", names.join(", "))
        })?;
        let text = match amount {
            Amount::Number(number) => number.to_string(),
            Amount::Text(text) => text,
        };
        Setting::new(*key, &text)
    };
    amounts
        .into_iter()
        .map(setting)
        .collect::<Result<_, _>>()
        .map_err(D::Error::custom)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|seconds| Duration::from_secs(seconds.into()))
}
