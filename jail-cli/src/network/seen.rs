// SPDX-License-Identifier: MIT OR Apache-2.0

//! What there is of networks, for whoever looks at it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use procfs::net::TcpState;
use procfs::process::Process;
use serde::Serialize;

use super::definition::Definitions;
use super::link::of_jail;
use super::member::{self, Connected, Member};
use crate::isolation::{Mac, NetworkName, To};
use crate::jail::JailNumber;
use crate::jails::{Created, Jails};
use crate::process::members;
use crate::state::Store;

/// A network.
#[derive(Debug, Serialize)]
pub struct Network {
    /// What it is called.
    pub name: NetworkName,
    /// Its prefixes.
    pub subnets: Vec<String>,
    /// The addresses of the host in it.
    pub gateways: Vec<String>,
    /// Whether nothing else can be reached from it.
    pub internal: bool,
    /// Its bridge, as long as a jail is connected to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// The jails that are in it.
    pub jails: Vec<Jail>,
}

/// A jail in a network.
#[derive(Debug, Serialize)]
pub struct Jail {
    /// The end of its interface that is on the host.
    pub interface: String,
    /// What was noted when it was connected.
    #[serde(flatten)]
    pub member: Member,
    /// Where something in it waits for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listens: Option<BTreeSet<String>>,
    /// Who talks with whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<BTreeSet<String>>,
}

/// How a jail is connected.
#[derive(Debug, Serialize)]
pub struct Connection {
    /// To what.
    pub to: String,
    /// Its addresses; one that a server hands out comes and goes.
    pub addresses: Vec<IpAddr>,
    /// Its hardware address.
    pub mac: Mac,
}

/// How a jail is connected there, where it is.
///
/// # Errors
///
/// What cannot be read.
pub fn connection(
    to: &To,
    number: JailNumber,
    created: Created,
) -> Result<Option<Connection>, String> {
    let noted = match member::is_used() {
        true => Connected::lock()?.read(to, number),
        false => None,
    };
    let noted = noted.filter(|noted| noted.created == created);
    Ok(noted.map(|noted| Connection {
        to: to.to_string(),
        addresses: noted.addresses,
        mac: noted.mac,
    }))
}

/// Every network, by name, without what happens in it.
///
/// # Errors
///
/// What cannot be read.
pub fn list(jails: &Jails) -> Result<Vec<Network>, String> {
    let definitions = Definitions::default();
    let names = definitions.names()?.into_iter();
    names
        .map(|name| network(&definitions, name, jails))
        .collect()
}

/// A network, with what happens in it.
///
/// # Errors
///
/// That there is none, or what cannot be read.
pub fn inspect(name: &NetworkName, jails: &Jails) -> Result<Network, String> {
    let mut network = network(&Definitions::default(), name.clone(), jails)?;
    for jail in &mut network.jails {
        look_into(jail)?;
    }
    Ok(network)
}

fn network(definitions: &Definitions, name: NetworkName, jails: &Jails) -> Result<Network, String> {
    let definition = definitions.get(&name)?;
    let inside = match member::is_used() {
        true => Connected::lock()?.alive(&To::Network(name.clone()), jails)?,
        false => Vec::new(),
    };
    let jail = |member: Member| Jail {
        interface: of_jail(member.number),
        member,
        listens: None,
        connections: None,
    };
    Ok(Network {
        bridge: (!inside.is_empty()).then(|| name.bridge()),
        name,
        subnets: definition.subnets.iter().map(ToString::to_string).collect(),
        gateways: definition
            .gateways()
            .iter()
            .map(|gateway| gateway.addr().to_string())
            .collect(),
        internal: definition.internal,
        jails: inside.into_iter().map(jail).collect(),
    })
}

/// What goes on in the network of a jail, as a process of it that is in it is told by the kernel.
fn look_into(jail: &mut Jail) -> Result<(), String> {
    let number = jail.member.number;
    let noted = Store::default().read(number);
    let noted = noted.filter(|noted| noted.created == jail.member.created);
    let inode = noted.and_then(|noted| noted.namespaces?.of("net"));
    for pid in members(number)? {
        let Ok(process) = Process::new(pid) else {
            continue;
        };
        let own = process.namespaces().ok();
        let own = own.and_then(|own| Some(own.0.get(std::ffi::OsStr::new("net"))?.identifier));
        if own.is_none() || own != inode {
            continue;
        }
        if let Ok((listens, connections)) = sockets(&process) {
            (jail.listens, jail.connections) = (Some(listens), Some(connections));
            break;
        }
    }
    Ok(())
}

type Sockets = (BTreeSet<String>, BTreeSet<String>);

fn sockets(process: &Process) -> procfs::ProcResult<Sockets> {
    let (mut listens, mut connections) = Sockets::default();
    // A kernel without IPv6 has no such files.
    let tcp = process
        .tcp()?
        .into_iter()
        .chain(process.tcp6().unwrap_or_default());
    for entry in tcp {
        match entry.state {
            TcpState::Listen => {
                listens.insert(format!("tcp {}", entry.local_address));
            }
            _ if entry.inode == 0 => {}
            _ => {
                let ends = (entry.local_address, entry.remote_address);
                connections.insert(format!("tcp {} {}", ends.0, ends.1));
            }
        }
    }
    let udp = process
        .udp()?
        .into_iter()
        .chain(process.udp6().unwrap_or_default());
    for entry in udp {
        match entry.remote_address.port() {
            0 => listens.insert(format!("udp {}", entry.local_address)),
            _ => connections.insert(format!(
                "udp {} {}",
                entry.local_address, entry.remote_address
            )),
        };
    }
    Ok((listens, connections))
}
