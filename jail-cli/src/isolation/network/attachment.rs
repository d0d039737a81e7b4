// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the interface of a jail leads, and what it has for addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::address::single;
use super::{Addresses, Interface, Mac, NetworkName};

/// An interface of a jail's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Where it leads.
    pub to: To,
    /// The addresses that are asked for. Those in a network of jaula's are without a prefix.
    pub addresses: Addresses,
    /// Whether a server of the network is asked for an IPv4 address.
    pub dhcp: bool,
    /// By what it reaches other networks than the one it is in.
    pub gateways: Vec<IpAddr>,
    /// Its hardware address.
    pub mac: Option<Mac>,
}

/// Where an interface leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    /// To a network of jaula's.
    Network(NetworkName),
    /// To a bridge of the host's.
    Bridge(Interface),
    /// To what an interface of the host leads to.
    Macvlan(Interface),
}

const BRIDGE: &str = "bridge:";
const MACVLAN: &str = "macvlan:";

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(interface) = text.strip_prefix(BRIDGE) {
            return interface.parse().map(To::Bridge);
        }
        match text.strip_prefix(MACVLAN) {
            Some(interface) => interface.parse().map(To::Macvlan),
            None => text.parse().map(To::Network),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            To::Network(name) => name.fmt(f),
            To::Bridge(interface) => write!(f, "{BRIDGE}{interface}"),
            To::Macvlan(interface) => write!(f, "{MACVLAN}{interface}"),
        }
    }
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let mut attachment = Attachment {
            to: parts.next().unwrap_or_default().parse()?,
            addresses: Addresses::default(),
            dhcp: false,
            gateways: Vec::new(),
            mac: None,
        };
        for part in parts {
            let (key, value) = part.split_once('=').ok_or_else(|| {
                format!("{part:?}: expected ip=ADDRESS, gateway=ADDRESS or mac=ADDRESS")
            })?;
            attachment.set(key, value)?;
        }
        let missing = attachment.gateways.iter().find(|gateway| {
            let mut nets = attachment.addresses.iter();
            !nets.any(|net| net.contains(*gateway))
        });
        match missing {
            Some(gateway) => Err(format!(
                "gateway={gateway} is in the prefix of no ip that is given before it"
            )),
            None => Ok(attachment),
        }
    }
}

impl Attachment {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let is_own = matches!(self.to, To::Network(_));
        match key {
            // In a network of jaula's, jaula is who hands addresses out.
            "ip" if value == "dhcp" => {
                self.dhcp = true;
                self.has_one_v4()
            }
            "ip" if is_own => {
                self.addresses.add(single(value)?.into())?;
                self.has_one_v4()
            }
            "ip" => {
                let net: IpNet = value.parse().map_err(|_| {
                    format!("ip={value}: expected an address with its prefix, as 192.0.2.7/24")
                })?;
                single(&net.addr().to_string())?;
                self.addresses.add(net)?;
                self.has_one_v4()
            }
            "gateway" if is_own => Err(format!(
                "gateway={value}: that of a network of jaula's is its first address"
            )),
            "gateway" => {
                self.gateways.push(single(value)?);
                Ok(())
            }
            "mac" => {
                self.mac = Some(value.parse()?);
                Ok(())
            }
            _ => Err(format!(
                "there is no {key:?} of an interface; there are ip, gateway, mac"
            )),
        }
    }

    /// One that is handed out is of IPv4.
    fn has_one_v4(&self) -> Result<(), String> {
        let is_v4 = |net: &IpNet| matches!(net, IpNet::V4(_));
        match self.dhcp && self.addresses.iter().any(is_v4) {
            true => Err("ip=dhcp and an IPv4 address exclude each other".into()),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to.fmt(f)?;
        if self.dhcp {
            f.write_str(",ip=dhcp")?;
        }
        for net in self.addresses.iter() {
            match self.to {
                To::Network(_) => write!(f, ",ip={}", net.addr())?,
                _ => write!(f, ",ip={net}")?,
            }
        }
        for gateway in &self.gateways {
            write!(f, ",gateway={gateway}")?;
        }
        match self.mac {
            Some(mac) => write!(f, ",mac={mac}"),
            None => Ok(()),
        }
    }
}
