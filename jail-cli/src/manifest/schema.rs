// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can stand in `jaula.toml`. Whatever is not named here is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jaula_rootfs::Settings;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::limits::Limits;
use super::sources::Place;
use crate::environment::Variable;
use crate::isolation::{
    Bind, Credentials, Device, Dropped, HostAddress, Ids, Inherited, Init, Isolation, Mount,
    MountKeys, Net, NetRate, Network, NewNamespaces, Part, Permission, Publish, Rlimit, Size,
    Sysctl, Tmpfs, UMASK,
};
use crate::jails::JailName;
use crate::launch::{log, Policy, RootChoice};
use crate::layers::{Contents, Layers};
use crate::signal::SignalNumber;
use crate::template::setting;
use crate::user::{Name, UserSpec};

/// One jail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Description {
    /// Where paths that are not absolute begin: where the file lies.
    #[serde(skip)]
    pub(super) directory: PathBuf,
    /// Where it is described.
    #[serde(skip)]
    pub(super) place: Place,
    /// The directory that becomes its root, or a root file.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// Directories that its root is made of in place of that, never written to, the topmost first.
    #[serde(default)]
    pub lower: Vec<PathBuf>,
    /// Where what is written upon them goes; nothing, where it is thrown away.
    #[serde(default)]
    pub upper: Option<PathBuf>,
    /// How much may be written that is thrown away.
    #[serde(default)]
    pub upper_size: Option<Size>,
    /// What that is built from where it is not there or empty: the name of a template that comes
    /// with jaula, or a file.
    #[serde(default)]
    pub template: Option<String>,
    /// What variables of the template stand for.
    #[serde(default, deserialize_with = "settings")]
    pub set: Settings,
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
    /// Files that variables are read from, which those above count more than.
    #[serde(default)]
    pub env_file: Vec<PathBuf>,
    /// Groups that it is in besides those of the user.
    #[serde(default, deserialize_with = "groups")]
    pub group_add: Vec<Name>,
    /// Whether it has a terminal, to attach to.
    #[serde(default)]
    pub tty: bool,
    /// Whether it outlives its first process.
    #[serde(default)]
    pub keep: bool,
    /// Where what it prints goes.
    #[serde(default, deserialize_with = "destination")]
    pub log: log::Destination,
    /// How many bytes of that can be read at any time.
    #[serde(default = "usual_log_size", deserialize_with = "log_size")]
    pub log_size: u64,
    /// How much it may have of what.
    #[serde(default)]
    pub limits: Limits,
    /// What is left out of that which is put around it by default.
    #[serde(default)]
    pub without: Vec<Part>,
    /// Whether all of that is left out.
    #[serde(default)]
    pub plain: bool,
    /// What it may do beyond the default.
    #[serde(default)]
    pub allow: Vec<Permission>,
    /// What it may not do of the default.
    #[serde(default)]
    pub drop: Vec<Dropped>,
    /// The capabilities that the user has from the start.
    #[serde(default)]
    pub ambient: Vec<Permission>,
    /// What is kept as jaula itself has it.
    #[serde(default)]
    pub inherit: Vec<Inherited>,
    /// Directories and files of the host that are seen in it.
    #[serde(default)]
    pub bind: Vec<Bind>,
    /// Empty file systems in memory, which are mounted before `bind`.
    #[serde(default)]
    pub tmpfs: Vec<Tmpfs>,
    /// Devices of the host that it may use; they come after `bind`.
    #[serde(default)]
    pub device: Vec<Device>,
    /// All of these in one order, after those.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Whether its root cannot be changed.
    #[serde(default)]
    pub read_only: bool,
    /// How much its /dev/shm holds.
    #[serde(default)]
    pub shm_size: Option<Size>,
    /// Where the command starts, as seen in the jail.
    #[serde(default)]
    pub workdir: Option<PathBuf>,
    /// Limits of each process.
    #[serde(default, deserialize_with = "rlimits")]
    pub rlimits: Vec<Rlimit>,
    /// Which permissions new files do not get.
    #[serde(default = "usual_umask")]
    pub umask: u32,
    /// Whether it has System V IPC and POSIX message queues of its own.
    #[serde(default)]
    pub new_ipc: bool,
    /// Whether it has a network of its own.
    #[serde(default)]
    pub new_net: bool,
    /// Addresses of the host that it has, and no others.
    #[serde(default)]
    pub ip: Vec<HostAddress>,
    /// Which network it is in.
    #[serde(default)]
    pub net: Option<Net>,
    /// Which ports of the host lead to it.
    #[serde(default)]
    pub publish: Vec<Publish>,
    /// How fast it sends and receives.
    #[serde(default)]
    pub net_rate: Option<NetRate>,
    /// How the kernel is set up for its network.
    #[serde(default)]
    pub sysctl: Vec<Sysctl>,
    /// Whether it has a name of the machine of its own.
    #[serde(default)]
    pub new_uts: bool,
    /// What that name is.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Whether it has process ids of its own.
    #[serde(default)]
    pub new_pid: bool,
    /// What the first process among these is.
    #[serde(default)]
    pub init: Init,
    /// Users and groups that are nobody else's.
    #[serde(default)]
    pub ids: Option<Ids>,
    /// Which must run before it is started.
    #[serde(default)]
    pub depends: Vec<JailName>,
    /// What it is asked to end by.
    #[serde(default, deserialize_with = "signal")]
    pub stop_signal: Option<SignalNumber>,
    /// How long it has when it was asked to end.
    #[serde(default = "ten_seconds", deserialize_with = "seconds")]
    pub stop_timeout: Duration,
    /// How long each of the commands around it may take; no limit where it is zero.
    #[serde(default = "ninety_seconds", deserialize_with = "seconds")]
    pub hook_timeout: Duration,
    /// Whether its supervisor makes it anew when it has ended.
    #[serde(default)]
    pub restart: Policy,
    /// How long it waits before that.
    #[serde(default = "one_second", deserialize_with = "seconds")]
    pub restart_delay: Duration,
    /// Whether it is left to a unit of its own, as jaula@NAME.service.
    #[serde(default)]
    pub unit: bool,
    /// What is done on the host around it.
    #[serde(default)]
    pub hooks: Hooks,
}

impl Description {
    /// Where paths that are not absolute begin.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it is described.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The path that its root is called by.
    pub fn root(&self) -> PathBuf {
        self.root_choice().path().to_owned()
    }

    /// What becomes its root.
    pub fn root_choice(&self) -> RootChoice {
        match &self.root {
            Some(root) => RootChoice::Path(self.directory.join(root)),
            None => RootChoice::Made(Contents::Layers(self.layers())),
        }
    }

    fn layers(&self) -> Layers {
        let absolute = |path: &PathBuf| self.directory.join(path);
        let lower = self.lower.iter().map(absolute).collect();
        Layers::new(lower, self.upper.as_ref().map(absolute), self.upper_size)
    }

    fn check_root(&self) -> Result<(), String> {
        if self.template.is_none() && !self.set.is_empty() {
            return Err("set is for a template, and there is none".into());
        }
        let is_upon = self.upper.is_some() || self.upper_size.is_some();
        match (&self.root, self.lower.is_empty()) {
            (None, true) => Err("neither root nor lower says what its root is".into()),
            (Some(_), false) => Err("root and lower exclude each other".into()),
            (Some(_), true) if is_upon => {
                Err("upper and upper-size are for a root that lower says".into())
            }
            (Some(_), true) => Ok(()),
            (None, false) if self.template.is_some() => {
                Err("a template builds root; what lower names has to be there".into())
            }
            (None, false) => self.layers().check(),
        }
    }

    /// Checks that all that is asked for can be had together.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_root()?;
        if self.umask > 0o777 {
            return Err("umask is beyond 0o777".into());
        }
        if self.keep && self.restart != Policy::No {
            return Err(
                "keep and restart exclude each other: one that outlives its first process does \
                 not end with it"
                    .into(),
            );
        }
        self.isolation().check()
    }

    /// What is done with what it prints.
    pub fn log(&self) -> log::Settings {
        log::Settings {
            destination: self.log,
            size: self.log_size,
        }
    }

    /// What is put around the command.
    pub fn isolation(&self) -> Isolation {
        let network = Network {
            net: self.net.clone(),
            publish: self.publish.clone(),
            net_rate: self.net_rate,
            sysctl: self.sysctl.clone(),
        };
        Isolation {
            without: match self.plain {
                true => Part::ALL.to_vec(),
                false => self.without.clone(),
            },
            mounts: MountKeys {
                tmpfs: self.tmpfs.clone(),
                bind: self.bind.clone(),
                device: self.device.clone(),
                mounts: self.mounts.clone(),
                read_only: self.read_only,
                shm_size: self.shm_size,
            }
            .into(),
            new: NewNamespaces {
                new_ipc: self.new_ipc,
                new_net: self.new_net || network.is_own(),
                new_uts: self.new_uts,
                hostname: self.hostname.clone(),
                new_pid: self.new_pid,
                init: self.init,
            },
            ip: self.ip.clone(),
            network,
            ids: self.ids,
            allow: self.allow.clone(),
            rlimit: self.rlimits.clone(),
            controls: self.limits.controls.clone(),
            umask: self.umask,
            credentials: Credentials {
                drop: self.drop.clone(),
                ambient: self.ambient.clone(),
                group_add: self.group_add.clone(),
            },
            inherit: self.inherit.clone(),
        }
    }
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
pub(super) enum Amount {
    Number(u64),
    Text(String),
}

impl Amount {
    /// As it was given.
    pub(super) fn text(self) -> String {
        match self {
            Amount::Number(number) => number.to_string(),
            Amount::Text(text) => text,
        }
    }
}

fn user<'de, D: Deserializer<'de>>(from: D) -> Result<UserSpec, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// By name, or by number as it is or in quotes.
fn groups<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Name>, D::Error> {
    let groups = Vec::<Amount>::deserialize(from)?;
    let groups = groups.into_iter().map(|group| Name::group(&group.text()));
    groups.collect::<Result<_, _>>().map_err(D::Error::custom)
}

fn settings<'de, D: Deserializer<'de>>(from: D) -> Result<Settings, D::Error> {
    let settings = Settings::deserialize(from)?;
    let given = settings.iter();
    // As they are given to "jaula run --set".
    let checked = given.map(|(name, value)| setting(&format!("{name}={value}")).map(drop));
    checked
        .collect::<Result<(), _>>()
        .map_err(D::Error::custom)?;
    Ok(settings)
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

fn rlimits<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Rlimit>, D::Error> {
    let amounts = BTreeMap::<String, Amount>::deserialize(from)?;
    let limit = |(name, amount): (String, Amount)| format!("{name}={}", amount.text()).parse();
    amounts
        .into_iter()
        .map(limit)
        .collect::<Result<_, _>>()
        .map_err(D::Error::custom)
}

fn destination<'de, D: Deserializer<'de>>(from: D) -> Result<log::Destination, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn log_size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = Amount::deserialize(from)?.text();
    log::size(&text).map_err(D::Error::custom)
}

fn usual_log_size() -> u64 {
    log::SIZE
}

fn usual_umask() -> u32 {
    UMASK
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn ninety_seconds() -> Duration {
    Duration::from_secs(90)
}

fn signal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignalNumber>, D::Error> {
    let text = Amount::deserialize(from)?.text();
    text.parse().map(Some).map_err(D::Error::custom)
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|seconds| Duration::from_secs(seconds.into()))
}
