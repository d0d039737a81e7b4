// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses of the host for jails that have no network of their own.
//!
//! The jail is in the host's network, and the kernel sees to it that each of its sockets has the jail's
//! address and no other ([`programs`]). What 127.0.0.1 is in it is another address of 127.0.0.0/8, which
//! no other jail has.

mod assembler;
mod link;
mod programs;

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::isolation::HostAddress;
use crate::jail::JailNumber;
use crate::jails::{Created, Jails};
use crate::state::{Held, HeldAddress, HeldAddresses, Store};

pub use programs::{attach, Addresses};

/// Where the loopback addresses of jails begin, and how many there are: half of 127.0.0.0/8, the half in
/// which nothing is by custom, but for the address of all of them at its end.
const LOOPBACK: u32 = 0x7f80_0000;
const LOOPBACKS: u32 = 0x007f_ffff;

/// Which jail it is.
pub type Jail = (JailNumber, Created);

/// Looks whether a new jail can have these, before anything is done.
///
/// # Errors
///
/// Which one it cannot have, why, and what to do.
pub fn check(wanted: &[HostAddress]) -> Result<(), String> {
    wanted.iter().try_for_each(|it| place_of(it).map(drop))
}

/// Gives a new jail its addresses: notes that they are its own, and adds those to interfaces that are to
/// be added.
///
/// # Errors
///
/// Which one it cannot have, why, and what to do. It has none then.
pub fn give((number, created): Jail, wanted: &[HostAddress]) -> Result<Addresses, String> {
    let jails = Jails::open().map_err(|error| error.to_string())?;
    let mut held = Store::default().addresses()?;
    // What cannot be taken back is in the way of none but who wants it.
    let _ = reclaim(&mut held, &jails);
    let mut addresses = Vec::new();
    for it in wanted {
        if let Some(other) = owner(&held.list, it.address) {
            return Err(format!("{it}: jail {other} has this address"));
        }
        addresses.push(HeldAddress {
            address: it.address,
            added_to: place_of(it)?,
        });
    }
    let loopback = free_loopback(number, &held.list);
    held.list.push(Held {
        number,
        created,
        loopback,
        addresses: addresses.clone(),
    });
    held.write()?;
    for (at, it) in addresses.iter().enumerate() {
        let added = it.added_to.map_or(Ok(()), |to| link::add(to, it.address));
        if let Err(error) = added {
            let before = &addresses[..at];
            // What cannot be undone stays noted.
            if before.iter().try_for_each(take_away).is_ok() {
                held.list.pop();
                let _ = held.write();
            }
            return Err(format!("adding the address {}: {error}", wanted[at]));
        }
    }
    let (mut v4, mut v6) = (None, None);
    for it in &addresses {
        match it.address {
            IpAddr::V4(address) => v4 = Some(address),
            IpAddr::V6(address) => v6 = Some(address),
        }
    }
    Ok(Addresses { v4, v6, loopback })
}

/// Takes all of it back from a jail that has ended.
///
/// # Errors
///
/// What could not be taken back. It stays noted, for [`tidy`].
pub fn take_back((number, created): Jail) -> Result<(), String> {
    let Some(mut held) = Store::default().addresses_if_any()? else {
        return Ok(());
    };
    drop_if(&mut held, |it| (it.number, it.created) == (number, created))
}

/// Takes back what jails had that have ended, and whose launchers were killed.
///
/// What cannot be taken back stays noted, for the next one.
pub fn tidy(jails: &Jails) {
    if let Ok(Some(mut held)) = Store::default().addresses_if_any() {
        let _ = reclaim(&mut held, jails);
    }
}

/// What 127.0.0.1 is in a jail, where it has an address of the host.
pub fn loopback_of((number, created): Jail) -> Option<Ipv4Addr> {
    let held = Store::default().addresses_of(number, created)?;
    Some(held.loopback)
}

fn reclaim(held: &mut HeldAddresses, jails: &Jails) -> Result<(), String> {
    drop_if(held, |it| match jails.life(it.number) {
        Ok(Some(jail)) => jail.created != it.created,
        Ok(None) => true,
        Err(_) => false,
    })
}

/// Takes all of it back from those for which `is_to_go` holds.
fn drop_if(held: &mut HeldAddresses, is_to_go: impl Fn(&Held) -> bool) -> Result<(), String> {
    let (before, mut result) = (held.list.len(), Ok(()));
    held.list.retain(|it| {
        let taken = match is_to_go(it) {
            true => it.addresses.iter().try_for_each(take_away),
            false => return true,
        };
        let failed = taken.is_err();
        if failed {
            result = taken;
        }
        failed
    });
    if held.list.len() != before {
        held.write()?;
    }
    result
}

fn take_away(it: &HeldAddress) -> Result<(), String> {
    let Some(index) = it.added_to else {
        return Ok(());
    };
    link::remove(index, it.address).map_err(|error| {
        let interface = link::name(index);
        format!(
            "taking the address {} from {interface}: {error}",
            it.address
        )
    })
}

/// The interface that an address has to be added to; none where one has it.
fn place_of(wanted: &HostAddress) -> Result<Option<u32>, String> {
    let asking = |error: io::Error| format!("{wanted}: asking for addresses: {error}");
    let interface = wanted.interface.as_deref().map(link::index).transpose();
    let interface = interface.map_err(|why| format!("{wanted}: {why}"))?;
    let found = link::find(wanted.address).map_err(asking)?;
    match (interface, found.first()) {
        (Some(index), None) => Ok(Some(index)),
        (Some(index), Some(_)) if found.iter().any(|it| it.index == index) => Ok(None),
        (Some(_), Some(other)) => Err(format!(
            "{wanted}: interface {} has this address",
            link::name(other.index)
        )),
        (None, Some(_)) => Ok(None),
        (None, None) => Err(format!(
            "{wanted}: no interface has this address; \"{wanted},INTERFACE\" adds it to one"
        )),
    }
}

fn owner(held: &[Held], address: IpAddr) -> Option<JailNumber> {
    let has = |it: &&Held| it.addresses.iter().any(|it| it.address == address);
    held.iter().find(has).map(|it| it.number)
}

/// The loopback address that goes with a number, or the next that no other jail has: two numbers can have
/// the same.
fn free_loopback(number: JailNumber, held: &[Held]) -> Ipv4Addr {
    let first = number.get();
    let address = |step: u32| Ipv4Addr::from(LOOPBACK + first.wrapping_add(step) % LOOPBACKS);
    let is_free = |address: &Ipv4Addr| held.iter().all(|it| it.loopback != *address);
    // There are more of them than the kernel has jails.
    let found = (0..LOOPBACKS).map(address).find(is_free);
    found.unwrap_or_else(|| address(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(number: u32, address: [u8; 4], loopback: [u8; 4]) -> Held {
        Held {
            number: JailNumber::new(number).expect("a number"),
            created: Created::default(),
            loopback: loopback.into(),
            addresses: vec![HeldAddress {
                address: IpAddr::from(address),
                added_to: None,
            }],
        }
    }

    #[test]
    fn each_jail_has_a_loopback_address_of_its_own() {
        let number = |number| JailNumber::new(number).expect("a number");
        let address = |it, held: &[Held]| free_loopback(number(it), held).octets();
        assert_eq!(address(1, &[]), [127, 128, 0, 1]);
        assert_eq!(address(0x0001_0203, &[]), [127, 129, 2, 3]);
        // Never the last one, which is all of them.
        assert_eq!(address(0x007f_ffff, &[]), [127, 128, 0, 0]);
        assert_eq!(address(0x007f_fffe, &[]), [127, 255, 255, 254]);
        assert_eq!(address(0x7fff_ffff, &[]), [127, 128, 0, 255]);
        let others = [held(5, [192, 0, 2, 7], [127, 128, 0, 5])];
        assert_eq!(address(0x0080_0004, &others), [127, 128, 0, 6]);
    }

    #[test]
    fn an_address_has_one_owner() {
        let others = [held(5, [192, 0, 2, 7], [127, 128, 0, 5])];
        let owner = |address: [u8; 4]| owner(&others, address.into()).map(|it| it.to_string());
        assert_eq!(owner([192, 0, 2, 7]), Some("5".into()));
        assert_eq!(owner([192, 0, 2, 8]), None);
    }
}
