// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a port of the host is free.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use nix::errno::Errno;
use rustix::net::{bind, socket, sockopt, AddressFamily, SocketType};

use super::definition::Definition;
use super::member::Member;
use super::sysctl;
use crate::isolation::{Protocol, Publish};
use crate::text::reason;

/// Checks that a network has ports led to it.
///
/// # Errors
///
/// Which would lead nowhere, and why.
pub fn check_network(
    asked: &[Publish],
    definition: &Definition,
    nets: &[IpNet],
) -> Result<(), String> {
    let leads = |port: &Publish| {
        let address = port.address;
        if definition.internal {
            return Err("the network is internal, and nothing leads to it");
        }
        if address == Some(Ipv6Addr::LOCALHOST.into()) {
            return Err("nothing is led on from ::1; 127.0.0.1 can be had");
        }
        match address {
            Some(address)
                if !nets
                    .iter()
                    .any(|net| net.addr().is_ipv4() == address.is_ipv4()) =>
            {
                Err("no jail has an address of that kind in the network")
            }
            _ => Ok(()),
        }
    };
    asked
        .iter()
        .try_for_each(|port| leads(port).map_err(|why: &str| format!("publish {port}: {why}")))
}

/// Checks that all of these can be had.
///
/// # Errors
///
/// Which cannot, and why.
pub fn check(asked: &[Publish], others: &[Member]) -> Result<(), String> {
    for (index, port) in asked.iter().enumerate() {
        if asked[..index].iter().any(|before| before.collides(port)) {
            return Err(format!("publish {port}: the same port is asked for twice"));
        }
        let has = |member: &&Member| member.publish.iter().any(|other| other.collides(port));
        if let Some(other) = others.iter().find(has) {
            return Err(format!(
                "publish {port}: jail {} has that port of the host",
                other.label()
            ));
        }
        let addresses = match port.address {
            Some(address) => vec![address],
            None if sysctl::has_v6() => {
                vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
            }
            None => vec![Ipv4Addr::UNSPECIFIED.into()],
        };
        for address in addresses {
            is_free(address, port).map_err(|why| format!("publish {port}: {why}"))?;
        }
    }
    Ok(())
}

/// Whether nothing of the host has it; it is taken for a moment, and nothing listens there.
fn is_free(address: IpAddr, port: &Publish) -> Result<(), String> {
    let (family, kind) = match address {
        IpAddr::V4(_) => (AddressFamily::INET, port.protocol),
        IpAddr::V6(_) => (AddressFamily::INET6, port.protocol),
    };
    let kind = match kind {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let take = || {
        let socket = socket(family, kind, None)?;
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        // What is over but for the kernel's memory of it has the port no more.
        if kind == SocketType::STREAM {
            sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        bind(&socket, &SocketAddr::new(address, port.port))
    };
    take().map_err(|error: rustix::io::Errno| match error {
        rustix::io::Errno::ADDRINUSE => format!(
            "something of the host has port {} ({}) in use; \"ss -lnp\" shows what",
            port.port, port.protocol
        ),
        rustix::io::Errno::ADDRNOTAVAIL => format!("{address} is no address of the host"),
        error => reason(Errno::from_raw(error.raw_os_error())),
    })
}
