// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which jail has which address of the host, and what of that was added for it.
//!
//! It is noted before it is done, and crossed out after it was undone: what a launcher leaves that is
//! killed in between is found here. Whether a jail is still there, the kernel says.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{failed, Store};
use crate::jail::JailNumber;
use crate::jails::Created;
use crate::text::{reason, shown};

/// No numbers, so that they are not taken for a jail's.
const FILE: &str = "addresses.json";
const LOCK: &str = "addresses.lock";

/// What one jail has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its number.
    pub number: JailNumber,
    /// When it was made, which tells it from a later jail with its number.
    pub created: Created,
    /// What 127.0.0.1 is in it.
    pub loopback: Ipv4Addr,
    /// Its addresses.
    pub addresses: Vec<HeldAddress>,
}

/// An address of the host's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAddress {
    /// The address.
    pub address: IpAddr,
    /// The number of the interface that it is added to; none where that has it by itself.
    pub added_to: Option<u32>,
}

/// What all jails have. Nobody else changes it as long as this lives.
pub struct HeldAddresses {
    /// Each with what it has.
    pub list: Vec<Held>,
    path: PathBuf,
    _lock: Flock<File>,
}

impl Store {
    /// Takes what is noted about addresses, to change it.
    pub fn addresses(&self) -> Result<HeldAddresses, String> {
        self.prepare()?;
        // It is never removed, so that all lock the same one. Only root can open it.
        self.lock_addresses(OpenOptions::new().create(true))
    }

    /// The same; `None` where no jail has had an address.
    pub fn addresses_if_any(&self) -> Result<Option<HeldAddresses>, String> {
        match self.directory.join(FILE).exists() {
            true => self.lock_addresses(&mut OpenOptions::new()).map(Some),
            false => Ok(None),
        }
    }

    /// What is noted about one jail, as it is at this moment.
    pub fn addresses_of(&self, number: JailNumber, created: Created) -> Option<Held> {
        let held = read(&self.directory.join(FILE)).ok()?;
        held.into_iter()
            .find(|held| (held.number, held.created) == (number, created))
    }

    fn lock_addresses(&self, options: &mut OpenOptions) -> Result<HeldAddresses, String> {
        let lock = self.directory.join(LOCK);
        let file = options.write(true).mode(0o600).open(&lock);
        let file = file.map_err(|error| failed("opening", &lock, &error))?;
        let locked = Flock::lock(file, FlockArg::LockExclusive);
        let locked =
            locked.map_err(|(_, errno)| format!("locking {}: {}", shown(&lock), reason(errno)))?;
        let path = self.directory.join(FILE);
        Ok(HeldAddresses {
            list: read(&path)?,
            path,
            _lock: locked,
        })
    }
}

impl HeldAddresses {
    /// Notes what is there now.
    pub fn write(&self) -> Result<(), String> {
        if self.list.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(failed("removing", &self.path, &error))
                }
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec(&self.list)
            .map_err(|error| format!("{}: {error}", shown(&self.path)))?;
        let new = self.path.with_extension("json.new");
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&new)?.write_all(&text)?;
            fs::rename(&new, &self.path)
        };
        write().map_err(|error| failed("writing", &self.path, &error))
    }
}

fn read(path: &Path) -> Result<Vec<Held>, String> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.map_err(|error| failed("reading", path, &error))?,
    };
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", shown(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_there_for_the_next() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let store = Store::at(&directory.path().join("jaula"));
        assert!(store.addresses_if_any().expect("nothing").is_none());
        let held = Held {
            number: JailNumber::new(7).expect("a number"),
            created: Created::now(),
            loopback: Ipv4Addr::new(127, 128, 0, 7),
            addresses: vec![HeldAddress {
                address: IpAddr::from([192, 0, 2, 7]),
                added_to: Some(2),
            }],
        };
        let mut all = store.addresses().expect("the list");
        all.list.push(held.clone());
        all.write().expect("written");
        drop(all);
        let of = |created| store.addresses_of(held.number, created);
        assert_eq!(of(held.created), Some(held.clone()));
        assert_eq!(of(Created::default()), None);
        let mut all = store.addresses_if_any().expect("the list").expect("some");
        assert_eq!(all.list, std::slice::from_ref(&held));
        all.list.clear();
        all.write().expect("written");
        drop(all);
        assert!(store.addresses_if_any().expect("nothing").is_none());
    }
}
