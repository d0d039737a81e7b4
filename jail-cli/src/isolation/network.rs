// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a jail is connected.

mod address;
mod attachment;
mod name;
mod publish;
mod rate;
mod sysctl;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use address::{Addresses, Mac};
pub use attachment::{Attachment, To};
pub use name::{Interface, NetworkName};
pub use publish::{Protocol, Publish};
pub use rate::NetRate;
pub use sysctl::Sysctl;

/// What there is of a network in a jail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Network {
    /// Which network it is in; the host's, where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<Net>,
    /// Which ports of the host lead to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// How fast it sends and receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_rate: Option<NetRate>,
    /// How the kernel is set up for its network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sysctl: Vec<Sysctl>,
}

/// The network of a jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Net {
    /// The host's.
    Host,
    /// One of its own, with loopback alone.
    None,
    /// One of its own, with an interface that leads somewhere.
    Attached(Attachment),
    /// The one that lies at this path.
    At(PathBuf),
}

impl Net {
    /// Whether it is another one than the host's.
    pub fn is_own(&self) -> bool {
        !matches!(self, Net::Host)
    }
}

impl Network {
    /// Where its interface leads, where it has one.
    pub fn attachment(&self) -> Option<&Attachment> {
        match &self.net {
            Some(Net::Attached(attachment)) => Some(attachment),
            _ => None,
        }
    }

    /// Where the network lies that it joins, where it joins one.
    pub fn path(&self) -> Option<&Path> {
        match &self.net {
            Some(Net::At(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether it takes a network namespace other than the host's.
    pub fn is_own(&self) -> bool {
        self.net.as_ref().is_some_and(Net::is_own)
    }

    /// Checks that all of it can be had together, where the jail has its own network or has not.
    ///
    /// # Errors
    ///
    /// What excludes what.
    pub fn check(&self, has_own: bool) -> Result<(), String> {
        if self.net == Some(Net::Host) && has_own {
            return Err("net = host and a network of its own (new-net) exclude each other".into());
        }
        let to = self.attachment().map(|attachment| &attachment.to);
        if let Some(port) = self.publish.first() {
            if !matches!(to, Some(To::Network(_))) {
                return Err(format!(
                    "publish {port}: a port leads to a jail that is in a network of jaula's (--net NAME)"
                ));
            }
        }
        if let Some(rate) = &self.net_rate {
            if !matches!(to, Some(To::Network(_) | To::Bridge(_))) {
                return Err(format!(
                    "net-rate {rate}: only an interface that has an end on the host can be slowed down: that of \
                     --net NAME and of --net bridge:IF"
                ));
            }
        }
        match self.sysctl.first() {
            Some(sysctl) if !has_own => Err(format!(
                "sysctl {sysctl}: it is for a network of the jail's own (--net NAME, none, …); this one has \
                 the host's"
            )),
            Some(sysctl) if self.path().is_some() => Err(format!(
                "sysctl {sysctl}: the network at a path is another's, and is left as it is"
            )),
            _ => Ok(()),
        }
    }
}

const AT: &str = "ns:";

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "host" => return Ok(Net::Host),
            "none" => return Ok(Net::None),
            _ => {}
        }
        if let Some(path) = text.strip_prefix(AT) {
            let path = Path::new(path);
            return match path.is_absolute() && !text.contains('\0') {
                true => Ok(Net::At(path.to_owned())),
                false => Err(format!(
                    "{text:?}: expected ns: with an absolute path, as ns:/run/netns/NAME"
                )),
            };
        }
        text.parse().map(Net::Attached)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Net::Host => f.write_str("host"),
            Net::None => f.write_str("none"),
            Net::Attached(attachment) => attachment.fmt(f),
            // It was text.
            Net::At(path) => write!(f, "{AT}{}", path.display()),
        }
    }
}

/// Reading and writing of a type that is text.
macro_rules! as_string {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

use as_string;
as_string!(Net);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_written() {
        for text in [
            "host",
            "none",
            "web",
            "web,ip=10.1.2.3",
            "web,ip=10.1.2.3,ip=fd00::3,mac=02:00:00:00:00:01",
            "bridge:br0",
            "bridge:br0,ip=192.0.2.7/24,gateway=192.0.2.1",
            "macvlan:eth0.5,ip=2001:db8::7/64",
            "ns:/run/netns/blue",
            "web,ip=dhcp",
            "bridge:br0,ip=dhcp,ip=2001:db8::7/64,mac=02:00:00:00:00:01",
            "macvlan:eth0,ip=dhcp",
        ] {
            let net: Net = text.parse().expect(text);
            assert_eq!(net.to_string(), text);
        }
        for text in [
            "",
            "7",
            "Host name",
            "a-name-too-long",
            "web,",
            "web,ip",
            "web,ip=10.1.2.3/24",
            "web,ip=10.1.2.3,ip=10.1.2.4",
            "web,gateway=10.1.2.1",
            "web,mac=01:00:00:00:00:01",
            "web,mac=00:00:00:00:00:00",
            "web,mac=2:0:0:0:0:1",
            "web,colour=red",
            "host,ip=10.1.2.3",
            "bridge:",
            "bridge:br0,ip=192.0.2.7",
            "bridge:br0,ip=dhcp,ip=192.0.2.7/24",
            "bridge:br0,ip=192.0.2.7/24,ip=dhcp",
            "bridge:br0,ip=dhcp,gateway=192.0.2.1",
            "web,ip=10.1.2.3,ip=dhcp",
            "bridge:a/b",
            "bridge:0123456789abcdef",
            "bridge:br0,gateway=192.0.2.1",
            "macvlan:eth0,ip=0.0.0.0/8",
            "macvlan:eth0,ip=127.0.0.1/8",
            "macvlan:eth0,ip=224.0.0.1/8",
            "macvlan:eth0,ip=fe80::1/64",
            "ns:run/netns/blue",
        ] {
            assert!(text.parse::<Net>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let with = |net: &str| Network {
            net: Some(net.parse().expect(net)),
            ..Network::default()
        };
        assert_eq!(Network::default().check(false), Ok(()));
        assert_eq!(with("web").check(true), Ok(()));
        assert!(with("host").check(true).is_err());
        let publish = vec!["80:80".parse().expect("a port")];
        for (net, own, right) in [
            ("web", true, true),
            ("none", true, false),
            ("bridge:b", true, false),
        ] {
            let network = Network {
                publish: publish.clone(),
                ..with(net)
            };
            assert_eq!(network.check(own).is_ok(), right, "{net}");
        }
        let rate: Option<NetRate> = Some("10mbit".parse().expect("a rate"));
        for (net, right) in [
            ("web", true),
            ("bridge:b", true),
            ("macvlan:e", false),
            ("none", false),
        ] {
            let network = Network {
                net_rate: rate,
                ..with(net)
            };
            assert_eq!(network.check(true).is_ok(), right, "{net}");
        }
        let sysctl = vec!["net.ipv4.ip_forward=1".parse().expect("a sysctl")];
        let own = Network {
            sysctl,
            ..with("none")
        };
        assert_eq!(own.check(true), Ok(()));
        let host = Network {
            net: None,
            ..own.clone()
        };
        assert!(host.check(false).is_err());
        let other = Network {
            net: with("ns:/a").net,
            ..own
        };
        assert!(other.check(true).is_err());
    }
}
