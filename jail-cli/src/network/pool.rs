// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who gets which address of a network.
//!
//! A jail that has a name keeps its addresses for that, over its end and that of the machine. They are given
//! to another only where none is free any more, or by who asks for them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::definition::{Definition, Definitions};
use super::route::nth;
use crate::isolation::{Addresses, Mac, NetworkName};
use crate::jails::JailName;

/// As many as are looked at: a larger network is not filled in a machine's life.
const MOST: u32 = 1 << 16;

/// The addresses that are kept, by the names of jails.
pub type Kept = BTreeMap<JailName, Vec<IpAddr>>;

/// What is asked of a network.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The prefixes of which an address is wanted.
    pub nets: &'a [IpNet],
    /// Those that are asked for.
    pub addresses: &'a Addresses,
    /// Whom they are kept for.
    pub name: Option<&'a JailName>,
}

/// Who has which addresses now.
#[derive(Clone, Debug)]
pub struct InUse {
    /// The address, and what the jail is called.
    pub by: Vec<(IpAddr, String)>,
}

impl InUse {
    fn of(&self, address: IpAddr) -> Option<&str> {
        let mut by = self.by.iter();
        by.find(|(used, _)| *used == address)
            .map(|(_, who)| who.as_str())
    }
}

/// Reads what is kept.
///
/// # Errors
///
/// Where it cannot be read.
pub fn kept(definitions: &Definitions, name: &NetworkName) -> Result<Kept, String> {
    let found = definitions.read(&definitions.kept(name))?;
    Ok(found.unwrap_or_default())
}

/// Notes what is kept.
///
/// # Errors
///
/// Where it cannot be written.
pub fn note(definitions: &Definitions, name: &NetworkName, kept: &Kept) -> Result<(), String> {
    let text = toml::to_string(kept).map_err(|error| format!("network {name}: {error}"))?;
    definitions.write(&definitions.kept(name), &text)
}

/// Checks that the addresses that are asked for can be had.
///
/// # Errors
///
/// Which one cannot, and why.
pub fn check(definition: &Definition, addresses: &Addresses, used: &InUse) -> Result<(), String> {
    for address in addresses.iter().map(IpNet::addr) {
        let Some(net) = definition.subnets.iter().find(|net| net.contains(&address)) else {
            let nets: Vec<String> = definition.subnets.iter().map(ToString::to_string).collect();
            return Err(format!(
                "{address} is not in the network, which is {}",
                nets.join(" and ")
            ));
        };
        let is_broadcast =
            matches!((net, address), (IpNet::V4(v4), IpAddr::V4(it)) if it == v4.broadcast());
        if address == net.network() || is_broadcast {
            return Err(format!("{address} is that of the network {net} itself"));
        }
        if nth(net, 1) == Some(address) {
            return Err(format!(
                "{address} is the host's in the network; the others of {net} can be had"
            ));
        }
        if let Some(who) = used.of(address) {
            return Err(format!("{address} is in use by jail {who}"));
        }
    }
    Ok(())
}

/// An address of each prefix.
///
/// # Errors
///
/// That none is free.
pub fn choose(wanted: Wanted<'_>, kept: &mut Kept, used: &InUse) -> Result<Vec<IpAddr>, String> {
    let before = wanted.name.and_then(|name| kept.get(name)).cloned();
    let before = before.unwrap_or_default();
    let mut chosen = Vec::new();
    for net in wanted.nets {
        let mut asked = wanted.addresses.iter().map(IpNet::addr);
        let own = || {
            let free = |address: &&IpAddr| net.contains(*address) && used.of(**address).is_none();
            before.iter().find(free).copied()
        };
        let address = asked.find(|address| net.contains(address)).or_else(own);
        let address = address.or_else(|| free(net, kept, used));
        chosen.push(address.ok_or_else(|| {
            format!(
                "no address of {net} is free; jails that have ended keep none of those that run"
            )
        })?);
    }
    if let Some(name) = wanted.name {
        keep(kept, name, &chosen);
    }
    Ok(chosen)
}

/// Keeps addresses for a name. Whoever had one of them before has to take another.
pub fn keep(kept: &mut Kept, name: &JailName, chosen: &[IpAddr]) {
    kept.retain(|other, addresses| {
        addresses.retain(|address| !chosen.contains(address));
        other == name || !addresses.is_empty()
    });
    kept.insert(name.clone(), chosen.to_vec());
}

/// The first that nobody has; where there is none, the first that nobody uses.
fn free(net: &IpNet, kept: &Kept, used: &InUse) -> Option<IpAddr> {
    let is_kept = |address: &IpAddr| kept.values().any(|kept| kept.contains(address));
    let unused = || {
        let all = (2..MOST).map_while(|n| nth(net, n));
        all.filter(|address| used.of(*address).is_none())
    };
    let first = unused().find(|address| !is_kept(address));
    first.or_else(|| unused().next())
}

/// The hardware address of an interface with this address: the same each time, so that who has talked to it
/// before finds it again.
pub fn mac(address: IpAddr) -> Mac {
    let [a, b, c, d] = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => {
            let [.., a, b, c, d] = v6.octets();
            [a, b, c, d]
        }
    };
    // Administered locally, of one interface.
    Mac([0x02, 0x6a, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets() -> Vec<IpNet> {
        ["10.1.2.0/29", "fd00::/64"]
            .map(|net| net.parse().expect(net))
            .to_vec()
    }

    fn name(text: &str) -> JailName {
        text.parse().expect(text)
    }

    fn chosen(wanted: &[&str]) -> Vec<IpAddr> {
        wanted.iter().map(|it| it.parse().expect(it)).collect()
    }

    fn take(who: Option<&JailName>, kept: &mut Kept, used: &[&str]) -> Result<Vec<IpAddr>, String> {
        let used = InUse {
            by: chosen(used)
                .into_iter()
                .map(|it| (it, "7".into()))
                .collect(),
        };
        let nets = nets();
        let wanted = Wanted {
            nets: &nets,
            addresses: &Addresses::default(),
            name: who,
        };
        choose(wanted, kept, &used)
    }

    #[test]
    fn a_name_keeps_its_addresses() {
        let mut kept = Kept::new();
        let (web, db) = (name("web"), name("db"));
        assert_eq!(
            take(Some(&web), &mut kept, &[]),
            Ok(chosen(&["10.1.2.2", "fd00::2"]))
        );
        assert_eq!(
            take(Some(&db), &mut kept, &[]),
            Ok(chosen(&["10.1.2.3", "fd00::3"]))
        );
        assert_eq!(
            take(None, &mut kept, &[]),
            Ok(chosen(&["10.1.2.4", "fd00::4"]))
        );
        assert_eq!(
            take(Some(&web), &mut kept, &["10.1.2.3"]),
            Ok(chosen(&["10.1.2.2", "fd00::2"]))
        );
        // Another jail of that name uses it.
        assert_eq!(
            take(Some(&web), &mut kept, &["10.1.2.2", "fd00::2"]),
            Ok(chosen(&["10.1.2.4", "fd00::4"]))
        );
    }

    #[test]
    fn what_nobody_uses_is_given_away_where_nothing_else_is_left() {
        let mut kept = Kept::new();
        for who in ["a", "b", "c", "d", "e"] {
            take(Some(&name(who)), &mut kept, &[]).expect(who);
        }
        assert_eq!(kept.len(), 5);
        assert_eq!(
            take(Some(&name("f")), &mut kept, &[]).expect("one")[0],
            chosen(&["10.1.2.2"])[0]
        );
        let all = ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"];
        assert!(take(None, &mut kept, &all).is_err());
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        let definition = Definition {
            subnets: nets(),
            internal: false,
        };
        let used = InUse {
            by: vec![("10.1.2.3".parse().expect("an address"), "web".into())],
        };
        let asked = |text: &str| {
            let net: crate::isolation::Net = format!("a,ip={text}").parse().expect(text);
            match net {
                crate::isolation::Net::Attached(attachment) => attachment.addresses,
                _ => Addresses::default(),
            }
        };
        assert_eq!(check(&definition, &asked("10.1.2.4"), &used), Ok(()));
        for text in [
            "10.1.2.1", "10.1.2.3", "10.1.2.7", "10.1.2.0", "10.1.3.2", "fd00::1", "fd01::2",
        ] {
            assert!(check(&definition, &asked(text), &used).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_has_a_hardware_address() {
        let mac = |text: &str| mac(text.parse().expect(text)).to_string();
        assert_eq!(mac("10.1.2.3"), "02:6a:0a:01:02:03");
        assert_eq!(mac("fd00::1:2"), "02:6a:00:01:00:02");
    }
}
