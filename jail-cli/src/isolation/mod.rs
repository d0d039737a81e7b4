// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is put around a command besides the jail: mounts, system calls, capabilities, limits.
//!
//! Here it is only said; [`crate::launch`] does it. What is said is kept with a jail, so that
//! what is run in it later finds the same.

pub(crate) mod control;
mod credentials;
pub(crate) mod filter;
mod host_address;
mod ids;
mod inherited;
mod mounts;
mod network;
mod part;
mod permission;
mod resources;
mod rlimit;

use serde::{Deserialize, Serialize};

use crate::jails::Setting;

pub use control::Control;
pub use credentials::{Credentials, Dropped};
pub use filter::{Denied, Reason, DENIED};
pub use host_address::HostAddress;
pub use ids::{Block, Ids};
pub use inherited::Inherited;
pub(crate) use mounts::Keys as MountKeys;
pub use mounts::{Bind, Device, Mode, Mount, Mounts, Size, Tmpfs};
pub use network::{
    Addresses, Attachment, Interface, Mac, Net, NetRate, Network, NetworkName, Protocol, Publish,
    Sysctl, To,
};
pub use part::Part;
pub use permission::{Permission, Permissions};
pub use resources::{Bytes, Cpus, Nodes, Processors, Rate, Resources, Weight};
pub(crate) use rlimit::resources;
pub use rlimit::Rlimit;

/// The umask of a jail, unless another is asked for.
pub const UMASK: u32 = 0o022;

/// What is put around a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Isolation {
    /// What is left out of that which is there by default.
    pub without: Vec<Part>,
    /// What else is mounted, and how the root is.
    #[serde(flatten)]
    pub mounts: Mounts,
    /// Namespaces that are not shared with the host.
    #[serde(flatten)]
    pub new: NewNamespaces,
    /// Addresses of the host that it has, and no others, where it has no network of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip: Vec<HostAddress>,
    /// Where its network leads.
    #[serde(flatten)]
    pub network: Network,
    /// Users and groups that are nobody else's.
    pub ids: Option<Ids>,
    /// What the jail may do beyond the default.
    pub allow: Vec<Permission>,
    /// Limits of each process.
    pub rlimit: Vec<Rlimit>,
    /// What all of the jail may use of memory, processors and disks.
    pub controls: Vec<Control>,
    /// Which permissions new files do not get.
    pub umask: u32,
    /// Groups and capabilities.
    #[serde(flatten)]
    pub credentials: Credentials,
    /// What is kept as the caller has it of that which is reset by default.
    pub inherit: Vec<Inherited>,
}

/// Namespaces of a jail's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct NewNamespaces {
    /// System V IPC and POSIX message queues.
    pub new_ipc: bool,
    /// The network; with a loopback interface alone, unless something else is said.
    pub new_net: bool,
    /// The name of the machine.
    pub new_uts: bool,
    /// What that is to be.
    pub hostname: Option<String>,
    /// Process ids.
    pub new_pid: bool,
    /// What the first process among these is.
    pub init: Init,
}

/// The first process of a namespace of process ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// One of jaula's, outside of the jail, that waits for orphans and passes signals on.
    #[default]
    Jaula,
    /// None but the command itself, which is to do that, as an init does.
    None,
}

impl std::str::FromStr for Init {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "jaula" => Ok(Init::Jaula),
            "none" => Ok(Init::None),
            _ => Err(format!(
                "there is no first process {text:?}; there are jaula, none"
            )),
        }
    }
}

impl Default for Isolation {
    fn default() -> Self {
        Isolation {
            without: Vec::new(),
            mounts: Mounts::default(),
            new: NewNamespaces::default(),
            ip: Vec::new(),
            network: Network::default(),
            ids: None,
            allow: Vec::new(),
            rlimit: Vec::new(),
            controls: Vec::new(),
            umask: UMASK,
            credentials: Credentials::default(),
            inherit: Vec::new(),
        }
    }
}

impl Isolation {
    /// Nothing at all: the jail, its root, and the user.
    pub fn plain() -> Self {
        Isolation {
            without: Part::ALL.to_vec(),
            ..Isolation::default()
        }
    }

    /// As it is for a jail that something else than jaula has made, about whose mounts nothing is
    /// known.
    pub fn foreign() -> Self {
        Isolation {
            without: vec![Part::Mounts],
            ..Isolation::default()
        }
    }

    /// Whether `part` is there.
    pub fn has(&self, part: Part) -> bool {
        let needs_mounts = matches!(part, Part::Proc | Part::Dev);
        !self.without.contains(&part) && (!needs_mounts || !self.without.contains(&Part::Mounts))
    }

    /// Whether the command keeps something that its caller has.
    pub fn inherits(&self, what: Inherited) -> bool {
        let part = match what {
            Inherited::Rlimits => Part::Rlimits,
            _ => Part::Reset,
        };
        self.inherit.contains(&what) || !self.has(part)
    }

    /// What the jail may do when it is new.
    pub fn permissions(&self) -> Permissions {
        Permissions::default()
            .without(&self.credentials.dropped())
            .and(&self.allow)
    }

    /// How the kernel is told that.
    pub fn allowance(&self) -> Option<Setting> {
        Setting::allowance(&self.allow, &self.credentials.dropped())
    }

    /// Checks that all that is asked for can be had together.
    ///
    /// # Errors
    ///
    /// What excludes what.
    pub fn check(&self) -> Result<(), String> {
        if !self.has(Part::Mounts) {
            let ids = self.ids.is_some().then_some("a block of ids");
            if let Some(what) = self.mounts.need_own().or(ids) {
                return Err(format!(
                    "{what} needs mounts of the jail's own, which are turned off"
                ));
            }
        }
        self.credentials.check(&self.allow)?;
        host_address::check(&self.ip, self.new.new_net, &self.permissions())?;
        self.network.check(self.new.new_net)?;
        if self.mounts.shm_size.is_some() && !self.has(Part::Dev) {
            return Err(
                "a size of /dev/shm needs a /dev of the jail's own, which is turned off".into(),
            );
        }
        if self.new.hostname.is_some() && !self.new.new_uts {
            return Err(
                "a hostname can only be given where the jail has one of its own \
                        (new-uts)"
                    .into(),
            );
        }
        if self.new.init == Init::None && !self.new.new_pid {
            return Err(
                "the command can only be the first process where the jail has process ids \
                        of its own (new-pid)"
                    .into(),
            );
        }
        if self.new.new_pid && self.without.contains(&Part::Mounts) {
            // The processes seen in a /proc of the host's would be the wrong ones.
            return Err(
                "process ids of its own need mounts of the jail's own, which are \
                        turned off"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_and_dev_go_with_the_mounts() {
        let isolation = Isolation::foreign();
        assert!(!isolation.has(Part::Proc) && !isolation.has(Part::Dev));
        assert!(isolation.has(Part::Seccomp));
        assert!(Part::ALL.iter().all(|&part| Isolation::default().has(part)));
        assert!(!Part::ALL.iter().any(|&part| Isolation::plain().has(part)));
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let mut isolation = Isolation::plain();
        assert_eq!(isolation.check(), Ok(()));
        isolation.mounts.list = vec![Mount::Tmpfs("/tmp".parse().expect("a tmpfs"))];
        assert!(isolation.check().is_err());
        let mut isolation = Isolation::plain();
        isolation.mounts.read_only = true;
        assert!(isolation.check().is_err());
        let mut isolation = Isolation::plain();
        isolation.mounts.shm_size = Some(Size::default());
        assert!(isolation.check().is_err());
        let mut isolation = Isolation::default();
        isolation.new.hostname = Some("inside".into());
        assert!(isolation.check().is_err());
        isolation.new.new_uts = true;
        assert_eq!(isolation.check(), Ok(()));
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let isolation = Isolation {
            without: vec![Part::Seccomp],
            mounts: Mounts {
                list: vec![
                    Mount::Bind("/srv/a:/b:ro".parse().expect("a bind")),
                    Mount::Tmpfs("/b/c:size=1M".parse().expect("a tmpfs")),
                ],
                read_only: true,
                shm_size: None,
            },
            new: NewNamespaces {
                new_net: true,
                ..NewNamespaces::default()
            },
            ip: vec!["192.0.2.7,eth0".parse().expect("an address")],
            network: Network {
                net: Some("web,ip=10.1.2.3".parse().expect("a network")),
                publish: vec!["8080:80".parse().expect("a port")],
                net_rate: Some("10mbit".parse().expect("a rate")),
                sysctl: vec!["net.ipv4.ip_forward=1".parse().expect("a sysctl")],
            },
            ids: Some("100000".parse().expect("a block")),
            allow: vec!["chroot".parse().expect("a permission")],
            rlimit: vec!["nofile=10:20".parse().expect("a limit")],
            controls: vec!["memory.max=1m".parse().expect("a control")],
            umask: 0o27,
            credentials: Credentials {
                drop: vec!["all".parse().expect("all")],
                ..Credentials::default()
            },
            inherit: vec![Inherited::Affinity],
        };
        let text = serde_json::to_string(&isolation).expect("JSON");
        let read: Isolation = serde_json::from_str(&text).expect(&text);
        assert_eq!(read, isolation, "{text}");
    }
}
