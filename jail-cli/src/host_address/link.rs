// SPDX-License-Identifier: MIT OR Apache-2.0

//! The addresses of the host's interfaces: looking for one, adding one, taking it away (rtnetlink(7)).

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::net::if_::{if_indextoname, if_nametoindex};

use crate::network::{family, Socket};

/// By what an address is known that jaula has added (`IFA_PROTO`, `ip address show proto 106`): a number
/// that is neither the kernel's nor in iproute2's table.
const OURS: u8 = 106;

/// For ever, as the lifetime of an address.
const FOREVER: u32 = u32::MAX;

/// An address as an interface has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The interface.
    pub index: u32,
    /// Whether jaula has added it.
    pub is_ours: bool,
}

/// The number of an interface.
///
/// # Errors
///
/// That there is none, or what the kernel says.
pub fn index(name: &str) -> Result<u32, String> {
    if_nametoindex(name).map_err(|errno| match errno {
        Errno::ENODEV => format!("there is no interface {name}"),
        errno => format!("interface {name}: {}", errno.desc()),
    })
}

/// The name of an interface, or its number where it has just gone.
pub fn name(index: u32) -> String {
    match if_indextoname(index) {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => index.to_string(),
    }
}

/// The interfaces that have an address.
///
/// # Errors
///
/// What the kernel says.
pub fn find(address: IpAddr) -> io::Result<Vec<Found>> {
    let mut question = AddressMessage::default();
    question.header.family = family(address);
    let answers = open()?.list(RouteNetlinkMessage::GetAddress(question))?;
    let found = answers.iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewAddress(message) => has(message, address),
        _ => None,
    });
    Ok(found.collect())
}

fn has(message: &AddressMessage, address: IpAddr) -> Option<Found> {
    let (mut own, mut other, mut is_ours) = (None, None, false);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(found) => own = Some(*found),
            AddressAttribute::Address(found) => other = Some(*found),
            AddressAttribute::Protocol(protocol) => is_ours = u8::from(*protocol) == OURS,
            _ => {}
        }
    }
    // Of two ends of a link, this one's.
    (own.or(other) == Some(address)).then_some(Found {
        index: message.header.index,
        is_ours,
    })
}

/// Has an interface have an address.
///
/// # Errors
///
/// What the kernel says; `EEXIST` where it has it.
pub fn add(index: u32, address: IpAddr) -> io::Result<()> {
    let mut message = message(index, address);
    let protocol = AddressAttribute::Protocol(AddressProtocol::from(OURS));
    message.attributes.push(protocol);
    if address.is_ipv6() {
        // It can be used at once, and what is the host's does not begin there: that takes an address
        // that is preferred, if there is one.
        let flags = AddressFlags::Nodad | AddressFlags::Noprefixroute;
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(flags));
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid) = (0, FOREVER);
        message
            .attributes
            .push(AddressAttribute::CacheInfo(lifetime));
    }
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    Ok(open()?.change(RouteNetlinkMessage::NewAddress(message), flags)?)
}

/// Takes an address away that jaula has added, where it is still that.
///
/// # Errors
///
/// What the kernel says.
pub fn remove(index: u32, address: IpAddr) -> io::Result<()> {
    let ours = Found {
        index,
        is_ours: true,
    };
    if !find(address)?.contains(&ours) {
        return Ok(());
    }
    let message = message(index, address);
    match open()?.change(RouteNetlinkMessage::DelAddress(message), 0) {
        // Both have gone meanwhile, or one of them.
        Ok(()) | Err(Errno::EADDRNOTAVAIL | Errno::ENODEV) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn open() -> io::Result<Socket> {
    Socket::open().map_err(io::Error::other)
}

/// An address alone, without the network around it.
fn message(index: u32, address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    message.header.index = index;
    message.header.prefix_len = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found_by_its_address() {
        let found = find(IpAddr::from([127, 0, 0, 1])).expect("the kernel's answer");
        let loopback = index("lo").expect("an interface");
        let expected = Found {
            index: loopback,
            is_ours: false,
        };
        assert!(found.contains(&expected), "{found:?}");
        assert_eq!(name(loopback), "lo");
        assert_eq!(
            find(IpAddr::from([192, 0, 2, 250])).map_err(|error| error.kind()),
            Ok(Vec::new())
        );
        assert!(index("nosuchlink0").is_err());
    }
}
