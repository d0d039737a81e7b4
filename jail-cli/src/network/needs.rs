// SPDX-License-Identifier: MIT OR Apache-2.0

//! What networks need of the kernel and the machine: it is tried in a network namespace of its own, which goes
//! afterwards.

use super::definition::Definition;
use super::link::New;
use super::netlink::Socket;
use super::{namespace, nft};
use crate::isolation::{Mac, NetworkName};
use std::os::fd::AsFd;

/// What the interfaces are called that are tried.
const TRIED: [&str; 3] = ["jn-try", "jtry", "jstry"];

/// Whether the program is there by which rules are made.
pub fn has_nft() -> bool {
    nft::is_there()
}

/// Which interfaces the kernel has not.
///
/// # Errors
///
/// Where nothing can be tried.
pub fn interfaces() -> Result<Vec<String>, String> {
    let (place, inside) = (namespace::make()?, namespace::make()?);
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let [bridge, end, slower] = TRIED;
    let missing = namespace::within(&place, || {
        let mut host = Socket::open()?;
        let new = New {
            namespace: inside.as_fd(),
            mac,
        };
        let tried = [
            host.make_bridge(bridge, mac),
            host.make_pair(end, new),
            host.make_slower(slower),
        ];
        Ok(tried.into_iter().filter_map(Result::err).collect())
    });
    missing
}

/// Whether the kernel has all of the rules.
///
/// # Errors
///
/// What it says.
pub fn rules() -> Result<(), String> {
    let place = namespace::make()?;
    let name: NetworkName = "try".parse()?;
    let definition = Definition {
        subnets: vec!["10.0.0.0/8", "fd00::/64"]
            .into_iter()
            .filter_map(|net| net.parse().ok())
            .collect(),
        internal: false,
    };
    // The program is started by the thread, and so where that is.
    namespace::within(&place, || nft::try_all(&name, &definition))
}
