// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which jails are connected to what: a directory below /run/jaula/networks for each place that a jail is
//! connected to, and in it one for each jail.
//!
//! That of a place is there from before anything of it is made on the host until after all of it is gone, and
//! that of a jail likewise: what whoever was killed in between has left is found by them. Whether a jail is
//! alive is asked of the kernel.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{dhcp, For};
use crate::isolation::{Mac, NetRate, Publish, To};
use crate::jail::JailNumber;
use crate::jails::{Created, JailName, Jails, State};
use crate::process::ProcessId;
use crate::state::DIRECTORY;
use crate::text::{reason, shown};

/// The directory in that of all jails; no number, so that it is not taken for one.
const NETWORKS: &str = "networks";

/// What is noted about a jail.
const FILE: &str = "member.json";

/// What is there where it may have rules of its own.
const FILTERED: &str = "filtered";

/// What is seen by nobody else.
const MODE: u32 = 0o700;

/// A jail that is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number.
    pub number: JailNumber,
    /// When it was made, which tells it from a later one with that number.
    pub created: Created,
    /// By what others find it.
    pub name: Option<JailName>,
    /// Its own name of the machine, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its hardware address.
    pub mac: Mac,
    /// Which ports of the host lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// How fast it sends and receives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<NetRate>,
    /// Whether it may send what it likes, but for what is filtered.
    #[serde(default)]
    pub must_be_filtered: bool,
    /// The process that keeps an address which a server has handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<ProcessId>,
}

/// All that is connected, while nobody else changes it.
#[derive(Debug)]
pub struct Connected {
    directory: PathBuf,
    _lock: Flock<File>,
}

impl Member {
    /// What users call it: its name, or its number.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => self.number.to_string(),
        }
    }

    /// The jail, and no later one with its number.
    pub(super) fn jail(&self) -> For {
        For {
            number: self.number,
            created: self.created,
        }
    }

    /// Whether the kernel has this jail; so it counts where it cannot be told.
    pub fn is_alive(&self, jails: &Jails) -> bool {
        match jails.life(self.number) {
            Ok(Some(jail)) => jail.created == self.created && jail.state == State::Alive,
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

fn directory() -> PathBuf {
    Path::new(DIRECTORY).join(NETWORKS)
}

/// Whether anything can be connected, or was.
pub fn is_used() -> bool {
    directory().exists()
}

impl Connected {
    /// Waits until nobody else changes it.
    ///
    /// # Errors
    ///
    /// Where there is no place for it.
    pub fn lock() -> Result<Self, String> {
        let directory = directory();
        let failed = |why: String| format!("{}: {why}", shown(&directory));
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(MODE).create(&directory);
        let opened = made.and_then(|()| File::open(&directory));
        let opened = opened.map_err(|error| failed(error.to_string()))?;
        let lock = Flock::lock(opened, FlockArg::LockExclusive)
            .map_err(|(_, errno)| failed(format!("locking: {}", reason(errno))))?;
        Ok(Connected {
            directory,
            _lock: lock,
        })
    }

    /// The places that something may be connected to.
    ///
    /// # Errors
    ///
    /// Where they cannot be listed.
    pub fn places(&self) -> Result<Vec<To>, String> {
        let places = names(&self.directory)?;
        Ok(places.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// The jails that are noted there, by number, dead or alive.
    ///
    /// # Errors
    ///
    /// Where they cannot be listed.
    pub fn noted(&self, to: &To) -> Result<Vec<JailNumber>, String> {
        let names = names(&self.place(to))?;
        let numbers = names
            .iter()
            .filter_map(|name| JailNumber::new(name.parse().ok()?));
        let mut numbers: Vec<JailNumber> = numbers.collect();
        numbers.sort();
        Ok(numbers)
    }

    /// What is noted about a jail there; `None` where that is nothing whole.
    pub fn read(&self, to: &To, number: JailNumber) -> Option<Member> {
        let directory = self.of(to, number);
        let text = fs::read(directory.join(FILE)).ok()?;
        let mut member: Member = serde_json::from_slice(&text).ok()?;
        // It comes and goes while the jail runs.
        let leased = member.keeper.and_then(|_| dhcp::noted(&directory));
        let leased = leased.map(|net| IpAddr::V4(net.addr()));
        if let Some(address) = leased.filter(|address| !member.addresses.contains(address)) {
            member.addresses.insert(0, address);
        }
        (member.number == number).then_some(member)
    }

    /// The jails that are connected there.
    ///
    /// # Errors
    ///
    /// Where they cannot be listed.
    pub fn alive(&self, to: &To, jails: &Jails) -> Result<Vec<Member>, String> {
        let noted = self.noted(to)?.into_iter();
        let members = noted.filter_map(|number| self.read(to, number));
        Ok(members.filter(|member| member.is_alive(jails)).collect())
    }

    /// Where files of a place are.
    pub fn place(&self, to: &To) -> PathBuf {
        self.directory.join(to.to_string())
    }

    /// Where files of a jail are.
    pub fn of(&self, to: &To, number: JailNumber) -> PathBuf {
        self.place(to).join(number.to_string())
    }

    /// Notes a jail.
    ///
    /// # Errors
    ///
    /// Where that is not possible.
    pub fn note(&self, to: &To, member: &Member) -> Result<(), String> {
        let place = self.of(to, member.number);
        let failed = |error: io::Error| format!("writing {}: {error}", shown(&place));
        let text = serde_json::to_vec(member).map_err(|error| failed(error.into()))?;
        let write = || {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(MODE).create(&place)?;
            let (file, new) = (place.join(FILE), place.join("member.new"));
            fs::write(&new, &text)?;
            fs::rename(new, file)
        };
        write().map_err(failed)
    }

    /// Notes that a jail is about to get rules of its own.
    ///
    /// # Errors
    ///
    /// Where that is not possible.
    pub fn note_filter(&self, to: &To, number: JailNumber) -> Result<(), String> {
        let place = self.of(to, number).join(FILTERED);
        fs::write(&place, "").map_err(|error| format!("writing {}: {error}", shown(&place)))
    }

    /// Whether a jail may have rules of its own.
    pub fn has_filter(&self, to: &To, number: JailNumber) -> bool {
        self.of(to, number).join(FILTERED).exists()
    }

    /// Forgets a jail.
    ///
    /// # Errors
    ///
    /// Where something is left.
    pub fn forget(&self, to: &To, number: JailNumber) -> Result<(), String> {
        remove(&self.of(to, number))
    }

    /// Forgets a place that nothing is connected to any more.
    ///
    /// # Errors
    ///
    /// Where something is left.
    pub fn forget_place(&self, to: &To) -> Result<(), String> {
        remove(&self.place(to))
    }
}

fn names(directory: &Path) -> Result<Vec<String>, String> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| format!("{}: {error}", shown(directory)))?,
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| format!("removing {}: {error}", shown(path))),
    }
}
