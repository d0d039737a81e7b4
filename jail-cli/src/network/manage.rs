// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making networks, and removing them.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::bridge;
use super::definition::{Definition, Definitions};
use super::member::Connected;
use super::netlink::Socket;
use super::route::{overlap, Known};
use super::{sysctl, tidy};
use crate::isolation::{NetworkName, To};
use crate::jails::Jails;

/// Of what a network gets its prefix where none is said: 10.201.0.0/24 to 10.201.255.0/24.
const POOL: [u8; 2] = [10, 201];

/// Makes a network, with prefixes of its own where none are given.
///
/// # Errors
///
/// What is in the way.
pub fn create(name: &NetworkName, subnets: &[IpNet], internal: bool) -> Result<Definition, String> {
    let about = |why| format!("network {name}: {why}");
    let _alone = Connected::lock().map_err(about)?;
    let definitions = Definitions::default();
    if definitions.find(name)?.is_some() {
        let why = format!("there is one already; \"jaula net rm {name}\" removes it");
        return Err(about(why));
    }
    let mut host = Socket::open().map_err(about)?;
    // That it is not jaula's is said by this.
    bridge::find(&mut host, name).map_err(about)?;
    let mut taken = Vec::new();
    for other in definitions.names()? {
        let subnets = definitions.find(&other)?.map(|it| it.subnets);
        taken.extend(
            subnets
                .unwrap_or_default()
                .into_iter()
                .map(|net| (other.clone(), net)),
        );
    }
    let mut definition = Definition {
        subnets: subnets.to_vec(),
        internal,
    };
    if subnets.is_empty() {
        let known = host.known().map_err(about)?;
        let nets: Vec<IpNet> = taken.iter().map(|(_, net)| *net).collect();
        definition.subnets = choose(&nets, &known).map_err(about)?;
    }
    definition.check().map_err(about)?;
    for net in &definition.subnets {
        if let Some((other, its)) = taken.iter().find(|(_, its)| overlap(its, net)) {
            return Err(about(format!(
                "{net} overlaps {its}, the prefix of network {other}"
            )));
        }
    }
    bridge::check_routes(&mut host, &definition.subnets, None).map_err(about)?;
    definitions.note(name, &definition)?;
    Ok(definition)
}

/// Prefixes that nothing else has.
fn choose(taken: &[IpNet], known: &[Known]) -> Result<Vec<IpNet>, String> {
    let is_free = |net: &IpNet| {
        let known = known.iter().map(|known| &known.net);
        !taken.iter().chain(known).any(|other| overlap(other, net))
    };
    let [a, b] = POOL;
    let mut all = (0..=u8::MAX).filter_map(|c| {
        let net = Ipv4Net::new(Ipv4Addr::new(a, b, c, 0), 24).ok()?;
        Some(IpNet::V4(net))
    });
    let v4 = all.find(is_free).ok_or_else(|| {
        format!("no prefix of {a}.{b}.0.0/16 is free any more; give one with --subnet")
    })?;
    if !sysctl::has_v6() {
        return Ok(vec![v4]);
    }
    Ok(vec![v4, v6(is_free)?])
}

/// One that no other machine is likely to have (RFC 4193).
fn v6(is_free: impl Fn(&IpNet) -> bool) -> Result<IpNet, String> {
    loop {
        let mut bytes = [0; 16];
        let flags = rustix::rand::GetRandomFlags::empty();
        rustix::rand::getrandom(&mut bytes[1..6], flags)
            .map_err(|error| format!("random bytes: {error}"))?;
        bytes[0] = 0xfd;
        let net = Ipv6Net::new(Ipv6Addr::from(bytes), 64).map_err(|error| error.to_string())?;
        if is_free(&IpNet::V6(net)) {
            return Ok(IpNet::V6(net));
        }
    }
}

/// Removes a network, with the addresses that are kept in it.
///
/// # Errors
///
/// That there is none, or which jails are in it.
pub fn remove(name: &NetworkName, jails: &Jails) -> Result<(), String> {
    let about = |why| format!("network {name}: {why}");
    let connected = Connected::lock().map_err(about)?;
    // What is noted about it may make no sense any more, and is removed all the same.
    let definitions = Definitions::default();
    if !definitions.names()?.contains(name) {
        definitions.get(name)?;
    }
    tidy::all(&connected, jails, None)?;
    let inside = connected.alive(&To::Network(name.clone()), jails)?;
    if let [first, ..] = inside.as_slice() {
        let jails: Vec<String> = inside.iter().map(|member| member.label()).collect();
        return Err(about(format!(
            "in use by jail{} {}; \"jaula stop {}\" first",
            if inside.len() == 1 { "" } else { "s" },
            jails.join(", "),
            first.label()
        )));
    }
    definitions.forget(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_not_chosen() {
        let net = |text: &str| text.parse::<IpNet>().expect(text);
        let known = Known {
            net: net("10.201.1.0/24"),
            interface: None,
        };
        let chosen =
            choose(&[net("10.201.0.0/24")], std::slice::from_ref(&known)).expect("one is free");
        assert_eq!(chosen[0], net("10.201.2.0/24"));
        assert!(choose(&[net("10.0.0.0/8")], &[known]).is_err());
    }
}
