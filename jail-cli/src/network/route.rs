// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses of interfaces, and the ways to others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, CacheInfo,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::link::Link;
use super::netlink::{failed, Socket};

/// A prefix that is reached otherwise than by default, or an address of the host itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What is reached.
    pub net: IpNet,
    /// The number of the interface that it is reached by.
    pub interface: Option<u32>,
}

impl Socket {
    /// Gives an address to an interface.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn add_address(&mut self, link: &Link, net: IpNet) -> Result<(), String> {
        let message = address(link, net);
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        match self.change(RouteNetlinkMessage::NewAddress(message), flags) {
            Err(Errno::EEXIST) | Ok(()) => Ok(()),
            Err(errno) => Err(failed(format!("giving {net} to {}", link.name))(errno)),
        }
    }

    /// Gives an address to an interface that ends after this time, or makes that of one that it has.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn lend_address(
        &mut self,
        link: &Link,
        net: Ipv4Net,
        lasts: Option<Duration>,
    ) -> Result<(), String> {
        let mut message = address(link, net.into());
        // The greatest number is for ever.
        let seconds = lasts.map_or(u32::MAX, |lasts| {
            u32::try_from(lasts.as_secs()).map_or(u32::MAX - 1, |seconds| seconds.max(1))
        });
        let mut info = CacheInfo::default();
        (info.ifa_preferred, info.ifa_valid) = (seconds, seconds);
        message.attributes.push(AddressAttribute::CacheInfo(info));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.change(RouteNetlinkMessage::NewAddress(message), flags)
            .map_err(failed(format!("giving {net} to {}", link.name)))
    }

    /// Takes an address from an interface, where it has it.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn remove_address(&mut self, link: &Link, net: IpNet) -> Result<(), String> {
        let message = RouteNetlinkMessage::DelAddress(address(link, net));
        match self.change(message, 0) {
            Ok(()) | Err(Errno::EADDRNOTAVAIL | Errno::ENODEV) => Ok(()),
            Err(errno) => Err(failed(format!("taking {net} from {}", link.name))(errno)),
        }
    }

    /// Has all that is not reached otherwise go to `gateway` instead of where it went, from `source`, and no
    /// longer than that is there.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn replace_default_route(
        &mut self,
        link: &Link,
        gateway: Ipv4Addr,
        source: Ipv4Addr,
    ) -> Result<(), String> {
        let mut message = default_route(link, gateway.into());
        let source = RouteAttribute::PrefSource(IpAddr::V4(source).into());
        message.attributes.push(source);
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.change(RouteNetlinkMessage::NewRoute(message), flags)
            .map_err(failed(format!("the default route by {gateway}")))
    }

    /// Has all that is not reached otherwise go to `gateway`.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn add_default_route(&mut self, link: &Link, gateway: IpAddr) -> Result<(), String> {
        let message = default_route(link, gateway);
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.change(RouteNetlinkMessage::NewRoute(message), flags)
            .map_err(failed(format!("the default route by {gateway}")))
    }

    /// The prefixes that are reached otherwise than by default.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn known(&mut self) -> Result<Vec<Known>, String> {
        let mut known = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            let listed = self.list(RouteNetlinkMessage::GetRoute(message));
            let listed = match listed {
                // The kernel has no IPv6.
                Err(Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT) => Vec::new(),
                listed => listed.map_err(failed("listing the host's routes"))?,
            };
            known.extend(listed.into_iter().filter_map(Known::read));
        }
        Ok(known)
    }
}

impl Known {
    fn read(message: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewRoute(route) = message else {
            return None;
        };
        let length = route.header.destination_prefix_length;
        // Some say by two halves, or by all that is ever given out, what others say by one default.
        let is_default = match route.header.address_family {
            AddressFamily::Inet => length < 8,
            _ => length < 16,
        };
        let is_reached = matches!(route.header.kind, RouteType::Unicast | RouteType::Local);
        if is_default || !is_reached {
            return None;
        }
        let (mut address, mut interface) = (None, None);
        for attribute in route.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(v4)) => {
                    address = Some(IpAddr::V4(v4));
                }
                RouteAttribute::Destination(RouteAddress::Inet6(v6)) => {
                    address = Some(IpAddr::V6(v6));
                }
                RouteAttribute::Oif(index) => interface = Some(index),
                _ => {}
            }
        }
        let net = IpNet::new(address?, length).ok()?;
        let is_everywhere = matches!(net, IpNet::V6(v6) if v6.addr().is_unicast_link_local());
        (!is_everywhere).then_some(Known { net, interface })
    }
}

/// Whether two prefixes have addresses in common.
pub fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The address that is this much above the first of a prefix, where it lies in that.
pub fn nth(net: &IpNet, n: u32) -> Option<IpAddr> {
    let address = match net.network() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4).checked_add(n)?)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6).checked_add(n.into())?)),
    };
    let is_usable = match net {
        IpNet::V4(v4) => v4.prefix_len() >= 31 || address != IpAddr::V4(v4.broadcast()),
        IpNet::V6(_) => true,
    };
    (net.contains(&address) && is_usable).then_some(address)
}

fn address(link: &Link, net: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = link.index;
    message.header.family = family(net.addr());
    message.header.prefix_len = net.prefix_len();
    message.attributes = vec![
        AddressAttribute::Local(net.addr()),
        AddressAttribute::Address(net.addr()),
    ];
    match net {
        IpNet::V4(v4) if v4.prefix_len() < 31 => message
            .attributes
            .push(AddressAttribute::Broadcast(v4.broadcast())),
        IpNet::V4(_) => {}
        // It is known that nobody else has it, and it can be used at once.
        IpNet::V6(_) => message.header.flags = AddressHeaderFlags::Nodad,
    }
    message
}

fn default_route(link: &Link, gateway: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(gateway);
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![
        RouteAttribute::Gateway(gateway.into()),
        RouteAttribute::Oif(link.index),
    ];
    message
}

/// Of which kind an address is.
pub fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect(text)
    }

    #[test]
    fn prefixes_overlap_either_way() {
        assert!(overlap(&net("10.1.0.0/16"), &net("10.1.2.0/24")));
        assert!(overlap(&net("10.1.2.0/24"), &net("10.1.0.0/16")));
        assert!(!overlap(&net("10.1.2.0/24"), &net("10.1.3.0/24")));
        assert!(!overlap(&net("10.1.2.0/24"), &net("fd00::/8")));
    }

    #[test]
    fn addresses_are_counted_from_the_first() {
        let address = |text: &str| Some(text.parse::<IpAddr>().expect(text));
        assert_eq!(nth(&net("10.1.2.0/24"), 1), address("10.1.2.1"));
        assert_eq!(nth(&net("10.1.2.0/24"), 254), address("10.1.2.254"));
        assert_eq!(nth(&net("10.1.2.0/24"), 255), None);
        assert_eq!(nth(&net("10.1.2.0/24"), 256), None);
        assert_eq!(nth(&net("fd00::/64"), 2), address("fd00::2"));
    }
}
