// SPDX-License-Identifier: MIT OR Apache-2.0

//! What networks there are: a file for each below /var/lib/jaula/networks, which stays until it is removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use nix::errno::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::route::nth;
use crate::isolation::NetworkName;
use crate::kept::read_small;
use crate::text::shown;
use crate::trusted_path::{self, Refusal};

/// Where the files are.
const DIRECTORY: &str = "/var/lib/jaula/networks";

/// Nobody else may change what jails are connected to.
const MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A network of jails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its prefixes, one of each kind at most; the first address of each is the host's.
    pub subnets: Vec<IpNet>,
    /// Whether nothing but what is in it, and the host, can be reached from it.
    pub internal: bool,
}

/// The definitions of the machine.
#[derive(Clone, Debug)]
pub struct Definitions {
    directory: PathBuf,
}

impl Default for Definitions {
    fn default() -> Self {
        Definitions {
            directory: DIRECTORY.into(),
        }
    }
}

impl Definition {
    /// Checks that jails can be in it.
    ///
    /// # Errors
    ///
    /// What is wrong with which prefix.
    pub fn check(&self) -> Result<(), String> {
        let is_v4 = |net: &IpNet| matches!(net, IpNet::V4(_));
        let v4 = self.subnets.iter().filter(|net| is_v4(net)).count();
        if self.subnets.is_empty() || v4 > 1 || self.subnets.len() - v4 > 1 {
            return Err(
                "a network has one prefix of each kind, IPv4 and IPv6, or one of them".into(),
            );
        }
        for net in &self.subnets {
            let (fits, what) = match net {
                IpNet::V4(v4) => ((8..=29).contains(&v4.prefix_len()), "/8 and /29"),
                IpNet::V6(v6) => ((16..=120).contains(&v6.prefix_len()), "/16 and /120"),
            };
            if !fits {
                return Err(format!("{net}: the length of the prefix is between {what}"));
            }
            if net.addr() != net.network() {
                return Err(format!(
                    "{net}: there are bits after the prefix; {} is meant?",
                    net.trunc()
                ));
            }
            let first = net.network();
            if first.is_loopback()
                || first.is_multicast()
                || first.is_unspecified()
                || is_link_local(net)
            {
                return Err(format!("{net}: jails can have no addresses of it"));
            }
        }
        Ok(())
    }

    /// What the host has for an address in each of its prefixes, with that.
    pub fn gateways(&self) -> Vec<IpNet> {
        let gateway = |net: &IpNet| IpNet::new(nth(net, 1)?, net.prefix_len()).ok();
        self.subnets.iter().filter_map(gateway).collect()
    }
}

fn is_link_local(net: &IpNet) -> bool {
    match net {
        IpNet::V4(v4) => v4.addr().is_link_local(),
        IpNet::V6(v6) => v6.addr().is_unicast_link_local(),
    }
}

impl Definitions {
    /// The names of all networks, in order.
    ///
    /// # Errors
    ///
    /// Where they cannot be listed.
    pub fn names(&self) -> Result<Vec<NetworkName>, String> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| format!("{}: {error}", shown(&self.directory)))?,
        };
        let mut names: Vec<NetworkName> = entries
            .flatten()
            .filter_map(|entry| {
                entry
                    .file_name()
                    .to_str()?
                    .strip_suffix(".toml")?
                    .parse()
                    .ok()
            })
            .collect();
        names.sort();
        Ok(names)
    }

    /// A network; `None` where there is none of this name.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, makes no sense, or others than root could have written it.
    pub fn find(&self, name: &NetworkName) -> Result<Option<Definition>, String> {
        let path = self.place(name);
        let found: Option<Definition> = self.read(&path)?;
        if let Some(definition) = &found {
            definition
                .check()
                .map_err(|why| format!("{}: {why}", shown(&path)))?;
        }
        Ok(found)
    }

    /// A network that there must be.
    ///
    /// # Errors
    ///
    /// As [`Definitions::find`], and that there is none.
    pub fn get(&self, name: &NetworkName) -> Result<Definition, String> {
        let found = self.find(name)?;
        found.ok_or_else(|| {
            format!("there is no network {name}; \"jaula net create {name}\" makes it, \"jaula net ls\" shows those there are")
        })
    }

    /// Notes one.
    ///
    /// # Errors
    ///
    /// Where that is not possible.
    pub fn note(&self, name: &NetworkName, definition: &Definition) -> Result<(), String> {
        let text =
            toml::to_string(definition).map_err(|error| format!("network {name}: {error}"))?;
        let text = format!("# A network of jails; \"jaula net rm {name}\" removes it.\n{text}");
        self.write(&self.place(name), &text)
    }

    /// Forgets one, with the addresses that are kept in it.
    ///
    /// # Errors
    ///
    /// Where something is left.
    pub fn forget(&self, name: &NetworkName) -> Result<(), String> {
        for path in [self.place(name), self.kept(name)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => {
                    removed.map_err(|error| format!("removing {}: {error}", shown(&path)))?
                }
            }
        }
        Ok(())
    }

    fn place(&self, name: &NetworkName) -> PathBuf {
        self.directory.join(format!("{name}.toml"))
    }

    /// Where the addresses are noted that are kept for jails.
    pub(super) fn kept(&self, name: &NetworkName) -> PathBuf {
        self.directory.join(format!("{name}.addresses"))
    }

    /// Reads a file of the directory; `None` where there is none.
    pub(super) fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, String> {
        // It says what jails are connected to: nobody else may have put anything there.
        match trusted_path::open_firm(&self.directory) {
            Ok(_) => {}
            Err(Refusal::Kernel(Errno::ENOENT)) => return Ok(None),
            Err(refusal) => {
                return Err(format!(
                    "{}: {}",
                    shown(&self.directory),
                    refusal.describe()
                ))
            }
        }
        let failed = |why: String| format!("{}: {why}", shown(path));
        let text = match read_small(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| failed(error.to_string()))?,
        };
        let read = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        Ok(Some(read))
    }

    /// Puts a file of the directory in place of what was there.
    pub(super) fn write(&self, path: &Path, text: &str) -> Result<(), String> {
        let new = path.with_extension("new");
        let write = || {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(MODE).create(&self.directory)?;
            // A link in its place would be followed.
            let _ = fs::remove_file(&new);
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&new);
            format!("writing {}: {error}", shown(path))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(subnets: &[&str]) -> Definition {
        Definition {
            subnets: subnets.iter().map(|net| net.parse().expect(net)).collect(),
            internal: false,
        }
    }

    #[test]
    fn prefixes_are_checked() {
        for right in [
            &["10.1.2.0/24"][..],
            &["fd00::/64"],
            &["10.1.2.0/29", "fd00::/64"],
        ] {
            assert_eq!(definition(right).check(), Ok(()), "{right:?}");
        }
        for wrong in [
            &[][..],
            &["10.1.2.0/24", "10.1.3.0/24"],
            &["10.1.2.1/24"],
            &["10.1.2.0/30"],
            &["127.0.0.0/8"],
            &["224.0.0.0/8"],
            &["169.254.0.0/16"],
            &["fe80::/64"],
            &["fd00::/127"],
            &["0.0.0.0/8"],
        ] {
            assert!(definition(wrong).check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_first_address_is_the_hosts() {
        let gateways = definition(&["10.1.2.0/24", "fd00::/64"]).gateways();
        let gateways: Vec<String> = gateways.iter().map(ToString::to_string).collect();
        assert_eq!(gateways, ["10.1.2.1/24", "fd00::1/64"]);
    }

    #[test]
    fn what_is_noted_is_found_again() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let definitions = Definitions {
            directory: dir.path().join("networks"),
        };
        let name: NetworkName = "web".parse().expect("a name");
        assert_eq!(definitions.names(), Ok(Vec::new()));
        definitions
            .note(&name, &definition(&["10.1.2.0/24"]))
            .expect("noted");
        assert_eq!(definitions.names(), Ok(vec![name.clone()]));
        definitions.forget(&name).expect("forgotten");
        definitions.forget(&name).expect("nothing to forget");
        assert_eq!(definitions.names(), Ok(Vec::new()));
    }
}
