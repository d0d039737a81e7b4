// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses of the host that a jail has, in the host's own network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use caps::Capability;
use serde::{Deserialize, Serialize};

use super::{Permission, Permissions};

/// How long the name of an interface may be, with the zero at its end (IFNAMSIZ).
const NAME: usize = 16;

/// What reaches around the addresses: packet sockets, and changing the network itself.
const EXCLUDED: [Capability; 2] = [Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN];

/// One address, and the interface that it is added to where it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostAddress {
    /// The address.
    pub address: IpAddr,
    /// The interface, where one is named.
    pub interface: Option<String>,
}

impl FromStr for HostAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, interface) = match text.split_once(',') {
            Some((address, interface)) => (address, Some(interface)),
            None => (text, None),
        };
        if let Some((_, length)) = address.split_once('/') {
            return Err(format!(
                "{text:?}: leave out \"/{length}\": it is one address, without a network"
            ));
        }
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("{text:?}: expected ADDRESS or ADDRESS,INTERFACE"))?;
        if let Some(kind) = unusable(address) {
            return Err(format!("{text:?} is {kind}, which no jail can have"));
        }
        if interface.is_some_and(|name| !is_name(name)) {
            return Err(format!(
                "{text:?}: what follows the comma is no name of an interface"
            ));
        }
        Ok(HostAddress {
            address,
            interface: interface.map(str::to_owned),
        })
    }
}

/// What is special about an address that is nobody's.
fn unusable(address: IpAddr) -> Option<&'static str> {
    let is_link_local = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let is_mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    [
        (address.is_unspecified(), "the address of all"),
        (address.is_loopback(), "a loopback address"),
        (address.is_multicast(), "the address of a group"),
        (is_broadcast, "the address of all"),
        (is_link_local, "an address of one link"),
        (is_mapped, "an address of IPv4 in one of IPv6"),
    ]
    .into_iter()
    .find_map(|(is, kind)| is.then_some(kind))
}

/// As the kernel has it (`dev_valid_name`).
fn is_name(name: &str) -> bool {
    let is_odd = |letter: char| letter == '/' || letter == ':' || letter.is_whitespace();
    (1..NAME).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.contains(is_odd)
        && !name.contains('\0')
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{},{interface}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

impl TryFrom<String> for HostAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostAddress> for String {
    fn from(address: HostAddress) -> Self {
        address.to_string()
    }
}

/// Checks that all of them can be had together, in the host's network, beside what the jail may do.
///
/// # Errors
///
/// What excludes what.
pub(super) fn check(
    addresses: &[HostAddress],
    has_own_network: bool,
    permissions: &Permissions,
) -> Result<(), String> {
    let Some(first) = addresses.first() else {
        return Ok(());
    };
    if has_own_network {
        return Err(format!(
            "{first}: an address of the host is for a jail in the host's network, and this one has \
             a network of its own"
        ));
    }
    for is_kind in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
        let mut of_kind = addresses.iter().filter(|it| is_kind(&it.address));
        if let (Some(first), Some(second)) = (of_kind.next(), of_kind.next()) {
            return Err(format!(
                "{first} and {second}: a jail has one address of IPv4 and one of IPv6 at most"
            ));
        }
    }
    match EXCLUDED.iter().find(|it| permissions.has_any(&[**it])) {
        Some(capability) => Err(format!(
            "{first}: an address of the host and the permission {} exclude each other: who has that \
             uses what address he likes",
            Permission::Capability(*capability)
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_as_they_are_written() {
        for text in ["192.0.2.7", "192.0.2.7,eth0", "2001:db8::7,br-lan.5"] {
            let address: HostAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "",
            "eth0",
            "192.0.2",
            "192.0.2.7/24,eth0",
            "192.0.2.7,",
            "192.0.2.7,a b",
            "192.0.2.7,..",
            "192.0.2.7,abcdefghijklmnop",
            "0.0.0.0",
            "127.0.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "::ffff:192.0.2.7",
        ] {
            assert!(text.parse::<HostAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let list = |texts: &[&str]| -> Vec<HostAddress> {
            let parsed = texts.iter().map(|text| text.parse().expect(text));
            parsed.collect()
        };
        let permissions = |names: &[&str]| {
            let parsed: Vec<Permission> =
                names.iter().map(|name| name.parse().expect(name)).collect();
            Permissions::default().and(&parsed)
        };
        let both = list(&["192.0.2.7", "2001:db8::7"]);
        assert_eq!(check(&both, false, &permissions(&[])), Ok(()));
        assert_eq!(check(&both, false, &permissions(&["mount"])), Ok(()));
        assert!(check(&both, true, &permissions(&[])).is_err());
        assert!(check(&both, false, &permissions(&["raw_sockets"])).is_err());
        assert!(check(&both, false, &permissions(&["net_admin"])).is_err());
        assert_eq!(check(&[], true, &permissions(&["net_admin"])), Ok(()));
        let twice = list(&["192.0.2.7", "192.0.2.8"]);
        assert!(check(&twice, false, &permissions(&[])).is_err());
    }
}
