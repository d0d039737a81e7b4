// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses that are asked for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::as_string;

/// What addresses an interface gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(Vec<IpNet>);

impl Addresses {
    /// One of a kind at most: they are told apart by it.
    pub(super) fn add(&mut self, address: IpNet) -> Result<(), String> {
        let is_v4 = |it: &IpNet| matches!(it, IpNet::V4(_));
        if self.0.iter().any(|one| is_v4(one) == is_v4(&address)) {
            return Err("one address of each kind, IPv4 and IPv6, can be asked for".into());
        }
        self.0.push(address);
        Ok(())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether none is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads the address of one interface.
pub(super) fn single(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| format!("{text:?} is no address"))?;
    let is_link_local = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    let is_broadcast =
        matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
    match address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_local
        || is_broadcast
    {
        true => Err(format!(
            "{address} is no address that an interface can have"
        )),
        false => Ok(address),
    }
}

/// The hardware address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is no hardware address of one interface: expected 02:00:00:00:00:01")
        };
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2);
            let part = part.and_then(|part| u8::from_str_radix(part, 16).ok());
            *byte = part.ok_or_else(wrong)?;
        }
        let is_group = bytes[0] & 1 != 0;
        match parts.next().is_some() || is_group || bytes == [0; 6] {
            true => Err(wrong()),
            false => Ok(Mac(bytes)),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

as_string!(Mac);
