// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bridge of a network. It is there as long as a jail is connected to it.

use ipnet::IpNet;
use netlink_packet_route::link::InfoKind;

use super::definition::Definition;
use super::link::{of_jail, Link};
use super::member::Member;
use super::netlink::Socket;
use super::route::{nth, overlap};
use super::{pool, sysctl};
use crate::isolation::{Addresses, NetworkName};

/// The bridge of a network, which is made where it is not there.
///
/// # Errors
///
/// What is in the way.
pub fn ensure(
    host: &mut Socket,
    name: &NetworkName,
    definition: &Definition,
) -> Result<Link, String> {
    let interface = name.bridge();
    if find(host, name)?.is_none() {
        check_routes(host, &definition.subnets, None)?;
        let first = definition.subnets.first().and_then(|net| nth(net, 1));
        let mac = pool::mac(first.ok_or_else(|| format!("network {name} has no prefix"))?);
        host.make_bridge(&interface, mac)?;
    }
    // Whoever has made it may have been killed before all of this.
    let bridge = find(host, name)?;
    let bridge =
        bridge.ok_or_else(|| format!("the bridge {interface} has been removed meanwhile"))?;
    host.describe(&bridge, &format!("jaula network {name}"))?;
    // What a jail says it is the way to is not the host's.
    for value in ["accept_ra", "autoconf", "accept_redirects"] {
        sysctl::write_where_known(&format!("net/ipv6/conf/{interface}/{value}"), "0")?;
    }
    for value in ["accept_redirects", "send_redirects"] {
        sysctl::write_where_known(&format!("net/ipv4/conf/{interface}/{value}"), "0")?;
    }
    for gateway in definition.gateways().into_iter().filter(can_be_had) {
        host.add_address(&bridge, gateway)?;
    }
    host.switch_on(&bridge)?;
    Ok(bridge)
}

/// Connects jails to a bridge that has just been made: somebody has removed the one that they were on.
///
/// # Errors
///
/// What the kernel says.
pub fn reconnect(host: &mut Socket, bridge: &Link, members: &[Member]) -> Result<(), String> {
    for member in members {
        let end = host.link(&of_jail(member.number))?;
        if let Some(end) = end.filter(Link::is_own) {
            host.connect(&end, bridge)?;
        }
    }
    Ok(())
}

/// The bridge of a network, where it is there.
///
/// # Errors
///
/// That something else has its name.
pub fn find(host: &mut Socket, name: &NetworkName) -> Result<Option<Link>, String> {
    let interface = name.bridge();
    match host.link(&interface)? {
        Some(link) if !link.is_own() || link.kind != Some(InfoKind::Bridge) => Err(format!(
            "the host has an interface {interface}, which jaula has not made; rename it, or choose another \
             name for the network"
        )),
        found => Ok(found),
    }
}

/// Whether the host has such addresses.
pub fn can_be_had(net: &IpNet) -> bool {
    matches!(net, IpNet::V4(_)) || sysctl::has_v6()
}

/// The prefixes of a network of which the kernel has addresses.
///
/// # Errors
///
/// That there is none, or none for an address that is asked for.
pub fn usable(definition: &Definition, asked: &Addresses) -> Result<Vec<IpNet>, String> {
    let nets = definition.subnets.iter().copied();
    let nets: Vec<IpNet> = nets.filter(can_be_had).collect();
    let is_off = "the host has no IPv6, or has turned it off (net.ipv6.conf.all.disable_ipv6)";
    let mut asked = asked.iter().map(IpNet::addr);
    if let Some(address) = asked.find(|address| !nets.iter().any(|net| net.contains(address))) {
        return Err(format!("{address}: {is_off}"));
    }
    match nets.is_empty() {
        true => Err(format!("it has IPv6 addresses alone, and {is_off}")),
        false => Ok(nets),
    }
}

/// Checks that the host reaches nothing else by a prefix.
///
/// # Errors
///
/// Which route of the host is in the way.
pub fn check_routes(host: &mut Socket, nets: &[IpNet], own: Option<u32>) -> Result<(), String> {
    let known = host.known()?;
    let others = known
        .iter()
        .filter(|known| own.is_none() || known.interface != own);
    for known in others {
        if let Some(net) = nets.iter().find(|net| overlap(net, &known.net)) {
            return Err(format!(
                "{net} overlaps {}, which the host reaches otherwise (\"ip route get {}\"); make the network \
                 with another prefix (\"jaula net create --subnet\")",
                known.net,
                known.net.network()
            ));
        }
    }
    Ok(())
}
